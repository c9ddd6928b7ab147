//! Settings of a client, as they show at the endpoints.

use realmkeep_jose::{JwkSet, KeySet, UnverifiedJwt, verify};
use reqwest::StatusCode;
use reqwest::header::ORIGIN;
use serde_json::json;

use crate::browser::{Browser, CALLBACK, SECRET, add_app, authorize, redeem, server, set};
use crate::support::{Answer, Server, SetUp, claims};

/// A client is asked for by its clientId, as it is written.
///
/// spec: OC-02
#[tokio::test(flavor = "multi_thread")]
async fn clients_go_by_their_client_id() {
    let server = server().await;
    let browser = Browser::default();
    let realm = server.realm().await;
    let client = server.services.store.client(&realm, "app").await.unwrap();
    let internal = client.unwrap().representation.id.clone().unwrap();
    let page = browser.get(&server, &authorize(&server, &[])).await;
    assert_eq!(page.status, StatusCode::OK);
    for wrong in ["APP", "app ", internal.as_str(), "-"] {
        let more = [("client_id", wrong)];
        let seen = browser.get(&server, &authorize(&server, &more)).await;
        seen.on_a_page();
    }
}

/// Whether the callback may be where the client says.
async fn allows(server: &Server, callback: &str) -> bool {
    let more = [("redirect_uri", callback)];
    let url = authorize(server, &more);
    let seen = Browser::default().get(server, &url).await;
    match seen.status {
        StatusCode::OK => true,
        _ => {
            seen.on_a_page();
            false
        }
    }
}

async fn register(server: &Server, uris: &[&str], root: Option<&str>) {
    server
        .change_client("app", |client| {
            client.redirect_uris = Some(uris.iter().map(|uri| (*uri).to_owned()).collect());
            client.root_url = root.map(str::to_owned);
        })
        .await;
}

/// Where the answer may go: exactly, below a path, relative to the root, to an application's own
/// scheme. A `*` alone is an open redirect, and on purpose allows nothing (docs/differences.md).
///
/// spec: OC-06, OC-08, OC-09, OC-10, OC-11, OC-12
#[tokio::test(flavor = "multi_thread")]
async fn callbacks_are_those_that_are_registered() {
    let server = server().await;
    register(&server, &["https://app.test/cb"], None).await;
    assert!(allows(&server, "https://app.test/cb").await);
    for wrong in [
        "https://app.test/CB",
        "https://app.test/cb/x",
        "https://app.test/",
    ] {
        assert!(!allows(&server, wrong).await, "{wrong}");
    }
    // Below a path.
    register(&server, &["https://app.test/path/*"], None).await;
    for right in ["https://app.test/path/", "https://app.test/path/a/b?c=d"] {
        assert!(allows(&server, right).await, "{right}");
    }
    for wrong in [
        "https://app.test/pathology",
        "https://app.test/other",
        "https://app.test.evil.test/path/x",
        "https://user@app.test/path/x",
        "https://app.test/path/../admin",
        "https://app.test/path/%2e%2e/admin",
        "http://app.test/path/x",
    ] {
        assert!(!allows(&server, wrong).await, "{wrong}");
    }
    // A wildcard counts at the end only.
    register(
        &server,
        &["https://*.app.test/cb", "https://app.test/*/cb"],
        None,
    )
    .await;
    for wrong in ["https://a.app.test/cb", "https://app.test/a/cb"] {
        assert!(!allows(&server, wrong).await, "{wrong}");
    }
    // Relative to the root URL.
    register(&server, &["/in/*"], Some("https://root.test/base")).await;
    assert!(allows(&server, "https://root.test/base/in/x").await);
    assert!(!allows(&server, "https://other.test/base/in/x").await);
    // Anywhere is nowhere.
    register(&server, &["*"], None).await;
    for wrong in ["https://any.test/x", "custom:/app/x", "javascript:alert(1)"] {
        assert!(!allows(&server, wrong).await, "{wrong}");
    }
    // Other schemes by name.
    register(&server, &["custom:/app/*"], None).await;
    assert!(allows(&server, "custom:/app/x").await);
    assert!(!allows(&server, "custom:/other").await);
    assert!(!allows(&server, "custom2:/app/x").await);
}

