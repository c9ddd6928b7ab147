# A change behind the operator's back.
client_id() { admin GET '/quickstart/clients?clientId=shop-backend' | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])'; }
id=$(client_id) || { failed "the client's id by the Admin API" "$id"; exit 1; }
name() { admin GET "/quickstart/clients/$id" | field name; }
enabled() { admin GET "/quickstart/clients/$id" | field enabled; }
check 'the declared name is on the server' "The shop's back end" name
admin PUT "/quickstart/clients/$id" '{"clientId":"shop-backend","name":"changed by hand","description":"not declared"}'
patience=60 check 'a declared field is set back' "The shop's back end" name
description() { admin GET "/quickstart/clients/$id" | field description; }
check 'a field that is not declared is left alone' 'not declared' description

admin DELETE "/quickstart/clients/$id"
present() { admin GET '/quickstart/clients?clientId=shop-backend' | grep -c shop-backend || true; }
patience=60 check 'a client that was deleted by hand comes back' '1' present
requested() { token_request "$local_url/realms/quickstart" shop shop-backend | cut -c 1-3; }
check 'and works' '200' requested

# Nothing changes, nothing is written.
version() { k get client --namespace shop shop-backend -o jsonpath='{.metadata.resourceVersion}'; }
before=$(version)
sleep 12
[ "$(version)" = "$before" ] && passed 'at rest the operator writes no status' || failed 'at rest the operator writes no status'
