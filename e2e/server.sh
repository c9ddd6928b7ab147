# A server of our own for tests that run beside it; sourced, not run. server_up starts it
# on free ports with an empty database, and stops it when the shell ends. Sets server_url,
# server_management, server_admin, server_password, server_log. server_host is what the URL calls
# this machine, 127.0.0.1 by itself; with server_without_admin set nobody may sign in.

# Builds the server, unless REALMKEEP_BINARY says where it is.
server_build() {
	local root
	[ -z "${REALMKEEP_BINARY:-}" ] || return 0
	root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
	export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
	# Of the whole workspace, as the tests are: a package by itself has other features, and
	# so its dependencies would be built once more.
	(cd "$root" && cargo build --quiet --locked --workspace --bin realmkeep)
	REALMKEEP_BINARY=$CARGO_TARGET_DIR/debug/realmkeep
}

server_up() {
	local port management
	read -r port management < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for one in sockets: one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in sockets))')
	server_work=$(mktemp -d)
	server_log=$server_work/log
	server_url=http://${server_host:-127.0.0.1}:$port
	server_management=http://127.0.0.1:$management
	server_admin=admin
	server_password=$(head -c 18 /dev/urandom | base64)
	local administrator=(REALMKEEP_BOOTSTRAP_ADMIN_USERNAME="$server_admin" REALMKEEP_BOOTSTRAP_ADMIN_PASSWORD="$server_password")
	[ -z "${server_without_admin:-}" ] || administrator=()
	env "${administrator[@]}" "$REALMKEEP_BINARY" serve --http-host=127.0.0.1 --http-port="$port" --management-host=127.0.0.1 \
		--management-port="$management" --data-dir="$server_work/data" --create-master-key --hostname="$server_url" "$@" \
		>"$server_log" 2>&1 </dev/null &
	server_pid=$!
	trap server_down EXIT
	local try
	for try in $(seq 300); do
		curl --silent --fail --output /dev/null --max-time 2 "$server_management/health/ready" && return 0
		kill -0 "$server_pid" 2>/dev/null || break
		sleep 0.1
	done
	cat "$server_log"
	echo "the server did not become ready (try $try)" >&2
	return 1
}

server_down() {
	kill "$server_pid" 2>/dev/null || true
	wait "$server_pid" 2>/dev/null || true
	rm -rf "$server_work"
}
