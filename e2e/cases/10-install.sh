# The operator, as a person installs it.
succeeds 'kubectl apply -k manifests' k apply --server-side -k "$root/manifests/overlays/e2e"
succeeds 'five kinds are served' k wait --for=condition=Established --timeout=30s \
	crd/identityservers.realmkeep.dev crd/externalservers.realmkeep.dev crd/realms.realmkeep.dev \
	crd/clients.realmkeep.dev crd/identityproviders.realmkeep.dev
succeeds 'the operator is up' k rollout status --namespace realmkeep-system deployment/realmkeep-operator --timeout=90s || exit 9
check 'kubectl get iam' '*' k get iam --all-namespaces
