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
server_up --themes-dir="$here/themes"
export_server
for one in admin account themes unmanaged; do
	library node "$cache/$one.mjs" ${1:+"$1/$one"}
done
libraries_end
