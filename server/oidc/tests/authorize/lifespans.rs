//! Times of the authorization code flow and of the implicit flow.

use crate::browser::{Browser, redeem, server, set};
use crate::support::claims;

/// A token that came through the browser, where none can be renewed, has a time of its own: that of
/// the realm for the implicit flow, whatever the other access tokens have.
///
/// spec: TIME-16
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_the_implicit_flow_have_a_time_of_their_own() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.access_token_lifespan = Some(60);
            realm.access_token_lifespan_for_implicit_flow = Some(240);
        })
        .await;
    set(&server, "app", &[("access.token.lifespan", "45")]).await;
    let more = [("response_type", "id_token token"), ("nonce", "n")];
    let browser = Browser::default();
    let answer = browser.login(&server, &more).await.answer();
    assert_eq!(answer["expires_in"], "240");
    let token = claims(&answer["access_token"]);
    let lifespan = token["exp"].as_i64().unwrap() - token["iat"].as_i64().unwrap();
    assert_eq!(lifespan, 240);
    let userinfo = async |token: &str| server.get_with("userinfo", token).await.status.as_u16();
    server.services.clock.advance(200);
    assert_eq!(userinfo(&answer["access_token"]).await, 200);
    server.services.clock.advance(41);
    assert_eq!(userinfo(&answer["access_token"]).await, 401);

    let code = browser.login(&server, &[("prompt", "login")]).await;
    let tokens = redeem(&server, &code.answer()["code"]).await;
    assert_eq!(tokens.granted()["expires_in"], 45);
}

/// The client has so long to come with its code.
///
/// spec: TIME-17
#[tokio::test(flavor = "multi_thread")]
async fn the_client_has_to_end_the_flow_in_time() {
    let server = server().await;
    server
        .change_realm(|realm| realm.access_code_lifespan = Some(20))
        .await;
    let browser = Browser::default();
    let in_time = browser.login(&server, &[]).await.answer();
    server.services.clock.advance(18);
    redeem(&server, &in_time["code"]).await.granted();
    let late = browser
        .login(&server, &[("prompt", "login")])
        .await
        .answer();
    server.services.clock.advance(21);
    redeem(&server, &late["code"])
        .await
        .refused(400, "invalid_grant", "Code not valid");
}
