#!/usr/bin/env bash
# One corpus of requests, and then the same logins (flows/), on our server and on a Keycloak, both started
# and stopped by this (needs mvn and java; what was fetched stays in ~/.cache/realmkeep). Ends with
# 'N passed, M failed'; with a line 'left out: ...' before it where Keycloak cannot be fetched.
#
#   e2e/differential/run.sh [--propose] [--prune] [PREFIX...]   no logins; only cases whose names begin so
#   PEER_URL=http://127.0.0.1:18080 e2e/differential/run.sh   beside a Keycloak that runs already (admin/admin)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
. "$root/e2e/server.sh"
. "$root/e2e/libraries.sh"
peer_admin=admin peer_password=admin

# In memory: nothing stays, and no database server is needed. For some minutes, code that is compiled
# quickly is better than quick code.
peer() {
	JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1 KC_ADMIN=$peer_admin KC_ADMIN_PASSWORD=$peer_password KC_RUN=$peer_run KC_PORT=$peer_port KC_MODE=dev KC_DB=dev-mem \
		"$root/bench/keycloak-up.sh" "$1"
}

peer_up() {
	local port
	port=$(python3 -c '
import socket
with socket.socket() as one:
    one.bind(("127.0.0.1", 0))
    print(one.getsockname()[1])')
	# Keycloak's management port is a thousand above.
	[ "$port" -lt 64000 ] || { peer_up; return; }
	peer_run=$(mktemp -d)
	peer_port=$port
	peer up || return 1
	PEER_URL=http://127.0.0.1:$port
}

all_down() {
	[ -z "${peer_run:-}" ] || { peer wipe; rm -rf "$peer_run"; }
	[ -z "${server_pid:-}" ] || server_down
}

server_build
if [ -z "${PEER_URL:-}" ]; then
	trap all_down EXIT
	if ! peer_run=/ peer_port=1 peer fetch; then
		echo "left out: differential (Keycloak could not be fetched by Maven)"
		echo "0 passed, 0 failed"
		exit 0
	fi
	# Once more, for ports that were taken meanwhile.
	peer_up || { rm -rf "$peer_run"; peer_up; }
fi
server_up
trap all_down EXIT
export BASE_URL=$server_url ADMIN=$server_admin ADMIN_PASSWORD=$server_password
export PEER_URL PEER_ADMIN=$peer_admin PEER_PASSWORD=$peer_password
if [ $# -gt 0 ]; then
	node "$here/main.mjs" "$@"
	exit
fi
library node "$here/main.mjs"
library node "$here/flows/main.mjs"
libraries_end
