#!/usr/bin/env bash
# The whole system on a real Kubernetes: API server, controllers and a node that runs
# pods, with images made FROM scratch (cargo xtask images comes before). Prints 'ok' or
# 'FAIL' for each check, and ends with 'N passed, M failed'.
#
#   e2e/run.sh           all cases
#   e2e/run.sh keep      the same, and leaves the cluster up to look at
set -euo pipefail
. "$(dirname "$0")/lib.sh"
keep=${1:-}
images=${REALMKEEP_IMAGES:-${CARGO_TARGET_DIR:-$root/target}/images}

finish() {
	local status=$? p f
	p=$(wc -l 2>/dev/null <"$work/passed" || echo 0)
	f=$(wc -l 2>/dev/null <"$work/failed" || echo 0)
	[ "$status" = 0 ] || f=$((f + 1))
	[ "$f" = 0 ] || tell_state || true
	if [ "$keep" = keep ]; then
		say "KUBECONFIG=$KUBECONFIG REALMKEEP_CLUSTER_STATE=$REALMKEEP_CLUSTER_STATE"
	else
		"$cluster/down.sh" || true
	fi
	say "$p passed, $f failed"
	[ "$f" = 0 ] || exit 1
}

# What helps to understand a failure.
tell_state() {
	say '-- resources'
	k get identityservers,externalservers,realms,clients,identityproviders --all-namespaces || true
	k get pods --all-namespaces || true
	say '-- events'
	k get events --all-namespaces --sort-by=.metadata.creationTimestamp | tail -n 30 || true
	say '-- operator'
	k logs --namespace realmkeep-system deployment/realmkeep-operator --tail=40 || true
	say '-- server'
	k logs --namespace identity main-0 --tail=40 || true
	say '-- sidecars'
	k logs --namespace shop deployment/shop-backend --container sidecar --tail=15 || true
	k logs --namespace shop deployment/warehouse --container sidecar --tail=15 || true
}

# Whether a node can run here, and if not why not.
why_no_node() {
	[ "$(id -u)" = 0 ] || { echo 'a node needs root'; return; }
	unshare --mount --pid --net --uts --ipc --fork true 2>/dev/null || { echo 'no namespaces can be made here'; return; }
	[ -d /sys/fs/cgroup ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ] || { echo 'the node needs cgroup version 1'; return; }
}

for image in server operator sidecar; do
	[ -s "$images/$image.tar" ] || { say "missing: $images/$image.tar: run cargo xtask images"; exit 1; }
done
"$cluster/down.sh"
reason=$(why_no_node)
if [ -n "$reason" ]; then
	say "left out: the cluster with a node, so pods, projected token volumes and both sidecars ($reason); apiserver.sh needs no node"
	say '0 passed, 0 failed'
	exit
fi
"$cluster/deps.sh"
"$cluster/build.sh" 2>&1 | grep -v 'built before' || true
trap finish EXIT
"$cluster/up.sh" node
mkdir -p "$work"
: >"$work/passed"
: >"$work/failed"

for image in server operator sidecar; do
	"$cluster/image.sh" -archive "$images/$image.tar"
done
(cd "$e2e/app" && CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false' GOWORK=off go build -o "$work/app" .)
"$cluster/image.sh" -name realmkeep.test/app:1 -entrypoint /app "/app=$work/app"

for case in "$e2e"/cases/*.sh; do
	say "-- $(basename "$case" .sh)"
	# A failed check is counted, and the next one tried; a case that ends with 9 says that
	# those after it make no sense.
	result=0
	bash -uo pipefail -c '. "$0"; . "$1"; exit 0' "$e2e/lib.sh" "$case" || result=$?
	[ "$result" != 9 ] || break
done
