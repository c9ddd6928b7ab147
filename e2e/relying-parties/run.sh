#!/usr/bin/env bash
# Applications' libraries, which log a person in and out, against our server, which this
# starts and stops. Ends with 'N passed, M failed'.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/relying-parties
. "$root/e2e/server.sh"
server_build

# The libraries, at the versions written here, outside of the working copy.
mkdir -p "$cache"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$cache/"
stamp=$(sha256sum <"$here/package-lock.json")
if [ "$(cat "$cache/npm-stamp" 2>/dev/null)" != "$stamp" ]; then
	(cd "$cache" && npm ci --silent --no-audit --no-fund)
	echo "$stamp" >"$cache/npm-stamp"
fi
stamp=$(sha256sum <"$here/requirements.txt")
if [ "$(cat "$cache/python-stamp" 2>/dev/null)" != "$stamp" ]; then
	python3 -m venv "$cache/venv"
	"$cache/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
	echo "$stamp" >"$cache/python-stamp"
fi

server_up
CHROMIUM=$(command -v chromium)
export CHROMIUM BASE_URL=$server_url ADMIN=$server_admin ADMIN_PASSWORD=$server_password

passed=0 failed=0
# library COMMAND...: runs it and adds what it counts.
library() {
	local output last
	output=$("$@" 2>&1) || true
	printf '%s\n' "$output"
	last=$(tail -n 1 <<<"$output")
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
	else
		failed=$((failed + 1))
	fi
}
library node "$cache/openid_client.mjs"
library node "$cache/oauth4webapi.mjs"
library node "$cache/keycloak_js.mjs"
library "$cache/venv/bin/python" "$here/authlib_client.py"
library "$here/mod_auth_openidc.sh"
[ "$failed" = 0 ] || tail -n 40 "$server_log"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
