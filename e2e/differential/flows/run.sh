#!/usr/bin/env bash
# The same logins on our server, which this starts and stops, and on a Keycloak that runs:
#
#   PEER_URL=http://127.0.0.1:18080 e2e/differential/flows/run.sh [--propose] [PREFIX...]
#
# (bench/keycloak-up.sh starts one, with admin/admin.) Ends with 'N passed, M failed'.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../server.sh"
if [ -z "${PEER_URL:-}" ]; then
	echo 'left out: logins on both servers (PEER_URL names no Keycloak)'
	echo '0 passed, 0 failed'
	exit
fi
server_build
server_up
BASE_URL=$server_url ADMIN=$server_admin ADMIN_PASSWORD=$server_password \
	PEER_URL=$PEER_URL PEER_ADMIN=${PEER_ADMIN:-admin} PEER_PASSWORD=${PEER_PASSWORD:-admin} \
	node "$here/main.mjs" "$@"
