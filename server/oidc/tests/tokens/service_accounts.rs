//! Clients that act for themselves.

use realmkeep_store::roles::Holder;
use realmkeep_store::{Batch, Store, Touch};
use serde_json::{Value, json};

use crate::support::{Answer, Server, claims};
use crate::{CONF, form, next, refresh, server};

async fn machine(server: &Server, more: &[(&str, &str)]) -> Answer {
    let own = [("grant_type", "client_credentials")];
    server.token(&form(&[&own, &CONF, more])).await
}

async fn sessions(server: &Server) -> usize {
    let realm = server.realm().await;
    let client = server.services.store.client(&realm, "conf").await.unwrap();
    let own = client.unwrap().representation.id.clone().unwrap();
    let page = realmkeep_store::documents::Page::ALL;
    let store = &server.services.store;
    store
        .sessions_of_client(&realm.id, &own, page)
        .await
        .unwrap()
        .len()
}

/// An access token and nothing else: no refresh token, no session, nothing to keep.
///
/// spec: SA-04, SA-05, SA-06, SA-07, TRANS-01, TRANS-02, TRANS-03, OIDC-10, OEP-02
#[tokio::test]
async fn a_client_gets_a_token_for_itself() {
    let server = server().await;
    let answer = machine(&server, &[]).await;
    answer.granted();
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["pragma"], "no-cache");
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 300);
    assert_eq!(answer.body["refresh_expires_in"], 0);
    for absent in ["refresh_token", "session_state", "id_token"] {
        assert!(answer.body.get(absent).is_none(), "{absent}");
    }
    let token = claims(answer.text("access_token"));
    assert!(token.get("sid").is_none(), "{token}");
    // Mappers run all the same.
    assert_eq!(token["preferred_username"], "service-account-conf");
    assert_eq!(token["client_id"], "conf");
    assert_eq!(sessions(&server).await, 0);
    // By HTTP Basic, as RFC 6749 has it.
    let own = [("grant_type", "client_credentials")];
    let request = server.http.post(server.url("token"));
    let request = request.basic_auth("conf", Some("s3cret")).form(&own);
    Answer::read(request.send().await.unwrap()).await.granted();
}

/// With the switch the client gets a session and a refresh token.
///
/// spec: TRANS-04, OIDC-11
#[tokio::test]
async fn a_client_may_be_set_to_refresh() {
    let server = server().await;
    server
        .change_client("conf", |client| {
            let attributes = client.attributes.as_mut().unwrap();
            let name = "client_credentials.use_refresh_token";
            attributes.insert(name.to_owned(), "true".to_owned());
        })
        .await;
    let answer = machine(&server, &[]).await;
    let token = claims(answer.text("access_token"));
    assert_eq!(token["sid"], answer.body["session_state"]);
    assert_eq!(sessions(&server).await, 1);
    let again = refresh(&server, &next(&answer)).await;
    let renewed = claims(again.text("access_token"));
    assert_eq!(renewed["sub"], token["sub"]);
    assert_eq!(renewed["sid"], token["sid"]);
}

/// The roles in the token are those of the service account that the client may see: all with full
/// scope, else what client and scopes are mapped to.
///
/// spec: SA-03
#[tokio::test]
async fn roles_are_the_accounts_and_the_clients() {
    let server = server().await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let mut ids = Vec::new();
    let mut batch = Batch::new();
    for name in ["seen", "hidden", "not-held"] {
        let id = uuid::Uuid::new_v4().to_string();
        let role = json!({"id": id, "name": name, "clientRole": false, "containerId": realm.id});
        let role: realmkeep_representations::RoleRepresentation =
            serde_json::from_value(role).unwrap();
        batch.push(store.insert(&realm.id, &role).unwrap());
        ids.push(id);
    }
    let client = store.client(&realm, "conf").await.unwrap().unwrap();
    let own = client.representation.id.clone().unwrap();
    let account = store.service_account(&realm, &own).await.unwrap().unwrap();
    let account = account.user.id.clone().unwrap();
    for held in &ids[..2] {
        batch.push(Store::grant_role(Holder::User, &account, held));
    }
    // Mapped: one that is held, and one that is not.
    for mapped in [&ids[0], &ids[2]] {
        batch.push(Store::grant_role(Holder::Scope, &own, mapped));
    }
    batch.touch(Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    let roles = async || -> Vec<String> {
        let token = claims(machine(&server, &[]).await.text("access_token"));
        let list = token["realm_access"]["roles"].clone();
        serde_json::from_value(list).unwrap_or_default()
    };
    let all = roles().await;
    assert!(all.contains(&"seen".to_owned()) && all.contains(&"hidden".to_owned()));
    assert!(!all.contains(&"not-held".to_owned()));
    server
        .change_client("conf", |client| client.full_scope_allowed = Some(false))
        .await;
    assert_eq!(roles().await, ["seen"]);
}

/// What is switched off is refused: service accounts, the account, its client.
///
/// spec: SA-01, OC-21
#[tokio::test]
async fn service_accounts_are_a_switch() {
    let server = server().await;
    server
        .add_client(json!({"clientId": "pub", "publicClient": true}))
        .await;
    let public = [("grant_type", "client_credentials"), ("client_id", "pub")];
    server.token(&public).await.refused(
        401,
        "unauthorized_client",
        "Public client not allowed to retrieve service account",
    );
    server
        .change_client("conf", |c| c.service_accounts_enabled = Some(false))
        .await;
    machine(&server, &[]).await.refused(
        401,
        "unauthorized_client",
        "Client not enabled to retrieve service account",
    );
    server
        .change_client("conf", |c| c.service_accounts_enabled = Some(true))
        .await;
    let token = machine(&server, &[]).await;
    let user: Value = claims(token.text("access_token"))["sub"].clone();
    server
        .change_user(user.as_str().unwrap(), |user| user.enabled = Some(false))
        .await;
    assert_eq!(machine(&server, &[]).await.body["error"], "invalid_grant");
}
