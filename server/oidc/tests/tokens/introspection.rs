//! Introspection and revocation of every kind of token.

use realmkeep_jose::{KeySet, UnverifiedJwt, verify};
use serde_json::{Value, json};

use crate::support::{Answer, Server, claims};
use crate::{CONF, DpopKey, form, next, password, post_with, refresh, server};

const REFRESH: [(&str, &str); 1] = [("token_type_hint", "refresh_token")];

async fn introspect(server: &Server, token: &str, more: &[(&str, &str)]) -> Answer {
    let own = [("token", token)];
    server
        .post("token/introspect", &form(&[&own, more, &CONF]))
        .await
}

/// Puts `conf` into the audience of its own tokens.
async fn audience(server: &Server) {
    server
        .change_client("conf", |client| {
            let mappers = json!([{
                "name": "own", "protocol": "openid-connect",
                "protocolMapper": "oidc-audience-mapper",
                "config": {"included.client.audience": "conf", "access.token.claim": "true"},
            }]);
            client.protocol_mappers = serde_json::from_value(mappers).unwrap();
        })
        .await;
}

/// A client learns about its own refresh and offline tokens, and nobody else does.
#[tokio::test]
async fn refresh_tokens_are_their_clients_business() {
    let server = server().await;
    server
        .add_client(json!({"clientId": "other", "secret": "s3cret"}))
        .await;
    for scope in ["openid", "openid offline_access"] {
        let token = next(&password(&server, scope).await);
        let seen = introspect(&server, &token, &REFRESH).await;
        assert_eq!(seen.body["active"], true, "{scope}: {seen:?}");
        assert_eq!(seen.body["username"], "alice");
        assert_eq!(seen.body["client_id"], "conf");
        assert_eq!(seen.body["token_type"], claims(&token)["typ"]);
        assert!(seen.body.get("fam").is_none());
        // Where an access token is meant, it is none.
        for hint in [&[][..], &[("token_type_hint", "access_token")]] {
            let seen = introspect(&server, &token, hint).await;
            assert_eq!(seen.body, json!({"active": false}));
        }
        let other = [
            ("token", token.as_str()),
            ("token_type_hint", "refresh_token"),
            ("client_id", "other"),
            ("client_secret", "s3cret"),
        ];
        let seen = server.post("token/introspect", &other).await;
        assert_eq!(seen.body, json!({"active": false}));
        let own = [("token", token.as_str())];
        server.post("revoke", &form(&[&own, &CONF])).await;
        let seen = introspect(&server, &token, &REFRESH).await;
        assert_eq!(seen.body, json!({"active": false}), "{scope}");
    }
}

/// A replaced refresh token is not active; looking does not use one.
#[tokio::test]
async fn a_replaced_token_is_not_active() {
    let server = Server::start_with(|realm| realm.revoke_refresh_token = Some(true)).await;
    crate::fill(&server, json!({})).await;
    let one = next(&password(&server, "").await);
    let active =
        async |token: &str| introspect(&server, token, &REFRESH).await.body["active"].clone();
    assert_eq!(active(&one).await, true);
    let two = next(&refresh(&server, &one).await);
    assert_eq!(active(&one).await, false);
    assert_eq!(active(&two).await, true);
    next(&refresh(&server, &two).await);
}

/// The answer may be signed (RFC 9701): a JWT of a type of its own, for who asked.
#[tokio::test]
async fn an_answer_may_be_signed() {
    let server = server().await;
    audience(&server).await;
    let token = password(&server, "openid").await;
    let token = token.text("access_token").to_owned();
    let ask = async |token: &str, accept: &str| {
        let own = [("token", token)];
        let request = server
            .http
            .post(server.url("token/introspect"))
            .header("Accept", accept)
            .form(&form(&[&own, &CONF]));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let kind = response.headers()["content-type"].to_str().unwrap();
        (kind.to_owned(), response.text().await.unwrap())
    };
    let signed = "application/token-introspection+jwt";
    let accept = format!("text/html, {signed};q=0.9");
    let (kind, body) = ask(&token, &accept).await;
    assert_eq!(kind, signed);
    let jwks = server.http.get(server.url("certs")).send().await.unwrap();
    let keys = KeySet::from_jwks(&jwks.json().await.unwrap());
    let jwt = UnverifiedJwt::parse(&body).unwrap();
    assert_eq!(jwt.unverified_typ(), Some("token-introspection+jwt"));
    let key = keys.find(jwt.unverified_kid(), jwt.unverified_algorithm());
    let said = verify(&jwt, key.unwrap()).unwrap();
    assert_eq!(said.iss(), Some(server.issuer().as_str()));
    assert_eq!(said.aud(), ["conf"]);
    assert!(said.exp().is_none() && said.sub().is_none());
    let inner = said.claim("token_introspection").unwrap();
    assert_eq!(inner["active"], true);
    assert_eq!(inner["username"], "alice");
    let (_, body) = ask("x", signed).await;
    assert_eq!(
        claims(&body)["token_introspection"],
        json!({"active": false})
    );
    let (kind, _) = ask(&token, "application/json").await;
    assert_eq!(kind, "application/json");
    // And it is no access token.
    let (_, body) = ask(&token, signed).await;
    assert_eq!(server.get_with("userinfo", &body).await.status, 401);
}

