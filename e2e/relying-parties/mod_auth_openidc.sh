#!/usr/bin/env bash
# Apache with mod_auth_openidc (Debian): a page that only who signed in may see.
# Needs BASE_URL, ADMIN_PASSWORD; ends with 'N passed, M failed'.
set -euo pipefail
work=$(mktemp -d)
passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok: mod_auth_openidc: $1"; }
fail() { failed=$((failed + 1)); echo "FAIL: mod_auth_openidc: $1"; }
pid=
end() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap end EXIT
PATH=$PATH:/usr/sbin
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
site=http://127.0.0.1:$port
realm=$BASE_URL/realms/apache

token=$(curl --silent --fail "$BASE_URL/realms/master/protocol/openid-connect/token" --data grant_type=password --data client_id=admin-cli \
	--data-urlencode "username=${ADMIN:-admin}" --data-urlencode "password=$ADMIN_PASSWORD" | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
post() {
	curl --silent --show-error --fail --header "authorization: Bearer $token" --header 'content-type: application/json' --data "$2" "$BASE_URL/admin$1"
}
post /realms '{"realm":"apache","enabled":true}'
post /realms/apache/clients "{\"clientId\":\"apache\",\"secret\":\"apache-secret\",\"redirectUris\":[\"$site/*\"],\"attributes\":{\"post.logout.redirect.uris\":\"$site/*\"}}"
post /realms/apache/users '{"username":"alice","enabled":true,"email":"alice@example.test","emailVerified":true,"firstName":"Alice","lastName":"Liddell","credentials":[{"type":"password","value":"correct horse","temporary":false}]}'

mkdir -p "$work/site/private" "$work/site/open"
echo 'for those who signed in' >"$work/site/private/index.html"
echo 'bye' >"$work/site/open/index.html"
modules=/usr/lib/apache2/modules
cat >"$work/apache.conf" <<CONF
ServerRoot $work
ServerName 127.0.0.1
PidFile $work/pid
ErrorLog $work/error.log
Listen 127.0.0.1:$port
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule dir_module $modules/mod_dir.so
LoadModule headers_module $modules/mod_headers.so
LoadModule auth_openidc_module $modules/mod_auth_openidc.so
User www-data
Group www-data
DocumentRoot $work/site
OIDCProviderMetadataURL $realm/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret apache-secret
OIDCRedirectURI $site/private/callback
OIDCCryptoPassphrase $(head -c 18 /dev/urandom | base64)
OIDCPKCEMethod S256
OIDCScope "openid profile email"
OIDCRemoteUserClaim preferred_username
OIDCSSLValidateServer Off
<Location /private>
	AuthType openid-connect
	Require valid-user
	Header always set X-User "expr=%{REMOTE_USER}"
</Location>
<Location /open>
	Require all granted
</Location>
CONF
chmod -R a+rX "$work"
apache2 -f "$work/apache.conf" -DFOREGROUND >"$work/out.log" 2>&1 &
pid=$!
for _ in $(seq 100); do
	curl --silent --output /dev/null --max-time 2 "$site/open/" && break
	sleep 0.1
done

jar=$work/cookies
page=$(curl --silent --location --cookie "$jar" --cookie-jar "$jar" "$site/private/")
action=$(grep -o '<form[^>]*action="[^"]*"' <<<"$page" | head -n 1 | sed 's/.*action="//; s/"$//; s/&amp;/\&/g; s/&#x2f;/\//g')
if [ -n "$action" ]; then ok 'the page leads to the login'; else fail "the page leads to the login: $page"; fi
case $action in /*) action=$BASE_URL$action ;; esac
answer=$(curl --silent --location --dump-header "$work/headers" --cookie "$jar" --cookie-jar "$jar" --data username=alice --data-urlencode 'password=correct horse' "$action") || true
if [ "$answer" = 'for those who signed in' ] && grep -qi '^x-user: alice' "$work/headers"; then ok 'who signs in sees it, by name'; else
	fail "who signs in sees it: $answer"
	tail -n 5 "$work/error.log"
fi
answer=$(curl --silent --location --cookie "$jar" --cookie-jar "$jar" "$site/private/callback?logout=$(printf %s "$site/open/" | sed 's/:/%3A/g; s/\//%2F/g')")
if [ "$answer" = bye ]; then ok 'logout comes back'; else fail "logout comes back: $answer"; fi
page=$(curl --silent --location --cookie "$jar" --cookie-jar "$jar" "$site/private/")
if grep -q 'id="username"' <<<"$page"; then ok 'and has ended the session'; else fail "and has ended the session: $page"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