/// Pages of registered origins may read answers, and the origins are in the access token.
///
/// spec: OC-13, OC-14
#[tokio::test(flavor = "multi_thread")]
async fn web_origins_may_read_answers() {
    let server = server().await;
    server
        .change_client("app", |client| {
            client.web_origins = Some(vec!["https://spa.test".to_owned(), "+".to_owned()]);
        })
        .await;
    let answer = Browser::default().login(&server, &[]).await.answer();
    let tokens = redeem(&server, &answer["code"]).await;
    let access = tokens.text("access_token");
    assert_eq!(
        claims(access)["allowed-origins"],
        json!(["https://spa.test", "http://127.0.0.1:9"])
    );
    for (origin, allowed) in [
        ("https://spa.test", true),
        ("http://127.0.0.1:9", true),
        ("https://spa.test.evil.test", false),
        ("null", false),
    ] {
        let request = server.http.get(server.url("userinfo")).bearer_auth(access);
        let answer = request.header(ORIGIN, origin).send().await.unwrap();
        let header = answer.headers().get("access-control-allow-origin");
        let expected = allowed.then_some(origin);
        assert_eq!(header.map(|h| h.to_str().unwrap()), expected, "{origin}");
    }
}

async fn token(server: &Server, client_id: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("client_id", client_id)];
    form.extend(more);
    server.token(&form).await
}

/// A confidential client proves itself when it redeems a code; a public one has nothing to prove.
///
/// spec: OC-16, OIDC-06
#[tokio::test(flavor = "multi_thread")]
async fn confidential_clients_prove_themselves() {
    let server = server().await;
    add_app(
        &server,
        "spa",
        json!({"publicClient": true, "secret": null}),
    )
    .await;
    for (client, secret, ok) in [
        ("app", Some(SECRET), true),
        ("app", Some("wrong"), false),
        ("app", None, false),
        ("spa", None, true),
    ] {
        let more = [("client_id", client)];
        let code = Browser::default().login(&server, &more).await.answer()["code"].clone();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", CALLBACK),
            ("code", code.as_str()),
        ];
        form.extend(secret.map(|s| ("client_secret", s)));
        let answer = token(&server, client, &form).await;
        assert_eq!(answer.status == StatusCode::OK, ok, "{client} {secret:?}");
    }
}

/// Direct grants and service accounts are switched by client.
///
/// spec: OC-19, OC-21, OIDC-09, OIDC-10, CORE-16
#[tokio::test(flavor = "multi_thread")]
async fn grants_are_switched_by_client() {
    let server = server().await;
    add_app(
        &server,
        "both",
        json!({"directAccessGrantsEnabled": true, "serviceAccountsEnabled": true}),
    )
    .await;
    let none = json!({"directAccessGrantsEnabled": false, "serviceAccountsEnabled": false});
    add_app(&server, "none", none).await;
    let password = [
        ("grant_type", "password"),
        ("client_secret", SECRET),
        ("username", "alice"),
        ("password", "pw"),
        ("scope", "openid"),
    ];
    let own = [
        ("grant_type", "client_credentials"),
        ("client_secret", SECRET),
    ];
    let answer = token(&server, "both", &password).await;
    assert!(answer.granted()["refresh_token"].is_string());
    assert!(answer.body["id_token"].is_string());
    let answer = token(&server, "both", &own).await;
    assert!(answer.granted()["refresh_token"].is_null());
    let name = &claims(answer.text("access_token"))["preferred_username"];
    assert_eq!(name, "service-account-both");
    for grant in [&password[..], &own[..]] {
        let answer = token(&server, "none", grant).await;
        assert_eq!(answer.body["error"], "unauthorized_client", "{answer:?}");
    }
}

/// Tokens are signed by a published key, and say who the user is and what they may do.
///
/// spec: OIDC-01, OIDC-02, OEP-06, CORE-27
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_signed_by_a_published_key() {
    let server = server().await;
    let answer = Browser::default().login(&server, &[]).await.answer();
    let tokens = redeem(&server, &answer["code"]).await;
    let certs = server.http.get(server.url("certs")).send().await.unwrap();
    let keys = KeySet::from_jwks(&certs.json::<JwkSet>().await.unwrap());
    let verified = |name: &str| {
        let jwt = UnverifiedJwt::parse(tokens.text(name)).unwrap();
        let key = keys
            .find(jwt.unverified_kid(), jwt.unverified_algorithm())
            .unwrap();
        verify(&jwt, key).unwrap()
    };
    let id_token = verified("id_token");
    assert_eq!(id_token.str("preferred_username"), Some("alice"));
    assert_eq!(id_token.str("email"), Some("alice@example.test"));
    let access = verified("access_token");
    let roles = &access.claim("realm_access").unwrap()["roles"];
    let default = json!("default-roles-test");
    assert!(roles.as_array().unwrap().contains(&default), "{roles}");
    assert_eq!(access.str("email"), Some("alice@example.test"));
}

