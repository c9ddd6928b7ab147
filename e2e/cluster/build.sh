#!/usr/bin/env bash
# Builds the test cluster's programs into the cache; does nothing for those that
# are there already. 'build.sh control' leaves out what only a node needs.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
what=${1:-all}
mkdir -p "$bin"
exec 9>"$cache/lock"
flock 9

export CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false -mod=readonly' GOWORK=off

# build NAME FOLDER ARG...: go build, unless the module is as it was last time.
build() {
	local name=$1 folder=$here/$2 stamp begun=$SECONDS
	shift 2
	stamp=$({ go version; printf '%s\n' "$@"; find "$folder" -type f | LC_ALL=C sort | xargs cat; } | sha256sum)
	if [ "$(cat "$cache/$name.stamp" 2>/dev/null)" = "$stamp" ]; then
		say "$name: built before"
		return
	fi
	say "$name: building"
	rm -f "$cache/$name.stamp"
	(cd "$folder" && go build -o "$bin/" "$@")
	echo "$stamp" >"$cache/$name.stamp"
	say "$name: built in $((SECONDS - begun)) s"
}

release=$(sed -n 's|^\t*\(require \)*k8s.io/kubernetes \(v[^ ]*\).*|\2|p' "$here/kube/go.mod" | head -n 1)
minor=${release#v1.}
version=k8s.io/component-base/version
client=k8s.io/client-go/pkg/version
build kit kit -ldflags '-s -w' .
[ "$what" != kit ] || exit 0
build spiffe spiffe -ldflags '-s -w' .
build kube kube -ldflags "-s -w -X $version.gitVersion=$release -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*} -X $version.gitTreeState=clean -X $client.gitVersion=$release" .
for part in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl etcd; do
	ln -sf kube "$bin/$part"
done
[ "$what" = control ] || build node node -tags 'no_btrfs no_devmapper no_zfs no_tracing' -ldflags '-s -w' tool ./dns
