//! The JWT authorization grant (RFC 7523 section 2.1).

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use crate::support::issuer::Issuer;
use crate::support::{Answer, Server, claims};
use crate::{CONF, form, server};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const REFUSED: &str = "Invalid assertion";

/// A partner that vouches for alice, whom it knows as `a-1`.
async fn partner() -> (Server, Issuer, String) {
    let server = server().await;
    let issuer = Issuer::start().await;
    let jwks = format!("{}/openid/v1/jwks", issuer.url);
    let config = [
        ("issuer", issuer.url.as_str()),
        ("useJwksUrl", "true"),
        ("jwksUrl", jwks.as_str()),
    ];
    server
        .add_provider("partner", "jwt-authorization-grant", &config)
        .await;
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            for (name, value) in [
                ("oauth2.jwt.authorization.grant.enabled", "true"),
                ("oauth2.jwt.authorization.grant.idp", "other##partner"),
            ] {
                attributes.insert(name.to_owned(), value.to_owned());
            }
        })
        .await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let alice = store.find_user_named(&realm.id, "alice").await.unwrap();
    let alice = alice.unwrap().id.unwrap();
    let link = json!([{"identityProvider": "partner", "userId": "a-1", "userName": "alice"}]);
    server
        .change_user(&alice, |user| {
            user.federated_identities = serde_json::from_value(link).unwrap();
        })
        .await;
    (server, issuer, alice)
}

fn good(server: &Server, issuer: &Issuer) -> Value {
    let now = server.services.clock.now();
    json!({
        "iss": issuer.url, "sub": "a-1", "aud": server.issuer(), "iat": now, "exp": now + 60,
        "jti": uuid::Uuid::new_v4().to_string(),
    })
}

async fn present(server: &Server, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let own = [("grant_type", GRANT), ("assertion", assertion)];
    server.token(&form(&[&own, more, &CONF])).await
}

/// What the partner says about its user is enough for an access token, once.
#[tokio::test]
async fn an_assertion_becomes_a_token() {
    let (server, issuer, alice) = partner().await;
    let assertion = issuer.sign(&good(&server, &issuer));
    let answer = present(&server, &assertion, &[("scope", "openid")]).await;
    answer.granted();
    assert!(answer.body.get("refresh_token").is_none());
    let token = claims(answer.text("access_token"));
    assert_eq!(token["sub"], alice.as_str());
    assert!(
        token["jti"].as_str().unwrap().starts_with("onrtag:"),
        "{token}"
    );
    let seen = server
        .get_with("userinfo", answer.text("access_token"))
        .await;
    assert_eq!(seen.body["preferred_username"], "alice");
    present(&server, &assertion, &[])
        .await
        .refused(400, "invalid_grant", REFUSED);
    // The token endpoint's address is an audience too, as partners know it.
    let mut other = good(&server, &issuer);
    other["aud"] = json!(server.url("token"));
    present(&server, &issuer.sign(&other), &[]).await.granted();
    // Where the provider allows it, an assertion counts more than once.
    server
        .change_provider("partner", |provider| {
            let config = provider.config.as_mut().unwrap();
            let name = "jwtAuthorizationGrantAssertionReuseAllowed";
            config.insert(name.to_owned(), "true".to_owned());
        })
        .await;
    let again = issuer.sign(&good(&server, &issuer));
    for _ in 0..2 {
        present(&server, &again, &[]).await.granted();
    }
}

/// Everything in an assertion counts, and so do the switches of provider, client and user.
#[tokio::test]
async fn assertions_that_are_refused() {
    let (server, issuer, alice) = partner().await;
    let now = server.services.clock.now();
    let refused = async |assertion: &str| {
        present(&server, assertion, &[])
            .await
            .refused(400, "invalid_grant", REFUSED);
    };
    for (name, value) in [
        ("iss", json!("https://other.test")),
        ("iss", Value::Null),
        ("sub", json!("a-2")),
        ("sub", json!("")),
        ("sub", json!("%")),
        ("sub", Value::Null),
        ("aud", json!("https://other.test")),
        ("aud", json!([server.issuer(), "https://other.test"])),
        ("aud", Value::Null),
        ("exp", json!(now - 60)),
        ("exp", json!(now + 3600)),
        ("exp", Value::Null),
        ("iat", json!(now + 600)),
        ("iat", json!(now - 900)),
        ("nbf", json!(now + 600)),
        ("jti", Value::Null),
    ] {
        let mut changed = good(&server, &issuer);
        if value.is_null() {
            changed.as_object_mut().unwrap().remove(name);
        } else {
            changed[name] = value;
        }
        refused(&issuer.sign(&changed)).await;
    }
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    refused(&stranger.sign("JWT", &good(&server, &issuer)).unwrap()).await;
    for typ in ["at+jwt", "logout+jwt", "client-authentication+jwt"] {
        refused(&issuer.key.sign(typ, &good(&server, &issuer)).unwrap()).await;
    }
    refused("x").await;
    // Our own tokens are nobody's assertion.
    let login = crate::password(&server, "openid").await;
    for kind in ["access_token", "id_token", "refresh_token"] {
        refused(login.text(kind)).await;
    }
    present(&server, "", &[])
        .await
        .refused(400, "invalid_request", "Missing parameter: assertion");

    let fresh = || issuer.sign(&good(&server, &issuer));
    server
        .change_user(&alice, |user| user.enabled = Some(false))
        .await;
    assert_eq!(
        present(&server, &fresh(), &[]).await.body["error"],
        "invalid_grant"
    );
    server
        .change_user(&alice, |user| user.enabled = Some(true))
        .await;
    server
        .change_provider("partner", |p| p.enabled = Some(false))
        .await;
    refused(&fresh()).await;
    server
        .change_provider("partner", |p| p.enabled = Some(true))
        .await;
    present(&server, &fresh(), &[]).await.granted();
    let set = async |name: &str, value: &str| {
        server
            .change_client("conf", |client| {
                let attributes = client.attributes.as_mut().unwrap();
                attributes.insert(name.to_owned(), value.to_owned());
            })
            .await;
    };
    set("oauth2.jwt.authorization.grant.idp", "other").await;
    refused(&fresh()).await;
    set("oauth2.jwt.authorization.grant.enabled", "false").await;
    present(&server, &fresh(), &[]).await.refused(
        400,
        "unauthorized_client",
        "JWT Authorization Grant is not supported for the requested client",
    );
}