/// An expired access token is replaced by means of the refresh token from the login.
///
/// spec: OIDC-19
#[tokio::test(flavor = "multi_thread")]
async fn expired_tokens_are_renewed() {
    let server = server().await;
    let answer = Browser::default().login(&server, &[]).await.answer();
    let tokens = redeem(&server, &answer["code"]).await;
    let status = async |token: &str| server.get_with("userinfo", token).await.status;
    assert_eq!(status(tokens.text("access_token")).await, StatusCode::OK);
    server.services.clock.advance(301);
    assert_eq!(
        status(tokens.text("access_token")).await,
        StatusCode::UNAUTHORIZED
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("client_secret", SECRET),
        ("refresh_token", tokens.text("refresh_token")),
    ];
    let renewed = token(&server, "app", &form).await;
    assert_eq!(status(renewed.text("access_token")).await, StatusCode::OK);
}

/// A client's own lifespans win over the realm's.
///
/// spec: OCA-19, OCA-20, OCA-21
#[tokio::test(flavor = "multi_thread")]
async fn lifespans_are_the_clients_own() {
    let server = server().await;
    set(
        &server,
        "app",
        &[
            ("access.token.lifespan", "77"),
            ("client.session.idle.timeout", "600"),
            ("client.session.max.lifespan", "1000"),
        ],
    )
    .await;
    let answer = Browser::default().login(&server, &[]).await.answer();
    let mut tokens = redeem(&server, &answer["code"]).await;
    assert_eq!(tokens.body["expires_in"], 77);
    assert_eq!(tokens.body["refresh_expires_in"], 600);
    let renew = async |tokens: &Answer| {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_secret", SECRET),
            ("refresh_token", tokens.text("refresh_token")),
        ];
        token(&server, "app", &form).await
    };
    // Used in time, it goes on to the end of the client's part …
    server.services.clock.advance(500);
    tokens = renew(&tokens).await;
    // A second may have begun meanwhile.
    let left = tokens.granted()["refresh_expires_in"].as_i64().unwrap();
    assert!((495..=500).contains(&left), "{left}");
    server.services.clock.advance(501);
    renew(&tokens)
        .await
        .refused(400, "invalid_grant", "Token is not active");
    // … and unused, to its idle time; the session lives on.
    let browser = Browser::default();
    let answer = browser.login(&server, &[]).await.answer();
    let idle = redeem(&server, &answer["code"]).await;
    server.services.clock.advance(601);
    assert_eq!(renew(&idle).await.body["error"], "invalid_grant");
    let more = [("prompt", "none")];
    let seen = browser.get(&server, &authorize(&server, &more)).await;
    assert!(seen.answer().contains_key("code"));
}

/// The screen has the client's name and its addresses, as far as they are addresses.
///
/// spec: OC-03, OCA-02, OCA-03, OCA-04
#[tokio::test(flavor = "multi_thread")]
async fn the_screen_presents_the_client() {
    let server = server().await;
    server
        .change_client("app", |client| {
            client.consent_required = Some(true);
            client.name = Some("${emailScopeConsentText}".to_owned());
        })
        .await;
    set(
        &server,
        "app",
        &[
            ("policyUri", "https://app.test/policy?a=1&b=2"),
            ("tosUri", "https://app.test/terms"),
            ("logoUri", "https://img.test/logo.png?a=1&b=2"),
        ],
    )
    .await;
    let browser = Browser::default();
    let screen = browser.login(&server, &[]).await;
    let logo = "src=\"https://img.test/logo.png?a=1&amp;b=2\"";
    assert!(screen.text.contains(logo), "{}", screen.text);
    // Images of its origin and nothing else of it.
    let from = |directive: &str| {
        let all = screen.policy.split("; ");
        let mut found = all.filter(|d| d.starts_with(directive));
        found.any(|d| d.contains("https://img.test"))
    };
    assert!(from("img-src"), "{}", screen.policy);
    assert_eq!(screen.policy.matches("img.test").count(), 1);
    let title = screen.text.split("id=\"kc-page-title\">").nth(1).unwrap();
    let title = title.split('<').next().unwrap();
    assert!(title.contains("email address"), "{title}");
    for href in [
        "https://app.test/policy?a=1&amp;b=2",
        "https://app.test/terms",
    ] {
        assert!(
            screen.text.contains(&format!("href=\"{href}\"")),
            "{}",
            screen.text
        );
    }
    let script = [
        ("policyUri", "JavaScript:alert(1)"),
        ("tosUri", "data:text/html,x"),
        ("logoUri", "data:image/png;base64,x"),
    ];
    set(&server, "app", &script).await;
    let screen = browser.get(&server, &authorize(&server, &[])).await;
    assert!(screen.text.contains("id=\"kc-oauth\""));
    assert!(!screen.text.contains("alert(1)") && !screen.text.contains("data:text"));
    assert!(!screen.text.contains("data:image"));
}

