# Settings that the test cluster's scripts share; sourced, not run.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Built programs, kept between runs.
cache=${REALMKEEP_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/cluster}
# A running cluster's files; 'down.sh' removes the folder.
state=${REALMKEEP_CLUSTER_STATE:-${TMPDIR:-/tmp}/realmkeep-cluster}
# The API server's loopback port; etcd takes the next two.
port=${REALMKEEP_CLUSTER_PORT:-16443}
# The issuer of service account tokens.
issuer=${REALMKEEP_CLUSTER_ISSUER:-https://kubernetes.default.svc.cluster.local}

# The node lives in namespaces of its own, with no way out of them, so these
# addresses exist nowhere else.
node_name=node-1
node_ip=10.88.0.2
pod_range=10.244.0.0/24
service_range=10.96.0.0/16
api_service_ip=10.96.0.1
dns_service_ip=10.96.0.10
pause_image=realmkeep.test/kit:1

bin=$cache/bin
pids=$state/pids
logs=$state/logs
containerd_socket=$state/containerd.sock
export KUBECONFIG=$state/admin.kubeconfig

if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then
	PATH=$PATH:/usr/local/go/bin
fi

# runc, nft and ip are here, which not every root shell looks through.
case :$PATH: in *:/usr/sbin:*) ;; *) PATH=$PATH:/usr/sbin:/sbin ;; esac

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# born PID: when the process began; fails when it has ended.
born() {
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	set -- ${stat##*) }
	case $1 in Z | X) return 1 ;; esac
	echo "${20}"
}

# start NAME COMMAND...: run in the background with its output in a log, and note
# the pid together with the start time, so that no later process is taken for it.
start() {
	local name=$1
	shift
	setsid "$@" >"$logs/$name.log" 2>&1 </dev/null &
	echo "$! $(born $!)" >"$pids/$name"
}

# alive NAME: whether the program started under NAME still runs.
alive() {
	local pid begun
	read -r pid begun 2>/dev/null <"$pids/$1" && [ -n "$begun" ] && [ "$(born "$pid")" = "$begun" ]
}

# stop NAME: end it by its own pid, and wait until it is gone.
stop() {
	local pid rest
	if alive "$1"; then
		read -r pid rest <"$pids/$1"
		kill -KILL "$pid" 2>/dev/null || true
		while alive "$1"; do sleep 0.02; done
	fi
	rm -f "$pids/$1"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { say "not in time: $what"; return 1; }
		sleep 0.2
	done
}
