#!/usr/bin/env bash
# The login page in Chromium against our server, which this starts and stops. Ends with
# 'N passed, M failed'.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep
. "$root/e2e/server.sh"
server_build

mkdir -p "$cache/browser"
cp "$here"/package.json "$here"/package-lock.json "$here"/login.mjs "$cache/browser/"
stamp=$(sha256sum <"$here/package-lock.json")
if [ "$(cat "$cache/browser/stamp" 2>/dev/null)" != "$stamp" ]; then
	(cd "$cache/browser" && npm ci --silent --no-audit --no-fund)
	echo "$stamp" >"$cache/browser/stamp"
fi

server_up
CHROMIUM=$(command -v chromium)
export CHROMIUM BASE_URL=$server_url ADMIN=$server_admin ADMIN_PASSWORD=$server_password
node "$cache/browser/login.mjs" || { tail -n 40 "$server_log" | sed 's/^/server: /'; status=1; }
# The counting line is the last one.
exit "${status:-0}"
