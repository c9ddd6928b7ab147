//! Addresses that begin elsewhere than at the login form.

use reqwest::StatusCode;

use crate::browser::{Browser, authorize, server};

/// `registrations` and `forgot-credentials` take the parameters of an authorization request, and are
/// there when the realm allows what they lead to.
///
/// spec: OEP-11
#[tokio::test(flavor = "multi_thread")]
async fn registration_and_forgotten_passwords_have_addresses() {
    let server = server().await;
    let browser = Browser::default();
    let at = |name: &str| authorize(&server, &[]).replace("/auth?", &format!("/{name}?"));
    let creating = authorize(&server, &[("prompt", "create")]);
    let allow = async |allowed: bool| {
        server
            .change_realm(|realm| {
                realm.registration_allowed = Some(allowed);
                realm.reset_password_allowed = Some(allowed);
            })
            .await;
    };
    allow(false).await;
    for url in [
        at("registrations"),
        at("forgot-credentials"),
        creating.clone(),
    ] {
        browser.get(&server, &url).await.on_a_page();
    }
    allow(true).await;
    for (url, field) in [
        (at("registrations"), "name=\"password-confirm\""),
        (creating, "name=\"password-confirm\""),
        (at("forgot-credentials"), "name=\"username\""),
    ] {
        let page = browser.get(&server, &url).await;
        assert_eq!(page.status, StatusCode::OK, "{url}: {page:?}");
        assert!(page.text.contains(field), "{url}: {}", page.text);
        assert!(!page.text.contains("id=\"kc-form-login\""), "{url}");
    }
    // What is wrong with the request is wrong there too.
    let bad = at("registrations").replace("redirect_uri=http", "redirect_uri=https");
    browser.get(&server, &bad).await.on_a_page();
}
