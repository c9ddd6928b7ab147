# What a person gets wrong: told by name, field and remedy; nothing half-applied.
resource() {
	printf 'apiVersion: realmkeep.dev/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec:\n' "$1" "$2" "$3"
	sed 's/^/  /'
}
apply() { k apply -f -; }
try() { resource "$@" | apply; }
condition() { k get "$1" --namespace "$2" "$3" -o jsonpath="{range .status.conditions[?(@.type==\"$4\")]}{.status} {.reason} {.message}{end}"; }

unknown_field() { try Client bad shop <<<$'realmRef: {name: quickstart, namespace: identity}\nclientID: bad'; }
refused 'an unknown field' '*clientID*' unknown_field
literal_secret() { try Client bad shop <<<$'realmRef: {name: quickstart, namespace: identity}\nauth: {clientSecret: {value: hunter2}}'; }
refused 'a literal secret' '*value*' literal_secret
two_auths() { try Client bad shop <<<$'realmRef: {name: quickstart, namespace: identity}\nauth: {public: {}, serviceAccount: {name: a}}'; }
refused 'two ways of authenticating' '*auth*' two_auths
master() { try Realm master identity <<<'serverRef: {name: main}'; }
refused 'the realm master' '*master*' master
moved() { k patch client --namespace shop shop-backend --type=merge -p '{"spec":{"clientId":"other"}}'; }
refused 'another clientId for a client' '*clientId is immutable*' moved

try Client nowhere shop <<<'realmRef: {name: missing, namespace: identity}' >/dev/null
check 'a reference to nothing' 'False *missing*' condition client shop nowhere ResolvedRefs
try Client stranger default <<<'realmRef: {name: quickstart, namespace: identity}' >/dev/null
check 'a namespace that the realm does not admit' 'False *' condition client default stranger ResolvedRefs
try Client copy shop <<<$'realmRef: {name: quickstart, namespace: identity}\nclientId: shop-backend' >/dev/null
check 'two clients with one clientId: the second is refused, naming the first' 'False *shop-backend*' condition client shop copy Accepted
check 'and the first stays Ready' 'True *' condition client shop shop-backend Ready

k create secret generic unlabelled --namespace identity --from-literal=key=hunter2-unlabelled >/dev/null
try Client secretive identity <<<$'realmRef: {name: quickstart}\nauth: {clientSecret: {valueFrom: {secretKeyRef: {name: unlabelled, key: key}}}}' >/dev/null
check 'a Secret without the label' 'False SecretNotOptedIn *unlabelled*' condition client identity secretive ResolvedRefs
none_on_server() { admin GET '/quickstart/clients?clientId=secretive'; }
check 'and nothing of it is on the server' '\[\]' none_on_server
k label secret --namespace identity unlabelled realmkeep.dev/allow-operator=true >/dev/null
check 'with the label it is Ready' 'True *' condition client identity secretive Ready
leaks() { k get clients,realms,identityproviders,events --all-namespaces -o json | grep -c hunter2 || true; }
check 'the secret stands in no resource and no event' '0' leaks

# Its namespace may use the operator's own account.
k label namespace default realmkeep.dev/allow-operator-account=true >/dev/null
try ExternalServer gone default <<<$'url: http://127.0.0.1:9\nauth: {serviceAccount: {}}' >/dev/null
check 'a server that is down' 'False ServerUnreachable *' condition externalserver default gone Ready
k delete --ignore-not-found --wait=false client/nowhere client/copy --namespace shop >/dev/null
k delete --wait=false client/secretive secret/unlabelled --namespace identity >/dev/null
k delete --wait=false client/stranger externalserver/gone --namespace default >/dev/null
gone() { k get client/nowhere client/copy --namespace shop --ignore-not-found; k get client/stranger externalserver/gone --namespace default --ignore-not-found; k get client/secretive --namespace identity --ignore-not-found; }
check 'all of these can be deleted again' '' gone
