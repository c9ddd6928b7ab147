//! The device grant (RFC 8628).

use realmkeep_authn::device::{self, find_by_user_code};
use realmkeep_authn::{random, session};
use realmkeep_store::pending::Approval;
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::{Batch, Store};

use crate::support::{Answer, Server, claims};
use crate::{CONF, DpopKey, form, next, post_with, refresh, server};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn begin(server: &Server, scope: &str) -> Answer {
    let answer = server
        .post("auth/device", &form(&[&[("scope", scope)], &CONF]))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

async fn poll(server: &Server, device_code: &str) -> Answer {
    let own = [("grant_type", GRANT), ("device_code", device_code)];
    server.token(&form(&[&own, &CONF])).await
}

/// Logs alice in, as the verification page does, and lets the device in or not.
async fn answer(server: &Server, user_code: &str, consent: bool) -> bool {
    let realm = server.realm().await;
    let store = &server.services.store;
    let now = server.services.clock.now();
    let found = find_by_user_code(store, &realm, user_code, now)
        .await
        .unwrap();
    let Some(waiting) = found else {
        return false;
    };
    if !consent {
        return device::deny(store, &waiting, now).await.unwrap();
    }
    let alice = store.find_user_named(&realm.id, "alice").await.unwrap();
    let session = UserSession {
        id: random::token(18),
        user_id: alice.unwrap().id.unwrap(),
        started: now,
        last_refresh: now,
        expires: session::expiry(&realm, false, now, now),
        detail: UserSessionDetail {
            auth_time: now,
            ..UserSessionDetail::default()
        },
    };
    let mut batch = Batch::new();
    batch.push(Store::insert_session(&realm.id, &session).unwrap());
    store.commit(batch).await.unwrap();
    let approval = Approval {
        user_id: session.user_id,
        session_id: session.id,
    };
    let detail = ClientSessionDetail::default();
    device::approve(store, &waiting, &approval, &detail, now)
        .await
        .unwrap()
}

/// A device shows a code, polls until its user has consented elsewhere, and gets tokens once.
///
/// spec: OIDC-16, OEP-07, OC-22
#[tokio::test]
async fn a_device_is_let_in() {
    let server = server().await;
    let begun = begin(&server, "openid").await;
    assert_eq!(begun.body["expires_in"], 600);
    assert_eq!(begun.body["interval"], 5);
    let page = format!("{}/device", server.issuer());
    assert_eq!(begun.body["verification_uri"], page.as_str());
    let (code, shown) = (begun.text("device_code"), begun.text("user_code"));
    assert_eq!(
        begun.text("verification_uri_complete"),
        format!("{page}?user_code={shown}")
    );
    poll(&server, code).await.refused(
        400,
        "authorization_pending",
        "The authorization request is still pending",
    );
    // Too fast: each time five seconds more.
    poll(&server, code)
        .await
        .refused(400, "slow_down", "Slow down");
    server.services.clock.advance(6);
    poll(&server, code)
        .await
        .refused(400, "slow_down", "Slow down");
    server.services.clock.advance(15);
    let pending = poll(&server, code).await;
    assert_eq!(pending.body["error"], "authorization_pending");

    assert!(answer(&server, &shown.to_lowercase(), true).await);
    // One answer: it cannot be given again, or taken back.
    assert!(!answer(&server, shown, true).await);
    assert!(!answer(&server, shown, false).await);
    let tokens = poll(&server, code).await;
    let access = claims(tokens.granted()["access_token"].as_str().unwrap());
    assert_eq!(access["preferred_username"], "alice");
    assert!(
        access["jti"].as_str().unwrap().starts_with("onrtdg:"),
        "{access}"
    );
    assert!(tokens.body["id_token"].is_string());
    refresh(&server, &next(&tokens)).await.granted();
    poll(&server, code)
        .await
        .refused(400, "invalid_grant", "Device code not valid");
}

/// What can go wrong is said in the RFC's words.
///
/// spec: OIDC-16
#[tokio::test]
async fn a_device_is_kept_out() {
    let server = server().await;
    let denied = begin(&server, "").await;
    assert!(answer(&server, denied.text("user_code"), false).await);
    poll(&server, denied.text("device_code")).await.refused(
        400,
        "access_denied",
        "The end user denied the authorization request",
    );
    poll(&server, denied.text("device_code")).await.refused(
        400,
        "invalid_grant",
        "Device code not valid",
    );

    let late = begin(&server, "").await;
    server.services.clock.advance(600);
    assert!(!answer(&server, late.text("user_code"), true).await);
    poll(&server, late.text("device_code")).await.refused(
        400,
        "expired_token",
        "The code has expired; begin anew",
    );

    // Another client's code, one that never was, none at all.
    server
        .add_client(serde_json::json!({
            "clientId": "other", "secret": "s3cret",
            "attributes": {"oauth2.device.authorization.grant.enabled": "true"},
        }))
        .await;
    let begun = begin(&server, "").await;
    assert!(answer(&server, begun.text("user_code"), true).await);
    let code = begun.text("device_code");
    let other = [
        ("grant_type", GRANT),
        ("device_code", code),
        ("client_id", "other"),
        ("client_secret", "s3cret"),
    ];
    server
        .token(&other)
        .await
        .refused(400, "invalid_grant", "Device code not valid");
    poll(&server, code).await.granted();
    for wrong in ["x", "00000000"] {
        poll(&server, wrong)
            .await
            .refused(400, "invalid_grant", "Device code not valid");
    }
    server
        .token(&form(&[&[("grant_type", GRANT)], &CONF]))
        .await
        .refused(400, "invalid_request", "Missing parameter: device_code");
    server
        .post("auth/device", &form(&[&[("scope", "nope")], &CONF]))
        .await
        .refused(400, "invalid_scope", "Invalid scopes: nope");

    // A client that may not.
    let begun = begin(&server, "").await;
    server
        .change_client("conf", |client| client.attributes = None)
        .await;
    let refused = "The client is not allowed the OAuth 2.0 Device Authorization Grant";
    server
        .post("auth/device", &CONF)
        .await
        .refused(400, "unauthorized_client", refused);
    poll(&server, begun.text("device_code"))
        .await
        .refused(400, "unauthorized_client", refused);
}

/// Lifespan, interval and a short address are settings of realm and client.
///
/// spec: OIDC-17
#[tokio::test]
async fn device_settings() {
    let server = Server::start_with(|realm| {
        realm.oauth2_device_code_lifespan = Some(300);
        realm.oauth2_device_polling_interval = Some(10);
        let attributes = realm.attributes.get_or_insert_default();
        attributes.insert("shortVerificationUri".into(), "https://go.test/tv".into());
    })
    .await;
    crate::fill(&server, serde_json::json!({})).await;
    let begun = begin(&server, "").await;
    assert_eq!(begun.body["expires_in"], 300);
    assert_eq!(begun.body["interval"], 10);
    assert_eq!(begun.body["verification_uri"], "https://go.test/tv");
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            attributes.insert("oauth2.device.code.lifespan".into(), "60".into());
            attributes.insert("oauth2.device.polling.interval".into(), "1".into());
        })
        .await;
    let begun = begin(&server, "").await;
    assert_eq!(begun.body["expires_in"], 60);
    assert_eq!(begun.body["interval"], 1);
}

