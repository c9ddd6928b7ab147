//! Lightweight access tokens: next to nothing in the token, the rest by introspection.

use serde_json::json;

use crate::{access, id, introspect, login, mapper, server_with, userinfo};

/// spec: LWT-01, LWT-02, LWT-04, LWT-05, LWT-06
#[tokio::test]
async fn lightweight_tokens_hold_next_to_nothing() {
    let server = server_with(json!({
        "attributes": {"client.use.lightweight.access.token.enabled": "true"},
        "protocolMappers": [
            mapper("kept", "oidc-usermodel-attribute-mapper", json!({
                "claim.name": "kept", "user.attribute": "level", "access.token.claim": "true",
                "lightweight.claim": "true",
            })),
            mapper("hidden", "oidc-usermodel-attribute-mapper", json!({
                "claim.name": "hidden", "user.attribute": "level", "access.token.claim": "true",
                "introspection.token.claim": "false",
            })),
            mapper("aud", "oidc-audience-mapper", json!({
                "included.client.audience": "app", "access.token.claim": "true",
            })),
        ],
    }))
    .await;
    let tokens = login(&server, "app", "openid").await;
    let token = access(&tokens);
    let mut names: Vec<&str> = token
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "azp", "exp", "iat", "iss", "jti", "kept", "scope", "sid", "typ"
        ]
    );
    assert_eq!(token["kept"], "7");
    // The ID token is as it always is, and the token works.
    assert_eq!(id(&tokens)["preferred_username"], "alice");
    assert_eq!(
        userinfo(&server, &tokens).await["preferred_username"],
        "alice"
    );

    let told = introspect(&server, "app", tokens.text("access_token")).await;
    assert_eq!(told["active"], true);
    assert_eq!(told["preferred_username"], "alice");
    assert_eq!(told["sub"], id(&tokens)["sub"]);
    assert_eq!(told["kept"], "7");
    assert!(told.get("hidden").is_none(), "{told}");
    assert!(told["realm_access"]["roles"].is_array());
    // The same as a signed token, for who asks for one.
    let request = server.http.post(server.url("token/introspect"));
    let form = [
        ("client_id", "app"),
        ("client_secret", "s3cret"),
        ("token", tokens.text("access_token")),
    ];
    let request = request.header("accept", "application/jwt").form(&form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/jwt");
    let whole = answer.text().await.unwrap();
    let realm = server.realm().await;
    let keys = server.services.keys.verification_set(&realm).await;
    let jwt = realmkeep_jose::UnverifiedJwt::parse(&whole).unwrap();
    let keys = keys.unwrap();
    let key = keys.find(jwt.unverified_kid(), jwt.unverified_algorithm());
    let whole = realmkeep_jose::verify(&jwt, key.unwrap()).unwrap();
    assert_eq!(whole.str("preferred_username"), Some("alice"));
    assert_eq!(whole.str("sid"), token["sid"].as_str());
    for name in ["exp", "iat", "jti", "iss", "typ", "azp", "sid", "scope"] {
        assert_eq!(told[name], token[name], "{name}");
    }
}
