# One workload calls another, through both sidecars, and no secret exists.
# spec: FCA-04, FCA-10, FCA-11, FCA-24, FCA-28
warehouse=http://warehouse.shop.svc.cluster.local
proxied() { in_pod "$1" call -via http://127.0.0.1:15001 "$warehouse/stock"; }
check 'the shop calls the warehouse: 200' '200 *' proxied shop-backend
check 'the warehouse learns the caller' '*shop-backend*' proxied shop-backend
check 'without a token: 401' '401*' in_pod shop-backend call "$warehouse/stock"
check 'with a token for another audience: 401' '401*' proxied shop-visitor
check 'with a token that is none: 401' '401*' in_pod shop-backend call -header 'Authorization: Bearer x.y.z' "$warehouse/stock"
check 'an identity header of the caller is not believed: 401' '401*' in_pod shop-backend call -header 'X-Auth-Subject: admin' "$warehouse/stock"

spoofed() { in_pod shop-backend call -via http://127.0.0.1:15001 -header 'X-Auth-Client: admin' -header 'X_Auth_Client: admin' "$warehouse/stock"; }
check 'nor with a token' '200 *' spoofed
says_admin() { spoofed | grep -c '"admin"' || true; }
check 'and does not arrive' '0' says_admin

local_token() { in_pod shop-backend call -header 'X-Local-Token: 1' "http://127.0.0.1:15002/v1/token?target=warehouse" | sed 's/"access_token": *"[^"]*"/"access_token":"…"/'; }
check "the shop's sidecar hands out a token" '200 *"access_token"*"expires_in"*' local_token

# The pods have theirs from a volume; one may be asked for as well.
requested() { token_request "$local_url/realms/quickstart" shop shop-backend | sed 's/"access_token": *"[^"]*"/"access_token":"…"/'; }
check 'a token from the TokenRequest API is good too: 200' '200 *"access_token"*' requested

secrets() { k get secrets --namespace shop --no-headers 2>&1; }
check 'no secret is in the namespace of the applications' 'No resources found*' secrets
secret_volumes() { k get pods --namespace shop -o json | grep -c '"secret":' || true; }
check 'and no pod mounts one' '0' secret_volumes
