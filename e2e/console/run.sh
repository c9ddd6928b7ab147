#!/usr/bin/env bash
# The admin console and the account console in Chromium against our server, which this starts and
# stops; its build must carry the consoles (`cargo xtask console` before). Ends with 'N passed, M failed'.
#   run.sh [FOLDER]   FOLDER: where screenshots go
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/console-tests
. "$root/e2e/server.sh"
"$root/console/build.sh"
server_build

mkdir -p "$cache"
cp "$here"/package.json "$here"/package-lock.json "$here"/*.mjs "$cache/"
stamp=$(sha256sum <"$here/package-lock.json")
if [ "$(cat "$cache/stamp" 2>/dev/null)" != "$stamp" ]; then
	(cd "$cache" && npm ci --silent --no-audit --no-fund)
	echo "$stamp" >"$cache/stamp"
fi

server_up
CHROMIUM=$(command -v chromium)
export CHROMIUM BASE_URL=$server_url ADMIN=$server_admin ADMIN_PASSWORD=$server_password
passed=0 failed=0
for one in admin account; do
	output=$(node "$cache/$one.mjs" ${1:+"$1/$one"} 2>&1) || true
	printf '%s\n' "$output"
	if [[ $(tail -n 1 <<<"$output") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
	else
		failed=$((failed + 1))
	fi
done
[ "$failed" = 0 ] || grep -v '"level":"INFO"' "$server_log" | tail -n 20
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
