#!/usr/bin/env bash
# Keycloak's own client libraries for JavaScript and Python against our server, which
# this starts and stops. Ends with 'N passed, M failed'.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
cache=${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/clients
. "$root/e2e/server.sh"
. "$root/e2e/libraries.sh"
server_build
npm_libraries "$here" "$cache"
python_libraries "$here" "$cache"
server_up
export_server
library node "$cache/crud.mjs"
library "$cache/venv/bin/python" "$here/crud.py"
libraries_end
