//! What the tests of logins share.

use std::collections::BTreeMap;

use realmkeep_authn::otp::{OtpPolicy, from_base32};
use realmkeep_representations::{
    AuthenticationExecutionExportRepresentation as Execution, AuthenticationFlowRepresentation,
    AuthenticatorConfigRepresentation, CredentialRepresentation,
};
use realmkeep_store::Batch;
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::browser::{Browser, Seen, authorize, redeem};
use crate::support::{Server, claims};

/// The secret of the app that [`add_otp`] gives.
pub const OTP_SECRET: &str = "hVDwjYm0uQCUCZmIsk9D";

/// A step, condition or flow (by its alias) with its requirement.
pub fn execution(what: &str, requirement: &str) -> Execution {
    let text = |text: &str| Some(text.to_owned());
    let mut execution = Execution {
        requirement: text(requirement),
        ..Execution::default()
    };
    match what.strip_prefix("flow:") {
        Some(alias) => {
            execution.flow_alias = text(alias);
            execution.authenticator_flow = Some(true);
        }
        None => execution.authenticator = text(what),
    }
    execution
}

/// The same, with a configuration that [`bind`] adds under the alias.
pub fn configured(what: &str, requirement: &str, config: &str) -> Execution {
    Execution {
        authenticator_config: Some(config.to_owned()),
        ..execution(what, requirement)
    }
}

pub fn flow(alias: &str, executions: Vec<Execution>) -> AuthenticationFlowRepresentation {
    let numbered = executions.into_iter().zip(1..).map(|(mut e, priority)| {
        e.priority = Some(priority * 10);
        e
    });
    AuthenticationFlowRepresentation {
        id: Some(Uuid::new_v4().to_string()),
        alias: Some(alias.to_owned()),
        provider_id: Some("basic-flow".to_owned()),
        top_level: Some(alias == "own"),
        built_in: Some(false),
        authentication_executions: Some(numbered.collect()),
        ..AuthenticationFlowRepresentation::default()
    }
}

/// Adds the flows and makes the one named `own` the realm's browser flow. `configs`: settings by the
/// configuration's alias.
pub async fn bind(
    server: &Server,
    flows: Vec<AuthenticationFlowRepresentation>,
    configs: &[(&str, &[(&str, &str)])],
) {
    add(server, flows, configs).await;
    server
        .change_realm(|realm| realm.browser_flow = Some("own".to_owned()))
        .await;
}

pub async fn add(
    server: &Server,
    flows: Vec<AuthenticationFlowRepresentation>,
    configs: &[(&str, &[(&str, &str)])],
) {
    server
        .change_realm(|realm| {
            let all = realm.authentication_flows.get_or_insert_default();
            all.retain(|known| !flows.iter().any(|f| f.alias == known.alias));
            all.extend(flows);
            let known = realm.authenticator_config.get_or_insert_default();
            for (alias, settings) in configs {
                let config: BTreeMap<String, String> = settings
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                    .collect();
                known.push(AuthenticatorConfigRepresentation {
                    id: Some(Uuid::new_v4().to_string()),
                    alias: Some((*alias).to_owned()),
                    config: Some(config),
                });
            }
        })
        .await;
}

pub async fn user_id(server: &Server, username: &str) -> String {
    let realm = server.realm().await;
    let store = &server.services.store;
    let user = store.find_user_named(&realm.id, username).await.unwrap();
    user.unwrap().id.unwrap()
}

pub async fn credentials(server: &Server, username: &str) -> Vec<CredentialRepresentation> {
    let id = user_id(server, username).await;
    server.services.store.credentials(&id).await.unwrap()
}

pub async fn add_credential(server: &Server, username: &str, credential: CredentialRepresentation) {
    let id = user_id(server, username).await;
    let mut batch = Batch::new();
    batch.push(
        server
            .services
            .store
            .insert_credential(&id, &credential)
            .unwrap(),
    );
    server.services.store.commit(batch).await.unwrap();
}

/// Gives the user an authenticator app with the realm's policy and [`OTP_SECRET`].
pub async fn add_otp(server: &Server, username: &str, label: &str) -> String {
    let realm = server.realm().await;
    let policy = OtpPolicy::of(&realm.settings);
    let id = Uuid::new_v4().to_string();
    let first = policy.initial_counter - 1;
    let credential = policy
        .credential(id.clone(), label, OTP_SECRET, first, 1_700_000_000_000)
        .unwrap();
    add_credential(server, username, credential).await;
    id
}

/// The code of an app with the secret, `steps` periods from now.
pub async fn code_of(server: &Server, secret: &str, steps: i64) -> String {
    let policy = OtpPolicy::of(&server.realm().await.settings);
    let step = server.services.clock.now().div_euclid(policy.period);
    policy.code(secret, step + steps)
}

/// The secret that the page for a new app shows.
pub fn shown_secret(seen: &Seen) -> String {
    let after = seen.text.split("id=\"kc-totp-secret-key\"").nth(1);
    let after = after.expect(&seen.text).split('>').nth(1).unwrap();
    let encoded = after.split('<').next().unwrap();
    String::from_utf8(from_base32(encoded).unwrap()).unwrap()
}

/// Sends the page's form.
pub async fn send(server: &Server, browser: &Browser, page: &Seen, form: &[(&str, &str)]) -> Seen {
    browser.post(server, &page.action(server), form).await
}

/// Opens the login page of `app`.
pub async fn open(server: &Server, browser: &Browser, more: &[(&str, &str)]) -> Seen {
    let page = browser.get(server, &authorize(server, more)).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    page
}

pub const PASSWORD: [(&str, &str); 2] = [("username", "alice"), ("password", "pw")];

#[track_caller]
pub fn asks(seen: &Seen, field: &str) {
    assert_eq!(seen.status, StatusCode::OK, "{seen:?}");
    let name = format!("name=\"{field}\"");
    assert!(seen.text.contains(&name), "{field}: {}", seen.text);
    assert!(seen.location.is_none());
}

#[track_caller]
pub fn done(seen: &Seen) -> String {
    let answer = seen.answer();
    answer
        .get("code")
        .cloned()
        .unwrap_or_else(|| panic!("{answer:?}"))
}

/// Claims of the ID token that the code gets.
pub async fn id_token(server: &Server, seen: &Seen) -> Value {
    let answer = redeem(server, &done(seen)).await;
    claims(answer.granted()["id_token"].as_str().unwrap())
}

pub async fn sessions(server: &Server, username: &str) -> usize {
    let realm = server.realm().await;
    let id = user_id(server, username).await;
    let store = &server.services.store;
    store.sessions_of_user(&realm.id, &id).await.unwrap().len()
}

/// A direct grant of `app`.
pub async fn direct_grant(server: &Server, more: &[(&str, &str)]) -> crate::support::Answer {
    server
        .change_client("app", |client| {
            client.direct_access_grants_enabled = Some(true);
        })
        .await;
    let mut form = vec![
        ("grant_type", "password"),
        ("client_id", "app"),
        ("client_secret", crate::browser::SECRET),
        ("scope", "openid"),
    ];
    form.extend_from_slice(more);
    server.token(&form).await
}