/// A client without the scope `acr` has no claim of this name.
///
/// spec: LOA-20
#[tokio::test(flavor = "multi_thread")]
async fn without_its_scope_there_is_no_acr() {
    let server = server().await;
    let tokens = async || {
        let answer = Browser::default().login(&server, &[]).await.answer();
        redeem(&server, &answer["code"]).await
    };
    let with = tokens().await;
    assert!(claims(with.text("id_token"))["acr"].is_string());
    server
        .change_client("app", |client| {
            let scopes = client.default_client_scopes.as_mut().unwrap();
            scopes.retain(|name| name != "acr");
        })
        .await;
    let without = tokens().await;
    for name in ["id_token", "access_token"] {
        assert!(claims(without.text(name))["acr"].is_null(), "{name}");
    }
}

/// A hint at a provider that is not there shows the login form.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_provider_is_no_hint() {
    let server = server().await;
    for hint in ["nobody", "../x", "<script>"] {
        let more = [("kc_idp_hint", hint)];
        let page = Browser::default()
            .get(&server, &authorize(&server, &more))
            .await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("id=\"kc-form-login\""), "{}", page.text);
        assert!(!page.text.contains("<script>"));
    }
}

/// The pages of a login, from its form to the question of consent, are in the client's own theme;
/// those of other clients in the realm's.
///
/// spec: OC-24
#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_a_theme_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["of-realm", "of-client"] {
        let login = folder.path().join(name).join("login");
        std::fs::create_dir_all(login.join("resources")).unwrap();
        let properties = format!("parent=realmkeep\nstyles={name}.css\n");
        std::fs::write(login.join("theme.properties"), properties).unwrap();
        std::fs::write(login.join(format!("resources/{name}.css")), "p {}").unwrap();
    }
    let pages = realmkeep_pages::Pages::with_themes("", Some(folder.path())).unwrap();
    let set_up = SetUp {
        pages,
        ..SetUp::default()
    };
    let server = Server::start_set_up(set_up, |realm| {
        realm.login_theme = Some("of-realm".to_owned());
        realm.reset_password_allowed = Some(true);
        realm.registration_allowed = Some(true);
    })
    .await;
    for (client_id, theme) in [("app", "of-client"), ("other", "")] {
        let given = json!({"consentRequired": true, "attributes": {"login_theme": theme}});
        add_app(&server, client_id, given).await;
    }
    let alice = json!({"email": "alice@example.test"});
    let alice = server.add_user("alice", "pw", alice).await;
    server
        .change_user(&alice, |user| {
            user.required_actions = Some(vec!["UPDATE_PASSWORD".to_owned()]);
        })
        .await;
    for (client_id, own, foreign) in [
        ("app", "of-client.css", "of-realm.css"),
        ("other", "of-realm.css", "of-client.css"),
    ] {
        let check = |page: &crate::browser::Seen| {
            assert_eq!(page.status, StatusCode::OK, "{page:?}");
            assert!(page.text.contains(own), "{}", page.text);
            assert!(!page.text.contains(foreign), "{}", page.text);
        };
        let browser = Browser::default();
        let url = authorize(&server, &[("client_id", client_id)]);
        let login = browser.get(&server, &url).await;
        check(&login);
        for part in [
            "login-actions/reset-credentials",
            "login-actions/registration",
        ] {
            let mut links = login.text.split("href=\"").skip(1);
            let link = links.find(|rest| rest.contains(part)).unwrap();
            let link = link.split('"').next().unwrap().replace("&amp;", "&");
            let link = format!("{}{link}", server.base);
            check(&browser.get(&server, &link).await);
        }
        let form = [("username", "alice"), ("password", "pw")];
        let mut page = browser.post(&server, &login.action(&server), &form).await;
        check(&page);
        if page.text.contains("name=\"password-new\"") {
            let form = [("password-new", "pw"), ("password-confirm", "pw")];
            page = browser.post(&server, &page.action(&server), &form).await;
            check(&page);
        }
        assert!(page.text.contains("id=\"kc-oauth\""), "{}", page.text);
    }
}
