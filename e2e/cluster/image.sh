#!/usr/bin/env bash
# Makes an image out of static binaries and gives it to the node:
#   image.sh -name realmkeep.test/server:1 -entrypoint /server /server=target/.../server
#   image.sh -archive target/images/server.tar     one that is made already
# Pods name it with imagePullPolicy: Never or IfNotPresent. See 'kit image -h'.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
work=$(mktemp -d "$state/image.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$work/log
if [ "${1:-}" = -archive ]; then
	archive=$(readlink -f "$2")
else
	archive=$work/archive
	"$bin/kit" image -out "$archive" "$@"
fi
wait_for 20 'containerd' test -S "$containerd_socket"
if ! nsenter -t "$(cat "$state/node/pid")" -m -- "$bin/ctr" --address "$containerd_socket" --namespace k8s.io \
	images import --local "$archive" >"$log" 2>&1; then
	cat "$log" >&2
	exit 1
fi
