//! Making an account at the login page.

use realmkeep_model::user_profile::{CONFIG_KEY, PROVIDER_ID, PROVIDER_TYPE, UserProfile};
use realmkeep_representations::{ComponentRepresentation, GroupRepresentation, UserRepresentation};
use realmkeep_store::{Batch, Touch};
use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, Seen, authorize, server};
use crate::link;
use crate::support::Server;
use crate::tools::{asks, credentials, done, open, send, sessions, user_id};

const BOB: [(&str, &str); 6] = [
    ("username", "Bob"),
    ("email", "bob@example.test"),
    ("firstName", "Bob"),
    ("lastName", "Builder"),
    ("password", "can we fix it"),
    ("password-confirm", "can we fix it"),
];

async fn allow(server: &Server) {
    server
        .change_realm(|realm| realm.registration_allowed = Some(true))
        .await;
}

async fn form(server: &Server, browser: &Browser) -> Seen {
    let page = open(server, browser, &[]).await;
    let form = browser
        .get(server, &link(server, &page, "login-actions/registration"))
        .await;
    asks(&form, "password-confirm");
    form
}

fn with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = BOB.to_vec();
    for (name, value) in changes {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(field) => field.1 = value,
            None => all.push((name, value)),
        }
    }
    all
}

async fn user(server: &Server, username: &str) -> Option<UserRepresentation> {
    let realm = server.realm().await;
    let store = &server.services.store;
    store.find_user_named(&realm.id, username).await.unwrap()
}

/// spec: REG-01, REG-02, REG-06, REGH-01, LOGIN-11, ENDUI-05, PRIV-01, UPROF-05
#[tokio::test(flavor = "multi_thread")]
async fn somebody_registers_and_is_signed_in() {
    let server = server().await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    assert!(!page.text.contains("login-actions/registration"));
    allow(&server).await;
    let group = GroupRepresentation {
        id: Some("g1".to_owned()),
        name: Some("newcomers".to_owned()),
        ..GroupRepresentation::default()
    };
    let realm = server.realm().await;
    let mut batch = Batch::new();
    batch.push(server.services.store.insert(&realm.id, &group).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    server.services.store.commit(batch).await.unwrap();
    server
        .change_realm(|realm| realm.default_groups = Some(vec!["/newcomers".to_owned()]))
        .await;

    let page = form(&server, &browser).await;
    for field in ["username", "email", "firstName", "lastName"] {
        asks(&page, field);
    }
    let seen = send(&server, &browser, &page, &BOB).await;
    done(&seen);
    let bob = user(&server, "bob").await.unwrap();
    assert_eq!(bob.email.as_deref(), Some("bob@example.test"));
    assert_eq!(bob.email_verified, Some(false));
    assert_eq!(sessions(&server, "bob").await, 1);
    assert_eq!(credentials(&server, "bob").await.len(), 1);
    let realm = server.realm().await;
    let id = bob.id.unwrap();
    let subject = server
        .services
        .store
        .subject(&realm, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(subject.groups, ["g1"]);
    let default = realm
        .settings
        .default_role
        .as_ref()
        .unwrap()
        .id
        .clone()
        .unwrap();
    assert!(subject.roles.contains(&default));

    // The same form again makes no second account and no second session.
    let again = send(&server, &browser, &page, &with(&[("username", "bob2")])).await;
    assert_eq!(again.location, None);
    assert!(user(&server, "bob2").await.is_none());
    // The password is the one that was chosen.
    let other = Browser::default();
    let page = open(&server, &other, &[]).await;
    done(
        &send(
            &server,
            &other,
            &page,
            &[("username", "bob"), ("password", "can we fix it")],
        )
        .await,
    );
}

/// spec: REG-03, PWPOL-03, UPROF-32, UPROF-50
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_beside_its_field_and_nothing_is_made() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| realm.password_policy = Some("length(8) and notUsername".to_owned()))
        .await;
    let browser = Browser::default();
    let page = form(&server, &browser).await;
    for (changes, field, text) in [
        (
            &[("username", "")][..],
            "username",
            "This field is required.",
        ),
        (&[("username", "b")], "username", "between 3 and 255"),
        (&[("username", "a<b>c")], "username", "not allowed"),
        (
            &[("username", "ALICE")],
            "username",
            "This username is taken.",
        ),
        (
            &[("email", "bob")],
            "email",
            "The email address is not valid.",
        ),
        (
            &[("email", "Alice@example.test")],
            "email",
            "already in use",
        ),
        (&[("lastName", "")], "lastName", "This field is required."),
        (
            &[("password", "short"), ("password-confirm", "short")],
            "password",
            "at least 8 characters",
        ),
        (
            &[("password-confirm", "other")],
            "password-confirm",
            "not the same",
        ),
        (
            &[
                ("username", "builder12"),
                ("password", "builder12"),
                ("password-confirm", "builder12"),
            ],
            "password",
            "must not be the username",
        ),
        (&[("password", "")], "password", "Enter a password."),
    ] {
        let seen = send(&server, &browser, &page, &with(changes)).await;
        asks(&seen, "password-confirm");
        let error = format!("id=\"input-error-{field}\"");
        let after = seen
            .text
            .split(&error)
            .nth(1)
            .unwrap_or_else(|| panic!("{field} {text}: {}", seen.text));
        let said = after.split("</p>").next().unwrap();
        assert!(said.contains(text), "{field}: {said}");
        assert!(seen.text.contains("value=\"Bob\""), "what was typed stays");
        assert!(!seen.text.contains("can we fix it"), "but no password");
    }
    assert!(user(&server, "bob").await.is_none());
}

