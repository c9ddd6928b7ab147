#!/usr/bin/env bash
# The operator against a real Kubernetes API server and a real identity server, without a
# node: what it does with resources, policies, references, deletion, and the parts of an
# IdentityServer. Server and operator are processes of this machine; the operator has its
# service account's rights, not an administrator's. Ends with 'N passed, M failed'.
#
#   e2e/apiserver.sh          all of it
#   e2e/apiserver.sh keep     the same, and leaves everything up to look at
set -euo pipefail
export REALMKEEP_E2E_MODE=api
export REALMKEEP_CLUSTER_STATE=${REALMKEEP_CLUSTER_STATE:-/tmp/rk-apiserver}
export REALMKEEP_CLUSTER_PORT=${REALMKEEP_CLUSTER_PORT:-17643}
# An issuer that a process of this machine can reach.
export REALMKEEP_CLUSTER_ISSUER=https://127.0.0.1:$REALMKEEP_CLUSTER_PORT
. "$(dirname "$0")/lib.sh"
keep=${1:-}
target=${CARGO_TARGET_DIR:-$root/target}/debug
management=$((forward_port + 1))
metrics=$((forward_port + 2))
resync=5

(cd "$root" && cargo build --quiet --locked --workspace --bin realmkeep --bin realmkeep-operator)

server_pid='' operator_pid='' second_pid=''
finish() {
	local status=$? p f pid
	p=$(wc -l 2>/dev/null <"$work/passed" || echo 0)
	f=$(wc -l 2>/dev/null <"$work/failed" || echo 0)
	[ "$status" = 0 ] || f=$((f + 1))
	if [ "$f" != 0 ]; then
		k get iam --all-namespaces || true
		tail -n 40 "$work/operator.log" || true
		tail -n 10 "$work/server.log" || true
	fi
	if [ "$keep" = keep ]; then
		say "KUBECONFIG=$KUBECONFIG; processes $operator_pid $second_pid $server_pid"
	else
		for pid in $operator_pid $second_pid $server_pid; do
			kill "$pid" 2>/dev/null || true
			wait "$pid" 2>/dev/null || true
		done
		"$cluster/down.sh" || true
	fi
	say "$p passed, $f failed"
	[ "$f" = 0 ] || exit 1
}
trap finish EXIT

"$cluster/down.sh"
"$cluster/build.sh" control 2>&1 | grep -v 'built before' || true
"$cluster/up.sh"
mkdir -p "$work"
: >"$work/passed"
: >"$work/failed"
# Copies, so that a build beside this test does not change what runs.
cp "$target/realmkeep" "$target/realmkeep-operator" "$work/"

# ---- what is started

server_start() {
	"$work/realmkeep" serve --data-dir="$work/data" --create-master-key --hostname="$server_url" \
		--http-host=127.0.0.1 --http-port="$forward_port" --management-host=127.0.0.1 --management-port=$management \
		--bootstrap-service-account-issuer="$REALMKEEP_CLUSTER_ISSUER" \
		--bootstrap-service-account-subject=system:serviceaccount:realmkeep-system:realmkeep-operator \
		--outbound-ca-file="$REALMKEEP_CLUSTER_STATE/pki/ca.crt" --outbound-private-addresses \
		>>"$work/server.log" 2>&1 </dev/null &
	server_pid=$!
	check 'the server is ready' yes ready $management
}

# operator_start NAME PORT: a replica; its pid is in $!.
operator_start() {
	KUBECONFIG=$work/operator.kubeconfig "$work/realmkeep-operator" --namespace=realmkeep-system --identity="$1" \
		--resync=$resync --management-address="127.0.0.1:$2" --server-image=realmkeep.test/server:1 \
		>>"$work/operator.log" 2>&1 </dev/null &
}

