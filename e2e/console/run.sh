#!/usr/bin/env bash
# The admin console and the account console in Chromium against our server, which this builds with
# the consoles, starts and stops. Ends with 'N passed, M failed'.
#   run.sh [FOLDER]   FOLDER: where screenshots go
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/console-tests
. "$root/e2e/server.sh"
. "$root/e2e/libraries.sh"
"$root/console/build.sh"
server_build
npm_libraries "$here" "$cache"
# The tests are an issuer of workloads' tokens, too.
ISSUER_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export ISSUER_PORT
server_up --themes-dir="$here/themes" --outbound-http-origins="http://127.0.0.1:$ISSUER_PORT" --outbound-private-addresses
export_server
for one in first-screen admin declared account themes unmanaged; do
	library node "$cache/$one.mjs" ${1:+"$1/$one"}
done
libraries_end