/// A device code that was asked for with a proof or a challenge is redeemed with both.
#[tokio::test]
async fn a_device_code_is_bound_to_its_key_and_challenge() {
    let server = server().await;
    let verifier = "v".repeat(50);
    let challenge = realmkeep_jose::base64url(realmkeep_jose::sha256(verifier.as_bytes()));
    let key = DpopKey::generate();
    let pkce = [
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    let proof = key.proof(&server, "auth/device");
    let begun = post_with(
        &server,
        "auth/device",
        &form(&[&pkce, &CONF]),
        &[("DPoP", &proof)],
    )
    .await;
    assert!(answer(&server, begun.text("user_code"), true).await);
    let code = begun.text("device_code").to_owned();
    let redeem = async |verifier: &[(&str, &str)], proof: Option<String>| {
        let own = [("grant_type", GRANT), ("device_code", code.as_str())];
        let headers: Vec<(&str, &str)> = proof
            .as_ref()
            .map(|p| ("DPoP", p.as_str()))
            .into_iter()
            .collect();
        post_with(&server, "token", &form(&[&own, verifier, &CONF]), &headers).await
    };
    let good = [("code_verifier", verifier.as_str())];
    let answer = redeem(&[], Some(key.proof(&server, "token"))).await;
    answer.refused(400, "invalid_grant", "PKCE code verifier not specified");
    let refused = "The device code is bound to another DPoP key, or no proof was sent";
    redeem(&good, None)
        .await
        .refused(400, "invalid_grant", refused);
    let other = DpopKey::generate().proof(&server, "token");
    redeem(&good, Some(other))
        .await
        .refused(400, "invalid_grant", refused);
    let answer = redeem(&good, Some(key.proof(&server, "token"))).await;
    assert_eq!(answer.granted()["token_type"], "DPoP");
}

/// Of many polls after the consent one gets tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_polls_one_gets_tokens() {
    let server = server().await;
    let begun = begin(&server, "").await;
    assert!(answer(&server, begun.text("user_code"), true).await);
    let code = begun.text("device_code").to_owned();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (http, url, code) = (server.http.clone(), server.url("token"), code.clone());
        tasks.spawn(async move {
            let own = [("grant_type", GRANT), ("device_code", code.as_str())];
            let request = http.post(url).form(&form(&[&own, &CONF]));
            request.send().await.unwrap().status().as_u16()
        });
    }
    let all = tasks.join_all().await;
    assert_eq!(all.iter().filter(|s| **s == 200).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|s| **s == 400).count(), 15, "{all:?}");
}