# operator_kubeconfig: the operator's own rights.
operator_kubeconfig() {
	local token
	token=$(k create token --namespace realmkeep-system realmkeep-operator --duration 2h)
	cat >"$work/operator.kubeconfig" <<END
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:$REALMKEEP_CLUSTER_PORT", certificate-authority: $REALMKEEP_CLUSTER_STATE/pki/ca.crt}}]
users: [{name: u, user: {token: $token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
END
}

# ---- short names for what the checks ask

ready() { curl --silent --fail --max-time 2 "http://127.0.0.1:$1/health/ready" >/dev/null && echo yes; }
wait_ready() { k wait --for=condition=Ready --timeout=60s --namespace "$@"; }
# resource KIND NAME NAMESPACE: applies it, with the spec on standard input.
resource() {
	{
		printf 'apiVersion: realmkeep.dev/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec:\n' "$1" "$2" "$3"
		sed 's/^/  /'
	} | k apply -f - 2>&1
}
# condition KIND NAMESPACE NAME TYPE: 'STATUS REASON MESSAGE'.
condition() { k get "$1" --namespace "$2" "$3" -o jsonpath="{range .status.conditions[?(@.type==\"$4\")]}{.status} {.reason} {.message}{end}"; }
# on_server CLIENT-ID FIELD: of a client of the realm quickstart; 'none' when there is no client.
on_server() {
	admin GET "/quickstart/clients?clientId=$1" | python3 -c '
import json, sys
found = json.load(sys.stdin)
value = found[0] if found else "none"
for key in sys.argv[1:]:
    value = value.get(key, "") if found else value
print(value)' ${2:+"$2"}
}
# by_hand CLIENT-ID JSON: a change behind the operator's back.
by_hand() {
	local id
	id=$(on_server "$1" id)
	admin PUT "/quickstart/clients/$id" "$2"
}
event() { k get events --namespace "$1" -o jsonpath="{range .items[?(@.regarding.name==\"$2\")]}{.reason} {end}{range .items[?(@.involvedObject.name==\"$2\")]}{.reason} {end}"; }
counter() { curl --silent --max-time 5 "http://127.0.0.1:$metrics/metrics" | awk -v name="$1" 'index($1, name) == 1 { sum += $2 } END { print sum + 0 }'; }
absent() { k get --ignore-not-found "$@"; }
requested() { token_request "$local_url/realms/quickstart" "$1" "$2"; }
part() { printf -- '-- %s\n' "$1"; }

# ---- the cases

installed() {
	part 'installation'
	succeeds 'kubectl apply -k manifests' k apply --server-side -k "$root/manifests/base"
	succeeds 'five kinds are served' k wait --for=condition=Established --timeout=30s --all crd
	# No node is there to run it; here it is a process.
	k delete deployment --namespace realmkeep-system realmkeep-operator >/dev/null
	operator_kubeconfig
	server_start
	operator_start first $metrics
	operator_pid=$!
	check 'the operator is ready' yes ready $metrics
	k create namespace identity >/dev/null
	k create namespace shop >/dev/null
	k label namespace identity realmkeep.dev/allow-operator-account=true >/dev/null
	k create serviceaccount --namespace shop shop-backend >/dev/null
}

# spec: FCA-01, FCA-25
three_resources() {
	part 'three resources'
	resource ExternalServer main identity <<<$'url: '"$server_url"$'\nauth: {serviceAccount: {}}' >/dev/null
	mkdir -p "$work/quickstart"
	local file
	for file in realm client identity-provider; do
		sed -e 's/^    name: main$/    kind: ExternalServer\n    name: main/' \
			-e "s|kubernetes: {}|kubernetes: {issuer: \"$REALMKEEP_CLUSTER_ISSUER\"}|" \
			"$root/examples/quickstart/$file.yaml" >"$work/quickstart/$file.yaml"
	done
	k apply -f "$work/quickstart" >/dev/null
	succeeds 'the server is Ready' wait_ready identity externalserver/main
	succeeds 'the realm is Ready' wait_ready identity realm/quickstart
	succeeds 'the identity provider is Ready' wait_ready identity identityprovider/kubernetes
	succeeds 'the client is Ready' wait_ready shop client/shop-backend
	check 'a service account gets a token, and no secret exists' '200 *"access_token"*' requested shop shop-backend
	check 'an event tells of the creation' '*Created*' event shop shop-backend
}

at_rest() {
	part 'at rest'
	local before after looks
	sleep 2
	looks=$(counter realmkeep_operator_reconciliations_total)
	before="$(counter realmkeep_operator_status_writes_total) $(counter realmkeep_operator_server_writes_total)"
	sleep $((resync * 3))
	after="$(counter realmkeep_operator_status_writes_total) $(counter realmkeep_operator_server_writes_total)"
	if [ "$(counter realmkeep_operator_reconciliations_total)" -ge $((looks + 8)) ] && [ "$before" = "$after" ]; then
		passed 'looked at again and again, and nothing written'
	else
		failed 'looked at again and again, and nothing written' "before: $before" "after: $after"
	fi
}

drift() {
	part 'drift'
	check 'the declared name is on the server' "The shop's back end" on_server shop-backend name
	by_hand shop-backend '{"clientId":"shop-backend","name":"by hand","description":"not declared"}'
	check 'a declared field is set back' "The shop's back end" on_server shop-backend name
	check 'one that is not declared is left alone' 'not declared' on_server shop-backend description
	check 'an event tells of it' '*DriftCorrected*' event shop shop-backend
	admin DELETE "/quickstart/clients/$(on_server shop-backend id)"
	check 'what was deleted by hand comes back' 'shop-backend' on_server shop-backend clientId

	resource Client watched identity <<<$'realmRef: {name: quickstart}\ndriftPolicy: Report\nsettings: {name: as declared}' >/dev/null
	succeeds 'a client with driftPolicy Report is Ready' wait_ready identity client/watched
	by_hand watched '{"clientId":"watched","name":"by hand"}'
	check 'its drift is told' 'True DriftDetected *name*' condition client identity watched Drifted
	check 'and left alone' 'by hand' on_server watched name
	check 'and it stays Ready' 'True *' condition client identity watched Ready
	k patch client --namespace identity watched --type=merge -p '{"spec":{"settings":{"name":"declared anew"}}}' >/dev/null
	check 'a new declaration is applied' 'declared anew' on_server watched name
	check 'and there is no drift' 'False NoDrift *' condition client identity watched Drifted
	k delete client --namespace identity watched --timeout=30s >/dev/null
}

policies() {
	part 'policies'
	resource Client look identity <<<$'realmRef: {name: quickstart}\nmanagementPolicy: ObserveOnly' >/dev/null
	check 'ObserveOnly creates nothing' 'False Pending *ObserveOnly*' condition client identity look Programmed
	check 'nothing is on the server' none on_server look
	admin POST /quickstart/clients '{"clientId":"look","name":"somebody else"}'
	succeeds 'and is Ready once it is there' wait_ready identity client/look
	succeeds 'it can be deleted' k delete client --namespace identity look --timeout=30s
	check 'and the object stays' 'somebody else' on_server look name

	resource Client look identity <<<$'realmRef: {name: quickstart}\nsettings: {name: adopted}' >/dev/null
	check "somebody else's is not taken over" 'False AdoptionRequired *adoptionPolicy*' condition client identity look Programmed
	check 'nor changed' 'somebody else' on_server look name
	k patch client --namespace identity look --type=merge -p '{"spec":{"adoptionPolicy":"IfUnowned"}}' >/dev/null
	succeeds 'with IfUnowned it is' wait_ready identity client/look
	check 'and is as declared' adopted on_server look name
	k patch client --namespace identity look --type=merge -p '{"spec":{"deletionPolicy":"Orphan"}}' >/dev/null
	succeeds 'with Orphan the resource goes' k delete client --namespace identity look --timeout=30s
	check 'and the object stays' adopted on_server look name

	resource Client once identity <<<$'realmRef: {name: quickstart}\nmanagementPolicy: CreateOnly\nsettings: {name: at first}' >/dev/null
	succeeds 'CreateOnly creates' wait_ready identity client/once
	by_hand once '{"clientId":"once","name":"by hand"}'
	sleep $((resync + 2))
	check 'and changes nothing later' 'by hand' on_server once name
	k patch client --namespace identity once --type=merge -p '{"spec":{"managementPolicy":"Full","suspend":true}}' >/dev/null
	check 'suspended, it is not Ready' 'Unknown Suspended *' condition client identity once Ready
	check 'and left alone' 'by hand' on_server once name
	k patch client --namespace identity once --type=merge -p '{"spec":{"suspend":false}}' >/dev/null
	check 'and then it is as declared' 'at first' on_server once name
	k delete client --namespace identity once --timeout=30s >/dev/null
	check 'deleted, it is gone from the server' none on_server once
}

bad_input() {
	part 'bad input'
	# Passes the schema, which cannot know what a free-form key means.
	resource Client literal shop <<<$'realmRef: {name: quickstart, namespace: identity}\nsettings: {attributes: {"proxy.password": "hunter2"}}' >/dev/null
	check 'an invalid object is told by its path' 'False Invalid *settings*proxy.password*' condition client shop literal Accepted
	check 'and the others go on' 'True *' condition client shop shop-backend Ready
	succeeds 'it can be deleted' k delete client --namespace shop literal --timeout=30s

	resource Client both identity <<<$'realmRef: {name: quickstart}\noverrides: {name: x}' >/dev/null
	check 'a field in overrides that has a home' 'False OverlappingField *spec.overrides.name*' condition client identity both Accepted
	k delete client --namespace identity both --timeout=30s >/dev/null

	resource Client nowhere shop <<<'realmRef: {name: missing, namespace: identity}' >/dev/null
	check 'a reference to nothing' 'False RealmNotFound *identity/missing*' condition client shop nowhere ResolvedRefs
	k delete client --namespace shop nowhere --timeout=30s >/dev/null

	resource Client unknown shop <<<$'realmRef: {name: quickstart, namespace: identity}\nauth: {federated: {provider: elsewhere, subject: a}}' >/dev/null
	check 'an identity provider that is not there' 'False IdentityProviderNotFound *elsewhere*' condition client shop unknown ResolvedRefs
	check 'and no client is made' none on_server unknown
	k delete client --namespace shop unknown --timeout=30s >/dev/null

	resource Client powerful shop <<<$'realmRef: {name: quickstart, namespace: identity}\nauth: {serviceAccount: {name: powerful}}\nserviceAccountRoles: {clients: {realm-management: [manage-users]}}' >/dev/null
	check 'an administrator'"'"'s role without a grant' 'False PrivilegeDenied *realm-management*' condition client shop powerful Accepted
	k delete client --namespace shop powerful --timeout=30s >/dev/null
}

duplicates() {
	part 'two for one'
	resource Client copy shop <<<$'realmRef: {name: quickstart, namespace: identity}\nclientId: shop-backend' >/dev/null
	check 'the second of one clientId is refused, naming the first' 'False IdentityConflict *shop/shop-backend*' condition client shop copy Accepted
	check 'and the first stays Ready' 'True *' condition client shop shop-backend Ready
	k delete client --namespace shop copy --timeout=30s >/dev/null
	resource Client twin shop <<<$'realmRef: {name: quickstart, namespace: identity}\nauth: {serviceAccount: {name: shop-backend}}' >/dev/null
	check 'so is the second of one subject' 'False IdentityConflict *system:serviceaccount:shop:shop-backend*' condition client shop twin Accepted
	resource Client heir shop <<<$'realmRef: {name: quickstart, namespace: identity}\nclientId: legacy' >/dev/null
	wait_ready shop client/heir >/dev/null || true
	sleep 1
	resource Client second-heir shop <<<$'realmRef: {name: quickstart, namespace: identity}\nclientId: legacy' >/dev/null
	check 'a third one too' 'False IdentityConflict *shop/heir*' condition client shop second-heir Accepted
	k delete client --namespace shop heir --timeout=30s >/dev/null
	succeeds 'and takes over when the first is gone' wait_ready shop client/second-heir
	k delete client --namespace shop second-heir twin --timeout=30s >/dev/null
}

namespaces() {
	part 'namespaces'
	k create namespace guest >/dev/null
	resource Client stranger guest <<<'realmRef: {name: quickstart, namespace: identity}' >/dev/null
	check 'a namespace that the realm does not admit' 'False RefNotPermitted *allowedClients*' condition client guest stranger ResolvedRefs
	k patch realm --namespace identity quickstart --type=merge -p '{"spec":{"allowedClients":{"namespaces":{"selector":{"matchLabels":{"kubernetes.io/metadata.name":null,"tenant":"yes"}}}}}}' >/dev/null
	check 'a grant that is taken back' 'False RefNotPermitted *' condition client shop shop-backend ResolvedRefs
	k label namespace guest shop tenant=yes >/dev/null
	succeeds 'a label on the namespace admits it' wait_ready guest client/stranger
	succeeds 'and the other one' wait_ready shop client/shop-backend
	succeeds 'a namespace goes with what is in it' k delete namespace guest --timeout=60s
	check 'also on the server' none on_server stranger
}

secrets() {
	part 'secrets'
	k create secret generic given --namespace identity --from-literal=key=hunter2-first >/dev/null
	resource Client secretive identity <<<$'realmRef: {name: quickstart}\nauth: {clientSecret: {valueFrom: {secretKeyRef: {name: given, key: key}}}}\nsettings: {serviceAccountsEnabled: true}' >/dev/null
	check 'a Secret without the label' 'False SecretNotOptedIn *identity/given*' condition client identity secretive ResolvedRefs
	check 'and nothing of it is on the server' none on_server secretive
	k label secret --namespace identity given realmkeep.dev/allow-operator=true >/dev/null
	succeeds 'with the label it is Ready' wait_ready identity client/secretive
	with_secret() { curl --silent --max-time 10 --user "secretive:$1" --data grant_type=client_credentials --output /dev/null --write-out '%{http_code}' "$local_url/realms/quickstart/protocol/openid-connect/token"; }
	check 'the secret is the one of the Secret' 200 with_secret hunter2-first
	k patch secret --namespace identity given --type=merge -p '{"stringData":{"key":"hunter2-second"}}' >/dev/null
	check 'a new one is noticed' 200 with_secret hunter2-second
	check 'and the old one is void' 401 with_secret hunter2-first
	leaks() { k get clients,realms,identityproviders,externalservers,events --all-namespaces -o json | grep -c hunter2 || true; }
	check 'no resource and no event shows one' 0 leaks
	logged() { grep -c hunter2 "$work/operator.log" || true; }
	check 'nor does the log' 0 logged
	k delete client/secretive secret/given --namespace identity --timeout=30s >/dev/null
}

output() {
	part 'output'
	k create configmap --namespace shop taken --from-literal=a=b >/dev/null
	k patch client --namespace shop shop-backend --type=merge -p '{"spec":{"output":{"configMap":{"name":"taken"}}}}' >/dev/null
	check "somebody else's ConfigMap is left alone" 'False ForeignObject *taken*' condition client shop shop-backend Synced
	k patch client --namespace shop shop-backend --type=merge -p '{"spec":{"output":{"configMap":{"name":"shop-oidc"}}}}' >/dev/null
	settings() { k get configmap --namespace shop shop-oidc -o jsonpath='{.data.clientId} {.data.issuer} {.data.tokenEndpoint}'; }
	check 'one of its own has what applications need' "shop-backend $issuer $issuer/protocol/openid-connect/token" settings
	k patch configmap --namespace shop shop-oidc --type=merge -p '{"data":{"issuer":"https://evil"}}' >/dev/null
	check 'and is set back' "shop-backend $issuer *" settings
	k patch client --namespace shop shop-backend --type=merge -p '{"spec":{"output":null}}' >/dev/null
	check 'and goes when it is not wanted' '' absent configmap --namespace shop shop-oidc
	k delete configmap --namespace shop taken >/dev/null
}

identity_server() {
	part 'IdentityServer'
	resource IdentityServer run identity <<<$'storage: {emptyDir: {}}' >/dev/null
	parts() { k get --namespace identity serviceaccount/run service/run service/run-pods statefulset/run poddisruptionbudget/run networkpolicy/run secret/run-master-key -o name | wc -l; }
	check 'its seven parts are there' 7 parts
	check 'it says that its pod is not there yet' 'False Progressing *0 of 1*' condition identityserver identity run Ready
	restricted() { k get statefulset --namespace identity run -o jsonpath='{.spec.template.spec.securityContext.runAsNonRoot} {.spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem} {.spec.template.spec.containers[0].image}'; }
	check 'the pod is restricted' 'true true realmkeep.test/server:1' restricted
	key() { k get secret --namespace identity run-master-key -o jsonpath='{.data.master\.key}' | base64 -d | base64 -d | wc -c; }
	check 'the master key has 32 bytes' 32 key
	before=$(k get secret --namespace identity run-master-key -o jsonpath='{.data}')
	k patch service --namespace identity run --type=merge -p '{"spec":{"selector":{"app.kubernetes.io/name":"evil"}}}' >/dev/null
	selector() { k get service --namespace identity run -o jsonpath='{.spec.selector}'; }
	check 'a part that was changed by hand is set back' '*realmkeep-server*' selector
	k delete statefulset --namespace identity run >/dev/null
	check 'one that was deleted comes back' '*run*' absent statefulset --namespace identity run
	same_key() { [ "$(k get secret --namespace identity run-master-key -o jsonpath='{.data}')" = "$before" ] && echo same; }
	check 'the master key is never made anew' same same_key
	k patch identityserver --namespace identity run --type=merge -p '{"spec":{"env":[{"name":"REALMKEEP_HOSTNAME","value":"x"}]}}' >/dev/null
	check 'a variable that the operator sets is refused' 'False Invalid *REALMKEEP_HOSTNAME*' condition identityserver identity run Accepted
	k create service clusterip other --namespace identity --tcp=80 >/dev/null
	resource IdentityServer other identity <<<$'storage: {emptyDir: {}}' >/dev/null
	check "somebody else's Service is not taken over" 'False ForeignObject *Service other*' condition identityserver identity other Programmed
	k delete identityserver --namespace identity run other --timeout=30s >/dev/null
	left() { k get all,secrets,serviceaccounts,networkpolicies,poddisruptionbudgets --namespace identity -o name | grep -E '/run' || true; }
	patience=60 check 'its parts go with it' '' left
	resource IdentityServer kept identity <<<$'storage: {persistentVolumeClaim: {size: 64Mi}}' >/dev/null
	check 'with a volume claim' '*kept-master-key*' absent secret --namespace identity kept-master-key
	k delete identityserver --namespace identity kept --timeout=30s >/dev/null
	patience=60 check 'the server goes' '' absent statefulset --namespace identity kept
	check 'and its master key stays with its data' '*kept-master-key*' absent secret --namespace identity kept-master-key
	k delete secret/kept-master-key service/other --namespace identity >/dev/null
}

# What a resource must not get: the operator's token for another server.
accounts() {
	part "the operator's account"
	resource ExternalServer mine shop <<<$'url: '"$server_url"$'\nauth: {serviceAccount: {}}' >/dev/null
	check 'an ExternalServer may not use it without a grant to its namespace' 'False PrivilegeDenied *allow-operator-account*' condition externalserver shop mine Accepted
	resource Realm stolen shop <<<$'serverRef: {kind: ExternalServer, name: mine}' >/dev/null
	check 'nor may a realm on it' 'False Pending *own account*' condition realm shop stolen Programmed
	k delete realm/stolen externalserver/mine --namespace shop --timeout=30s >/dev/null
	resource ExternalServer api identity <<<$'url: https://evil.test\nauth: {serviceAccount: {audience: "https://kubernetes.default.svc"}}' >/dev/null
	check 'no token is asked for that is not for a realm' 'False Invalid *audience*' condition externalserver identity api Accepted
	k delete externalserver --namespace identity api --timeout=30s >/dev/null

	resource IdentityServer real identity <<<$'url: https://id.example.test\nstorage: {emptyDir: {}}' >/dev/null
	check 'a server has its URL' 'https://id.example.test' k get identityserver --namespace identity real -o jsonpath='{.status.url}'
	resource IdentityServer fake shop <<<$'url: https://fake.example.test\nstorage: {emptyDir: {}}' >/dev/null
	check 'another one has its own' 'https://fake.example.test' k get identityserver --namespace shop fake -o jsonpath='{.status.url}'
	k patch identityserver --namespace shop fake --type=merge -p '{"spec":{"url":"https://id.example.test"}}' >/dev/null
	check "and cannot have the first one's" 'False IdentityConflict *identity/real*' condition identityserver shop fake Accepted
	check 'and the first keeps it' 'True *' condition identityserver identity real Accepted
	k patch identityserver --namespace shop fake --type=merge -p '{"spec":{"url":"http://real.identity.svc.cluster.local:8080"}}' >/dev/null
	check "nor the first one's name in the cluster" 'False Invalid *real.identity*' condition identityserver shop fake Accepted
	k delete identityserver --namespace shop fake --timeout=30s >/dev/null
	writes() { k get --raw /metrics | awk '/^apiserver_request_total/ && /verb="(APPLY|PATCH|PUT|POST)"/ && /resource="(statefulsets|services|serviceaccounts|networkpolicies|poddisruptionbudgets|secrets|configmaps)"/ && !/subresource="(token|status)"/ { sum += $NF } END { print sum + 0 }'; }
	sleep 3
	local before
	before=$(writes)
	sleep $((resync * 2 + 1))
	after() { writes; }
	patience=1 check "at rest its parts are not written" "$before" after
	k delete identityserver --namespace identity real --timeout=30s >/dev/null
}

election() {
	part 'two replicas'
	holder() { k get lease --namespace realmkeep-system realmkeep-operator -o jsonpath='{.spec.holderIdentity}'; }
	check 'the first leads' first holder
	operator_start second $((metrics + 1))
	second_pid=$!
	check 'the second is ready' yes ready $((metrics + 1))
	leads() { curl --silent --max-time 2 "http://127.0.0.1:$1/metrics" | awk '$1 == "realmkeep_operator_leader" { print $2 }'; }
	check 'and stands by' 0 leads $((metrics + 1))
	kill -KILL "$operator_pid"
	wait "$operator_pid" 2>/dev/null
	check 'when the first is killed, the second leads' second holder
	by_hand shop-backend '{"clientId":"shop-backend","name":"by hand"}'
	check 'and works' "The shop's back end" on_server shop-backend name
	operator_start third $metrics
	operator_pid=$!
	check 'a third is ready' yes ready $metrics
	kill "$second_pid"
	patience=6 check 'one that ends gives the Lease back at once' third holder
	wait "$second_pid" && passed 'and ends well' || failed 'and ends well' "status $?"
	second_pid=''
}

unreachable() {
	part 'a server that is down'
	kill "$server_pid"
	wait "$server_pid" || true
	k delete client --namespace shop shop-backend --wait=false >/dev/null
	check 'a deletion waits and says why' 'True RemoteDeleteFailed *cannot be reached*' condition client shop shop-backend Deleting
	check 'the server resource says so' 'False ServerUnreachable *' condition externalserver identity main Ready
	server_start
	check 'and ends when the server is back' '' absent client --namespace shop shop-backend
	check 'on the server too' none on_server shop-backend
	k apply -f "$work/quickstart" >/dev/null
	succeeds 'written again it is Ready' wait_ready shop client/shop-backend
}

teardown() {
	part 'teardown'
	resource Realm lasting identity <<<$'serverRef: {kind: ExternalServer, name: main}' >/dev/null
	succeeds 'a realm is Ready' wait_ready identity realm/lasting
	k delete realm --namespace identity lasting --timeout=30s >/dev/null
	realm() { admin GET "/$1" 2>/dev/null | field realm; }
	check 'by default it stays on the server' lasting realm lasting
	succeeds 'everything is deleted at once' k delete -f "$work/quickstart" --timeout=60s
	check 'the realm with deletionPolicy Delete is gone' '' realm quickstart
	k apply -f "$work/quickstart" >/dev/null
	wait_ready shop client/shop-backend >/dev/null || failed 'once more Ready'
	k delete externalserver --namespace identity main >/dev/null
	succeeds 'with their server gone the resources go' k delete -f "$work/quickstart" --timeout=60s
	succeeds 'and their namespaces' k delete namespace identity shop --timeout=60s
	left() { k get realms,clients,identityproviders,externalservers,identityservers --all-namespaces --no-headers --ignore-not-found; }
	check 'nothing is left' '' left
	panics() { grep -c panicked "$work/operator.log" "$work/server.log" | grep -v ':0' || true; }
	check 'nothing has panicked' '' panics
}

# A failed check is counted, and the next one tried.
set +e
for case in installed three_resources at_rest drift policies bad_input duplicates namespaces secrets output identity_server accounts election unreachable teardown; do
	$case
done
set -e