/// spec: REG-04
#[tokio::test(flavor = "multi_thread")]
async fn terms_have_to_be_accepted_where_the_flow_asks_for_them() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| {
            for flow in realm.authentication_flows.iter_mut().flatten() {
                for part in flow.authentication_executions.iter_mut().flatten() {
                    if part.authenticator.as_deref() == Some("registration-terms-and-conditions") {
                        part.requirement = Some("REQUIRED".to_owned());
                    }
                }
            }
        })
        .await;
    let browser = Browser::default();
    let page = form(&server, &browser).await;
    asks(&page, "termsAccepted");
    let seen = send(&server, &browser, &page, &BOB).await;
    assert!(seen.text.contains("You must agree"), "{}", seen.text);
    assert!(user(&server, "bob").await.is_none());
    done(&send(&server, &browser, &page, &with(&[("termsAccepted", "on")])).await);
    let bob = user(&server, "bob").await.unwrap();
    assert!(bob.attributes.unwrap().contains_key("terms_and_conditions"));
}

/// spec: REG-05
#[tokio::test(flavor = "multi_thread")]
async fn default_actions_follow_the_registration() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| {
            for action in realm.required_actions.iter_mut().flatten() {
                if action.alias.as_deref() == Some("CONFIGURE_TOTP") {
                    action.default_action = Some(true);
                }
            }
        })
        .await;
    let browser = Browser::default();
    let page = form(&server, &browser).await;
    let seen = send(&server, &browser, &page, &BOB).await;
    asks(&seen, "totp");
    let bob = user(&server, "bob").await.unwrap();
    assert_eq!(bob.required_actions.unwrap(), ["CONFIGURE_TOTP"]);
    assert_eq!(sessions(&server, "bob").await, 0, "not before it is done");
}

/// spec: REGH-03
#[tokio::test(flavor = "multi_thread")]
async fn an_application_may_lead_to_the_form_at_once() {
    let server = server().await;
    let direct = authorize(&server, &[]).replace("/auth?", "/registrations?");
    let browser = Browser::default();
    let refused = browser.get(&server, &direct).await;
    assert!(
        !refused.text.contains("kc-register-form"),
        "{}",
        refused.text
    );
    allow(&server).await;
    let page = browser.get(&server, &direct).await;
    asks(&page, "password-confirm");
    done(&send(&server, &browser, &page, &BOB).await);
}

/// spec: LOGIN-10, UPROF-04
#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_the_username_where_the_realm_says_so() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| realm.registration_email_as_username = Some(true))
        .await;
    let browser = Browser::default();
    let page = form(&server, &browser).await;
    assert!(!page.text.contains("name=\"username\""));
    done(&send(&server, &browser, &page, &BOB).await);
    assert!(user(&server, "bob").await.is_none());
    assert!(!user_id(&server, "bob@example.test").await.is_empty());
    let other = Browser::default();
    let page = form(&server, &other).await;
    let seen = send(&server, &other, &page, &BOB).await;
    assert!(seen.text.contains("already in use"));
}

