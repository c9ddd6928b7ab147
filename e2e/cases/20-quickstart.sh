# The quickstart's resources, from nothing to Ready.
# spec: FCA-01, FCA-25
k create namespace identity >/dev/null
k create namespace shop >/dev/null
k label namespace shop pod-security.kubernetes.io/enforce=restricted >/dev/null
succeeds 'kubectl apply -f examples/quickstart' k apply -f "$root/examples/quickstart"
wait_ready() { k wait --for=condition=Ready --timeout=120s --namespace "$@"; }
succeeds 'the server is Ready' wait_ready identity identityserver/main || exit 9
succeeds 'the realm is Ready' wait_ready identity realm/quickstart
succeeds 'the identity provider is Ready' wait_ready identity identityprovider/kubernetes
succeeds 'the client is Ready' wait_ready shop client/shop-backend

columns() { k get client --namespace shop shop-backend --no-headers; }
check 'its columns say so' 'shop-backend*shop-backend*quickstart*True*' columns
pods_security() { k get pod --namespace identity main-0 -o jsonpath='{.spec.securityContext.runAsNonRoot} {.spec.containers[0].securityContext.readOnlyRootFilesystem} {.spec.containers[0].securityContext.capabilities.drop}'; }
check 'the server runs without privileges' 'true true *ALL*' pods_security

address=$(k get service --namespace identity main -o jsonpath='{.spec.clusterIP}')
"$cluster/forward.sh" -to-node "127.0.0.1:$forward_port=$address:8080"
discovery() { curl --silent --max-time 5 "$local_url/realms/quickstart/.well-known/openid-configuration" | field issuer; }
check 'the realm has its issuer' "$issuer" discovery

succeeds 'the applications are applied' k apply -f "$e2e/quickstart"
succeeds 'the second client is Ready' wait_ready shop client/shop-visitor
for app in warehouse shop-backend shop-visitor; do
	succeeds "$app is up" k rollout status --namespace shop "deployment/$app" --timeout=90s
done