/// What a token is bound to is told to who asks (RFC 9449 section 6.2).
#[tokio::test]
async fn bindings_are_told() {
    let server = server().await;
    audience(&server).await;
    let key = DpopKey::generate();
    let own = [("grant_type", "client_credentials")];
    let proof = key.proof(&server, "token");
    let answer = post_with(&server, "token", &form(&[&own, &CONF]), &[("DPoP", &proof)]).await;
    let seen = introspect(&server, answer.text("access_token"), &[]).await;
    assert_eq!(seen.body["token_type"], "DPoP");
    assert_eq!(seen.body["cnf"], json!({"jkt": key.jkt}));
}

/// A not-before time of realm, client or user ends access and refresh tokens alike, wherever they are
/// shown: the latest of the three counts.
///
/// spec: REVOKE-01, REVOKE-04
#[tokio::test]
async fn not_before_counts_everywhere() {
    let server = server().await;
    audience(&server).await;
    let user = claims(password(&server, "").await.text("access_token"))["sub"].clone();
    let user = user.as_str().unwrap().to_owned();
    let later = i32::try_from(server.services.clock.now() + 10).unwrap();
    for place in ["realm", "client", "user"] {
        let set = async |not_before: Option<i32>| match place {
            "realm" => server.change_realm(|r| r.not_before = not_before).await,
            "client" => {
                server
                    .change_client("conf", |c| c.not_before = not_before)
                    .await
            }
            _ => {
                server
                    .change_user(&user, |u| u.not_before = not_before)
                    .await
            }
        };
        let tokens = password(&server, "openid").await;
        let (access, refresh_token) = (tokens.text("access_token"), next(&tokens));
        set(Some(later)).await;
        for token in [access, &refresh_token] {
            let seen = introspect(&server, token, &REFRESH).await;
            assert_eq!(seen.body["active"], false, "{place}");
        }
        assert_eq!(
            server.get_with("userinfo", access).await.status,
            401,
            "{place}"
        );
        let answer = refresh(&server, &refresh_token).await;
        assert_eq!(answer.body["error"], "invalid_grant", "{place}");
        set(None).await;
        assert_eq!(
            server.get_with("userinfo", access).await.status,
            200,
            "{place}"
        );
    }
}

/// Revoking ends a token, for good and at once, and twice is as good as once; another client's is
/// none of one's business.
///
/// spec: OEP-05, SA-08, SESS-05
#[tokio::test]
async fn every_token_can_be_revoked() {
    let server = server().await;
    audience(&server).await;
    let own = [("grant_type", "client_credentials")];
    let machine = server.token(&form(&[&own, &CONF])).await;
    let login = password(&server, "openid").await;
    let online = next(&login);
    for token in [
        machine.text("access_token"),
        login.text("access_token"),
        &online,
    ] {
        assert_eq!(
            introspect(&server, token, &REFRESH).await.body["active"],
            true
        );
        server
            .add_client(json!({"clientId": format!("o{}", token.len()), "secret": "s3cret"}))
            .await;
        let other = format!("o{}", token.len());
        let foreign = [
            ("token", token),
            ("client_id", other.as_str()),
            ("client_secret", "s3cret"),
        ];
        server
            .post("revoke", &foreign)
            .await
            .refused(400, "invalid_request", "Unmatching clients");
        for _ in 0..2 {
            let revoke = form(&[&[("token", token)], &CONF]);
            assert_eq!(server.post("revoke", &revoke).await.status, 200);
        }
        let seen = introspect(&server, token, &REFRESH).await;
        assert_eq!(seen.body, json!({"active": false}));
    }
    let answer: Value = refresh(&server, &online).await.body;
    assert_eq!(answer["error"], "invalid_grant");
}
