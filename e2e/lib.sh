# What the cluster test's scripts share; sourced, not run.
e2e=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$e2e")
cluster=$e2e/cluster
cache=${REALMKEEP_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/realmkeep/cluster}
# A short path: it holds unix sockets.
export REALMKEEP_CLUSTER_STATE=${REALMKEEP_CLUSTER_STATE:-/tmp/rk-e2e}
export REALMKEEP_CLUSTER_PORT=${REALMKEEP_CLUSTER_PORT:-17443}
export KUBECONFIG=$REALMKEEP_CLUSTER_STATE/admin.kubeconfig
work=$REALMKEEP_CLUSTER_STATE/e2e

# The server on this machine's loopback.
forward_port=$((REALMKEEP_CLUSTER_PORT + 10))
local_url=http://127.0.0.1:$forward_port
# Its address as its issuers have it: for pods or, where there are none, the same.
server_url=http://main.identity.svc.cluster.local:8080
[ "${REALMKEEP_E2E_MODE:-node}" = node ] || server_url=$local_url
issuer=$server_url/realms/quickstart

if ! command -v go >/dev/null && [ -x /usr/local/go/bin/go ]; then
	PATH=$PATH:/usr/local/go/bin
fi

k() { "$cache/bin/kubectl" "$@"; }
say() { printf '%s\n' "$*"; }

passed() { echo >>"$work/passed"; say "ok: $1"; }
failed() {
	echo >>"$work/failed"
	say "FAIL: $1"
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/      /' | tail -n 30
}

# check WHAT PATTERN COMMAND...: what the command prints or complains of matches the
# shell pattern; tried until $patience seconds have passed, for what comes about late.
patience=30
check() {
	local what=$1 pattern=$2 end=$((SECONDS + patience)) out
	shift 2
	while :; do
		out=$("$@" 2>&1) || true
		# shellcheck disable=SC2254 # a pattern is meant
		case $out in $pattern) passed "$what"; return 0 ;; esac
		[ $SECONDS -lt $end ] || break
		sleep 0.5
	done
	failed "$what" "wanted: $pattern" "$* says:" "$out"
	return 1
}

# succeeds WHAT COMMAND...: once.
succeeds() {
	local what=$1 out
	shift
	if out=$("$@" 2>&1); then passed "$what"; else failed "$what" "$* says:" "$out"; return 1; fi
}

# refused WHAT PATTERN COMMAND...: the command fails, and its complaint matches.
refused() {
	local what=$1 pattern=$2 out
	shift 2
	if out=$("$@" 2>&1); then
		failed "$what" "$* was accepted:" "$out"
		return 1
	fi
	# shellcheck disable=SC2254
	case $out in $pattern) passed "$what" ;; *) failed "$what" "wanted: $pattern" "$* says:" "$out"; return 1 ;; esac
}

# A service account's token, as a projected volume would hold it: NAMESPACE NAME AUDIENCE.
account_token() { k create token --namespace "$1" "$2" --audience "$3" --duration 10m; }

# A token request by service account: URL-OF-REALM NAMESPACE NAME. The answer's status
# and body in one line.
token_request() {
	local realm=$1 assertion
	assertion=$(account_token "$2" "$3" "$server_url${realm#"$local_url"}") || return 1
	# On standard input, so that no token stands in a list of processes.
	printf 'grant_type=client_credentials&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Aclient-assertion-type%%3Ajwt-bearer&client_assertion=%s' "$assertion" |
		curl --silent --show-error --max-time 15 --data-binary @- --write-out '\n%{http_code}' "$realm/protocol/openid-connect/token" |
		awk '{ body = body last; last = $0 } END { print last, body }'
}

# A field of a JSON object on standard input; nothing where it has none.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$1"; }

# An administrator's access token: as the operator, whose token only an administrator
# of the cluster can ask for.
admin_token() { token_request "$local_url/realms/master" realmkeep-system realmkeep-operator | cut -d' ' -f2- | field access_token; }

# admin METHOD PATH [JSON]: a call of the Admin API, behind the operator's back.
admin() {
	local method=$1 path=$2
	printf 'header = "Authorization: Bearer %s"\n' "$(admin_token)" |
		curl --silent --show-error --fail-with-body --max-time 15 --config - --request "$method" \
			${3:+--header 'Content-Type: application/json' --data "$3"} "$local_url/admin/realms$path"
}

# in_pod APP COMMAND...: in the main container of the deployment's pod.
in_pod() {
	local app=$1
	shift
	k exec --namespace shop "deployment/$app" --container app -- /app "$@"
}