/// spec: CAPT-02, CAPT-04, CAPT-05, CAPT-07, CAPT-08
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_without_the_proof_of_being_human_is_refused() {
    let server = server().await;
    allow(&server).await;
    server
        .change_realm(|realm| {
            for flow in realm.authentication_flows.iter_mut().flatten() {
                for part in flow.authentication_executions.iter_mut().flatten() {
                    if part.authenticator.as_deref() == Some("registration-recaptcha-action") {
                        part.requirement = Some("REQUIRED".to_owned());
                        part.authenticator_config = Some("captcha".to_owned());
                    }
                }
            }
            let config = json!({"id": "c1", "alias": "captcha", "config": {
                "site.key": "the-site", "secret.key": "the-secret", "useRecaptchaNet": "true"}});
            let all = realm.authenticator_config.get_or_insert_default();
            all.push(serde_json::from_value(config).unwrap());
        })
        .await;
    let browser = Browser::default();
    let page = form(&server, &browser).await;
    assert!(
        page.text
            .contains("class=\"g-recaptcha\" data-sitekey=\"the-site\"")
    );
    assert!(
        page.text
            .contains("src=\"https://www.recaptcha.net/recaptcha/api.js\"")
    );
    assert!(
        page.policy.contains("https://www.recaptcha.net"),
        "{}",
        page.policy
    );
    assert!(!page.text.contains("the-secret"));
    let seen = send(&server, &browser, &page, &BOB).await;
    assert_eq!(seen.status, StatusCode::OK);
    assert!(
        seen.text.contains("could not tell that you are human"),
        "{}",
        seen.text
    );
    assert!(user(&server, "bob").await.is_none());
}

/// Custom fields are asked for and kept. A text stands above a field and one below, which the realm
/// gives as it is or by the key of a message; none of it becomes markup.
///
/// spec: UPANN-03, UPANN-04, PRIV-02
#[tokio::test(flavor = "multi_thread")]
async fn custom_fields_have_texts_above_and_below() {
    let server = server().await;
    allow(&server).await;
    let mut config = serde_json::to_value(UserProfile::default_config()).unwrap();
    config["attributes"].as_array_mut().unwrap().push(json!({
        "name": "birthday", "displayName": "Your birthday",
        "permissions": {"view": ["admin", "user"], "edit": ["admin", "user"]},
        "annotations": {
            "inputHelperTextBefore": "${before-birthday}",
            "inputHelperTextAfter": "As <b>day</b> and month",
        },
    }));
    let realm = server.realm().await;
    let component: ComponentRepresentation = serde_json::from_value(json!({
        "id": "the-profile", "name": PROVIDER_ID, "providerId": PROVIDER_ID,
        "providerType": PROVIDER_TYPE, "parentId": realm.id,
        "config": {CONFIG_KEY: [config.to_string()]},
    }))
    .unwrap();
    let mut batch = Batch::new();
    batch.push(server.services.store.insert(&realm.id, &component).unwrap());
    batch.touch(Touch::Realm(realm.id.clone()));
    server.services.store.commit(batch).await.unwrap();
    server
        .change_realm(|realm| {
            let own = [("before-birthday".to_owned(), "Only if you like".to_owned())];
            realm.localization_texts = Some([("en".to_owned(), own.into())].into());
        })
        .await;
    let browser = Browser::default();
    let page = form(&server, &browser).await;
    let at = |text: &str| {
        page.text
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {}", page.text))
    };
    let field = at("name=\"birthday\"");
    assert!(at("Your birthday") < field);
    assert!(at("Only if you like") < field);
    assert!(at("As &lt;b&gt;day&lt;/b&gt; and month") > field);
    done(&send(&server, &browser, &page, &with(&[("birthday", "29.2.")])).await);
    let attributes = user(&server, "bob").await.unwrap().attributes.unwrap();
    assert_eq!(attributes["birthday"], ["29.2."]);
}
