#!/usr/bin/env bash
# The cluster test where no node can run: the API server and its controllers, with server
# and operator as processes of this machine, which the operator reaches as an
# ExternalServer. run.sh calls it with the reason; by hand: e2e/api.sh 'to try it'.
set -euo pipefail
export REALMKEEP_E2E_MODE=api
. "$(dirname "$0")/lib.sh"
reason=${1:?the reason why there is no node}
binaries=${CARGO_TARGET_DIR:-$root/target}/debug
(cd "$root" && cargo build --quiet --locked --workspace --bin realmkeep --bin realmkeep-operator)
say "left out: pods, projected token volumes, both sidecars, and the operator's Deployment and IdentityServer ($reason)"

server_pid='' operator_pid=''
finish() {
	local status=$? p f
	p=$(wc -l 2>/dev/null <"$work/passed" || echo 0)
	f=$(wc -l 2>/dev/null <"$work/failed" || echo 0)
	[ "$status" = 0 ] || f=$((f + 1))
	if [ "$f" != 0 ]; then
		k get iam --all-namespaces || true
		tail -n 40 "$work/operator.log" "$work/server.log" || true
	fi
	for pid in $operator_pid $server_pid; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	"$cluster/down.sh" || true
	say "$p passed, $f failed"
	[ "$f" = 0 ] || exit 1
}
trap finish EXIT
"$cluster/down.sh"
"$cluster/build.sh" control 2>&1 | grep -v 'built before' || true
# An issuer that a process of this machine can reach.
export REALMKEEP_CLUSTER_ISSUER=https://127.0.0.1:$REALMKEEP_CLUSTER_PORT
"$cluster/up.sh"
mkdir -p "$work"
: >"$work/passed"
: >"$work/failed"

subject=system:serviceaccount:realmkeep-system:realmkeep-operator
"$binaries/realmkeep" serve --data-dir="$work/data" --create-master-key --hostname="$server_url" \
	--http-host=127.0.0.1 --http-port="$forward_port" --management-host=127.0.0.1 --management-port=$((forward_port + 1)) \
	--bootstrap-service-account-issuer="$REALMKEEP_CLUSTER_ISSUER" --bootstrap-service-account-subject="$subject" \
	--outbound-ca-file="$REALMKEEP_CLUSTER_STATE/pki/ca.crt" --outbound-private-addresses \
	>"$work/server.log" 2>&1 </dev/null &
server_pid=$!
ready() { curl --silent --fail --max-time 2 "http://127.0.0.1:$1/health/ready" >/dev/null && echo yes; }
check 'the server is ready' yes ready $((forward_port + 1))

succeeds 'kubectl apply -k manifests' k apply --server-side -k "$root/manifests/overlays/e2e"
succeeds 'five kinds are served' k wait --for=condition=Established --timeout=30s --all crd
# The operator with its own rights, not an administrator's.
token=$(k create token --namespace realmkeep-system realmkeep-operator --duration 2h)
cat >"$work/operator.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:$REALMKEEP_CLUSTER_PORT", certificate-authority: $REALMKEEP_CLUSTER_STATE/pki/ca.crt}}]
users: [{name: u, user: {token: $token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
KUBECONFIG=$work/operator.kubeconfig "$binaries/realmkeep-operator" --namespace=realmkeep-system --resync=5 \
	--management-address="127.0.0.1:$((forward_port + 2))" >"$work/operator.log" 2>&1 </dev/null &
operator_pid=$!
check 'the operator is ready' yes ready $((forward_port + 2))

k create namespace identity >/dev/null
k create namespace shop >/dev/null
k create serviceaccount --namespace shop shop-backend >/dev/null
k apply -f - <<END >/dev/null
apiVersion: realmkeep.dev/v1alpha1
kind: ExternalServer
metadata: {name: main, namespace: identity}
spec:
  url: $server_url
  auth: {serviceAccount: {}}
END
mkdir -p "$work/quickstart"
for file in realm client identity-provider; do
	sed -e 's/^    name: main$/    kind: ExternalServer\n    name: main/' \
		-e "s|kubernetes: {}|kubernetes: {issuer: \"$REALMKEEP_CLUSTER_ISSUER\"}|" \
		"$root/examples/quickstart/$file.yaml" >"$work/quickstart/$file.yaml"
done
succeeds 'kubectl apply -f quickstart' k apply -f "$work/quickstart"
wait_ready() { k wait --for=condition=Ready --timeout=60s --namespace "$@"; }
succeeds 'the server is Ready' wait_ready identity externalserver/main
succeeds 'the realm is Ready' wait_ready identity realm/quickstart
succeeds 'the identity provider is Ready' wait_ready identity identityprovider/kubernetes
succeeds 'the client is Ready' wait_ready shop client/shop-backend
requested() { token_request "$local_url/realms/quickstart" shop shop-backend; }
check 'a service account gets a token, without a secret' '200 *"access_token"*' requested

for case in 40-bad-input 50-drift 60-deleted-client; do
	say "-- $case"
	bash -uo pipefail -c '. "$0"; . "$1"' "$e2e/lib.sh" "$e2e/cases/$case.sh" || true
done

say '-- teardown'
k delete externalserver --namespace identity main --wait=false >/dev/null
succeeds 'the resources go, with their server gone' k delete -f "$work/quickstart" --timeout=60s --ignore-not-found
left() { k get realms,clients,identityproviders,externalservers --all-namespaces --no-headers --ignore-not-found 2>/dev/null; }
check 'nothing is left' '' left
