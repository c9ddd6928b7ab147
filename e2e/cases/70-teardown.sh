# Everything goes, and nothing stays behind in Terminating.
succeeds 'the applications go' k delete -f "$e2e/quickstart" --timeout=60s --ignore-not-found
# The server first, so that the others lose what they stand on.
k delete identityserver --namespace identity main --wait=false >/dev/null
succeeds 'the resources go, with their server gone' k delete -f "$root/examples/quickstart" --timeout=60s --ignore-not-found
succeeds 'their namespaces go' k delete namespace identity shop --timeout=120s
succeeds 'the operator goes' k delete -k "$root/manifests/overlays/e2e" --timeout=120s
left() { k get crd -o name | grep realmkeep.dev; k get namespaces --no-headers | grep -E 'identity|shop|realmkeep-system|Terminating'; k get clusterroles,clusterrolebindings -o name | grep realmkeep-operator; }
nothing_left() { left || true; }
patience=60 check 'nothing is left' '' nothing_left
