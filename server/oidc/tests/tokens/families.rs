//! Lines of refresh tokens: one a login.

use serde_json::json;

use crate::support::{Answer, Server, claims};
use crate::{CONF, fill, form, next, password, refresh};

const REUSE: &str = "Maximum allowed refresh token reuse exceeded";
const ENDED: &str = "Session doesn't have required client";

/// Another login of the client in the same session, as single sign-on does it.
async fn sign_on_again(server: &Server, first: &Answer) -> String {
    use realmkeep_authn::code::{CodeRecord, issue_code};
    use realmkeep_store::{Batch, Store};

    let realm = server.realm().await;
    let store = &server.services.store;
    let access = claims(first.text("access_token"));
    let sid = access["sid"].as_str().unwrap();
    let client = store.client(&realm, "conf").await.unwrap().unwrap();
    let own = client.representation.id.clone().unwrap();
    let now = server.services.clock.now();
    let (session, part) = store
        .find_client_session(&realm.id, sid, &own)
        .await
        .unwrap()
        .unwrap();
    let record = CodeRecord {
        realm_id: realm.id.clone(),
        client: own.clone(),
        redirect_uri: "http://app.test/cb".to_owned(),
        user_id: session.user_id,
        session_id: session.id.clone(),
        scope: "openid".to_owned(),
        nonce: None,
        code_challenge: None,
        code_challenge_method: None,
        auth_time: now,
        dpop_jkt: None,
    };
    let (code, step) = issue_code(&realm, &record, now).unwrap();
    let mut batch = Batch::new();
    batch.push(Store::put_client_session(&session.id, &own, now, &part.detail).unwrap());
    batch.push(step);
    store.commit(batch).await.unwrap();
    let own = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "http://app.test/cb"),
    ];
    next(&server.token(&form(&[&own, &CONF])).await)
}

async fn rotating(more: &[(&str, &str)]) -> Server {
    let more: Vec<(String, String)> = more
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let server = Server::start_with(|realm| {
        realm.revoke_refresh_token = Some(true);
        realm.attributes.get_or_insert_default().extend(more);
    })
    .await;
    fill(&server, json!({})).await;
    server
}

/// Two logins of one client in one session (two tabs, two devices behind one cookie) do not disturb
/// each other; a stolen token ends its own line only.
///
/// spec: OIDC-14, TIME-14, SESS-14
#[tokio::test]
async fn each_login_has_a_line_of_its_own() {
    let server = rotating(&[]).await;
    let first = password(&server, "openid").await;
    let one = next(&first);
    let two = sign_on_again(&server, &first).await;
    assert_eq!(claims(&one)["sid"], claims(&two)["sid"]);
    // Both go on, in turns.
    let one_b = next(&refresh(&server, &one).await);
    let two_b = next(&refresh(&server, &two).await);
    let one_c = next(&refresh(&server, &one_b).await);
    let two_c = next(&refresh(&server, &two_b).await);
    // A token that was replaced ends the line that it belongs to …
    refresh(&server, &one)
        .await
        .refused(400, "invalid_grant", REUSE);
    refresh(&server, &one_c)
        .await
        .refused(400, "invalid_grant", ENDED);
    // … and no other.
    let two_d = next(&refresh(&server, &two_c).await);
    refresh(&server, &two_c)
        .await
        .refused(400, "invalid_grant", REUSE);
    refresh(&server, &two_d)
        .await
        .refused(400, "invalid_grant", ENDED);
}

/// An ended line stays ended when rotation is switched off.
#[tokio::test]
async fn an_ended_line_stays_ended() {
    let server = rotating(&[]).await;
    let one = next(&password(&server, "").await);
    let two = next(&refresh(&server, &one).await);
    refresh(&server, &one)
        .await
        .refused(400, "invalid_grant", REUSE);
    server
        .change_realm(|realm| realm.revoke_refresh_token = Some(false))
        .await;
    refresh(&server, &two)
        .await
        .refused(400, "invalid_grant", ENDED);
}

/// The answer with the next token got lost: the client comes again and gets another next token, and
/// the lost one is good for nothing. There is one live token at any time.
#[tokio::test]
async fn a_lost_answer_can_be_asked_for_again() {
    let server = rotating(&[("refreshTokenGracePeriod", "20")]).await;
    let one = next(&password(&server, "").await);
    let lost = next(&refresh(&server, &one).await);
    let two = next(&refresh(&server, &one).await);
    assert_ne!(claims(&lost)["gen"], claims(&two)["gen"]);
    let three = next(&refresh(&server, &two).await);
    // Whoever has the lost one is a thief, or its victim.
    refresh(&server, &lost)
        .await
        .refused(400, "invalid_grant", REUSE);
    refresh(&server, &three)
        .await
        .refused(400, "invalid_grant", ENDED);
    // The grace ends with time …
    let one = next(&password(&server, "").await);
    next(&refresh(&server, &one).await);
    server.services.clock.advance(21);
    refresh(&server, &one)
        .await
        .refused(400, "invalid_grant", REUSE);
    // … and with the use of the next token.
    let one = next(&password(&server, "").await);
    let two = next(&refresh(&server, &one).await);
    next(&refresh(&server, &two).await);
    refresh(&server, &one)
        .await
        .refused(400, "invalid_grant", REUSE);
}

/// Many at once within the grace: each gets an answer, and one token is live afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_lost_answers_one_token_is_live() {
    let server = rotating(&[("refreshTokenGracePeriod", "60")]).await;
    let one = next(&password(&server, "").await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (http, url, token) = (server.http.clone(), server.url("token"), one.clone());
        tasks.spawn(async move {
            let own = [
                ("grant_type", "refresh_token"),
                ("refresh_token", token.as_str()),
            ];
            let answer = http.post(url).form(&form(&[&own, &CONF])).send().await;
            Answer::read(answer.unwrap()).await
        });
    }
    let all: Vec<String> = tasks.join_all().await.iter().map(next).collect();
    let live = all
        .iter()
        .max_by_key(|token| claims(token)["gen"].as_i64().unwrap())
        .unwrap();
    let same = all
        .iter()
        .filter(|token| claims(token)["gen"] == claims(live)["gen"]);
    assert_eq!(same.count(), 1, "each has a place of its own");
    next(&refresh(&server, live).await);
}
