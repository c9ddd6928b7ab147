"""Authlib (PyPI) with requests: code flow with PKCE, refresh, revocation, introspection, client credentials."""
import html
import os
import re
import sys
from urllib.parse import urljoin

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

BASE = os.environ["BASE_URL"]
REALM = "authlib"
ISSUER = f"{BASE}/realms/{REALM}"
REDIRECT = "http://127.0.0.1:9/callback"
PASSWORD = "correct horse"
count = {"passed": 0, "failed": 0}
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"


def step(name, work):
    try:
        value = work()
        count["passed"] += 1
        print(f"ok: authlib: {name}")
        return value
    except Exception as error:  # noqa: BLE001: a failed step is counted, whatever it was
        count["failed"] += 1
        print(f"FAIL: authlib: {name}: {type(error).__name__}: {error}")
        return None


def set_up():
    token = requests.post(
        f"{BASE}/realms/master/protocol/openid-connect/token",
        data={"grant_type": "password", "client_id": "admin-cli", "username": os.environ.get("ADMIN", "admin"),
              "password": os.environ["ADMIN_PASSWORD"]}, timeout=30).json()["access_token"]

    def post(path, body):
        answer = requests.post(f"{BASE}/admin{path}", json=body, headers={"authorization": f"Bearer {token}"}, timeout=30)
        answer.raise_for_status()

    post("/realms", {"realm": REALM, "enabled": True})
    post(f"/realms/{REALM}/clients", {"clientId": "web", "secret": "web-secret", "redirectUris": [REDIRECT],
                                      "serviceAccountsEnabled": True, "directAccessGrantsEnabled": True,
                                      # Who may introspect a token is in its audience.
                                      "protocolMappers": [{"name": "audience", "protocol": "openid-connect",
                                                           "protocolMapper": "oidc-audience-mapper",
                                                           "config": {"included.client.audience": "web",
                                                                      "access.token.claim": "true"}}]})
    post(f"/realms/{REALM}/users", {"username": "alice", "enabled": True, "email": "alice@example.test",
                                    "emailVerified": True, "firstName": "Alice", "lastName": "Liddell",
                                    "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}]})


def sign_in(url):
    """Fills in the login page; answers the address that it leads back to."""
    browser = requests.Session()
    page = browser.get(url, timeout=30)
    action = html.unescape(re.search(r'<form[^>]*\baction="([^"]*)"', page.text).group(1))
    answer = browser.post(urljoin(page.url, action), data={"username": "alice", "password": PASSWORD},
                          allow_redirects=False, timeout=30)
    assert answer.status_code in (302, 303), answer.status_code
    return answer.headers["location"]


step("a realm, a client and a user", set_up)
metadata = step("discovery", lambda: requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=30).json())
session = OAuth2Session("web", "web-secret", scope="openid profile", redirect_uri=REDIRECT, code_challenge_method="S256",
                        token_endpoint_auth_method="client_secret_basic")
VERIFIER = "v" * 64


def login():
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="n-1")
    return session.fetch_token(metadata["token_endpoint"], authorization_response=sign_in(url), state=state,
                               code_verifier=VERIFIER)


token = step("code flow with PKCE", login)


def id_token():
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
    claims = CodeIDToken(decoded.claims, decoded.header, {"iss": {"essential": True, "value": ISSUER}},
                         {"nonce": "n-1", "client_id": "web", "access_token": token["access_token"]})
    claims.validate()
    assert claims["preferred_username"] == "alice"


step("the id token, validated", id_token)


def userinfo():
    answer = session.get(metadata["userinfo_endpoint"])
    assert answer.status_code == 200 and answer.json()["given_name"] == "Alice", answer.text


step("userinfo", userinfo)
refreshed = step("refresh", lambda: session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"]))


def introspection():
    answer = session.introspect_token(metadata["introspection_endpoint"], token=refreshed["access_token"],
                                      token_type_hint="access_token").json()
    assert answer["active"] is True and answer["username"] == "alice", answer


step("introspection", introspection)


def revocation():
    answer = session.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"],
                                  token_type_hint="refresh_token")
    assert answer.status_code == 200, answer.text
    gone = session.introspect_token(metadata["introspection_endpoint"], token=refreshed["refresh_token"]).json()
    assert gone == {"active": False}, gone


step("revocation", revocation)


def client_credentials():
    own = OAuth2Session("web", "web-secret", token_endpoint_auth_method="client_secret_post")
    assert own.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")["access_token"]


step("client credentials", client_credentials)


def password_grant():
    own = OAuth2Session("web", "web-secret", scope="openid")
    answer = own.fetch_token(metadata["token_endpoint"], username="alice", password=PASSWORD)
    assert answer["id_token"]


step("password grant, where the client allows it", password_grant)
print(f"{count['passed']} passed, {count['failed']} failed")
sys.exit(count["failed"] > 0)
