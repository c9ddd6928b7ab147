# The client goes, and with it the right to tokens.
requested() { token_request "$local_url/realms/quickstart" shop shop-backend; }
check 'before: a token' '200 *"access_token"*' requested
succeeds 'kubectl delete client' k delete client --namespace shop shop-backend --timeout=60s
check 'the next token request is refused' '401 *invalid_client*' requested
