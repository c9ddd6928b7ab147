//! Step-up: levels of authentication.

use serde_json::json;

use crate::browser::{Browser, Seen, authorize, server};
use crate::support::Server;
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, bind, code_of, configured, done, execution, flow,
    id_token, open, send,
};

/// The guide's flow: level 1 by password for `first` seconds, level 2 by code for `second`; `silver`
/// is 1 and `gold` is 2.
async fn stepped(first: &str, second: &str) -> Server {
    let server = server().await;
    server
        .change_realm(|realm| {
            let map = json!({"silver": 1, "gold": 2}).to_string();
            let attributes = realm.attributes.get_or_insert_default();
            attributes.insert("acr.loa.map".to_owned(), map);
        })
        .await;
    let own = flow(
        "own",
        vec![
            execution("auth-cookie", "ALTERNATIVE"),
            execution("flow:levels", "ALTERNATIVE"),
        ],
    );
    let levels = flow(
        "levels",
        vec![
            execution("flow:one", "CONDITIONAL"),
            execution("flow:two", "CONDITIONAL"),
        ],
    );
    let condition = "conditional-level-of-authentication";
    let one = flow(
        "one",
        vec![
            configured(condition, "REQUIRED", "level one"),
            execution("auth-username-password-form", "REQUIRED"),
        ],
    );
    let two = flow(
        "two",
        vec![
            configured(condition, "REQUIRED", "level two"),
            execution("auth-otp-form", "REQUIRED"),
        ],
    );
    let configs: [(&str, &[(&str, &str)]); 2] = [
        (
            "level one",
            &[("loa-condition-level", "1"), ("loa-max-age", first)],
        ),
        (
            "level two",
            &[("loa-condition-level", "2"), ("loa-max-age", second)],
        ),
    ];
    bind(&server, vec![own, levels, one, two], &configs).await;
    add_otp(&server, "alice", "phone").await;
    server
}

/// Passes the password page and, where it is asked for, the code page; which were asked for.
async fn pass(
    server: &Server,
    browser: &Browser,
    more: &[(&str, &str)],
) -> (Vec<&'static str>, Seen) {
    let mut asked = Vec::new();
    let mut seen = browser.get(server, &authorize(server, more)).await;
    while seen.location.is_none() {
        assert!(asked.len() < 3, "{seen:?}");
        if seen.text.contains("name=\"otp\"") {
            asked.push("otp");
            // Every code of its own time.
            server.services.clock.advance(60);
            let code = code_of(server, OTP_SECRET, 0).await;
            seen = send(server, browser, &seen, &[("otp", &code)]).await;
        } else {
            asks(&seen, "password");
            asked.push("password");
            seen = send(server, browser, &seen, &PASSWORD).await;
        }
    }
    (asked, seen)
}

const GOLD: [(&str, &str); 1] = [("acr_values", "gold")];
const SILVER: [(&str, &str); 1] = [("acr_values", "silver")];

/// spec: ACR-01, ACR-03, ACR-04, ACR-05, LOA-01, LOA-02, LOA-06, LOA-08, LOA-09, LOA-10, LOA-12, LOA-13, LOA-15, COND-08, LOA-19
#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_raised_by_what_is_missing() {
    let server = stepped("36000", "36000").await;
    let fresh = Browser::default();
    let (asked, seen) = pass(&server, &fresh, &GOLD).await;
    assert_eq!(asked, ["password", "otp"]);
    assert_eq!(id_token(&server, &seen).await["acr"], "gold");

    let browser = Browser::default();
    let (asked, seen) = pass(&server, &browser, &[]).await;
    assert_eq!(asked, ["password"]);
    let token = id_token(&server, &seen).await;
    assert_eq!(token["acr"], "silver");
    let session = token["sid"].clone();
    let (asked, seen) = pass(&server, &browser, &SILVER).await;
    assert!(asked.is_empty());
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");
    let (asked, seen) = pass(&server, &browser, &GOLD).await;
    assert_eq!(asked, ["otp"]);
    let token = id_token(&server, &seen).await;
    assert_eq!((&token["acr"], &token["sid"]), (&json!("gold"), &session));
    let (asked, seen) = pass(&server, &browser, &GOLD).await;
    assert!(asked.is_empty());
    assert_eq!(id_token(&server, &seen).await["acr"], "gold");
    let (asked, seen) = pass(&server, &browser, &SILVER).await;
    assert!(asked.is_empty());
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");
}

/// spec: LOA-04
#[tokio::test(flavor = "multi_thread")]
async fn a_level_without_age_is_for_one_login() {
    let server = stepped("36000", "0").await;
    let browser = Browser::default();
    assert_eq!(pass(&server, &browser, &GOLD).await.0, ["password", "otp"]);
    assert_eq!(pass(&server, &browser, &GOLD).await.0, ["otp"]);
    assert_eq!(pass(&server, &browser, &GOLD).await.0, ["otp"]);
    assert!(pass(&server, &browser, &SILVER).await.0.is_empty());
}

/// The guide's timeline.
///
/// spec: LOA-03, LOA-05, LOA-11, LOA-14, LOA-18
#[tokio::test(flavor = "multi_thread")]
async fn levels_grow_old() {
    let server = stepped("300", "0").await;
    let browser = Browser::default();
    let (asked, seen) = pass(&server, &browser, &[]).await;
    assert_eq!(asked, ["password"]);
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");
    server.services.clock.advance(100);
    let (asked, seen) = pass(&server, &browser, &[]).await;
    assert!(asked.is_empty());
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");
    server.services.clock.advance(201);
    let (asked, seen) = pass(&server, &browser, &[]).await;
    assert!(asked.is_empty());
    assert_eq!(id_token(&server, &seen).await["acr"], "0");
    let claims = json!({"id_token": {"acr": {"essential": true, "values": ["silver"]}}});
    let (asked, seen) = pass(&server, &browser, &[("claims", &claims.to_string())]).await;
    assert_eq!(asked, ["password"]);
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");
}

/// spec: LOA-21
#[tokio::test(flavor = "multi_thread")]
async fn an_essential_level_is_reached_or_refused() {
    let server = stepped("36000", "0").await;
    let essential = |values: serde_json::Value| {
        json!({"id_token": {"acr": {"essential": true, "values": values}}}).to_string()
    };
    let gold = essential(json!(["gold"]));
    let (asked, seen) = pass(&server, &Browser::default(), &[("claims", &gold)]).await;
    assert_eq!(asked, ["password", "otp"]);
    assert_eq!(id_token(&server, &seen).await["acr"], "gold");
    // Above all that the flow has, or unknown: no login by it.
    for value in ["7", "platinum"] {
        let claims = essential(json!([value]));
        let browser = Browser::default();
        let url = authorize(&server, &[("claims", &claims)]);
        let mut seen = browser.get(&server, &url).await;
        for _ in 0..2 {
            if seen.status == 200 && seen.text.contains("name=\"otp\"") {
                server.services.clock.advance(60);
                let code = code_of(&server, OTP_SECRET, 0).await;
                seen = send(&server, &browser, &seen, &[("otp", &code)]).await;
            } else if seen.status == 200 {
                seen = send(&server, &browser, &seen, &PASSWORD).await;
            }
        }
        let code = seen.location.is_some_and(|l| l.as_str().contains("code="));
        assert!(!code, "{value}");
    }
}

/// A client's own names come before the realm's; numbers stand for themselves.
///
/// spec: ACR-02, ACR-06
#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_its_own_names() {
    let server = stepped("36000", "36000").await;
    let (_, seen) = pass(&server, &Browser::default(), &[("acr_values", "2")]).await;
    assert_eq!(id_token(&server, &seen).await["acr"], "2");
    server
        .change_client("app", |client| {
            let attributes = client.attributes.get_or_insert_default();
            let map = json!({"low": "1", "high": "2"}).to_string();
            attributes.insert("acr.loa.map".to_owned(), map);
        })
        .await;
    let browser = Browser::default();
    let (asked, seen) = pass(&server, &browser, &[("acr_values", "high")]).await;
    assert_eq!(asked, ["password", "otp"]);
    assert_eq!(id_token(&server, &seen).await["acr"], "high");
    // The realm's name means nothing to this client.
    let (asked, _) = pass(&server, &Browser::default(), &GOLD).await;
    assert_eq!(asked, ["password"]);
}

/// Where no levels are configured, a proof is 1 and a session from before 0.
#[tokio::test(flavor = "multi_thread")]
async fn without_levels() {
    let server = server().await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let seen = send(&server, &browser, &page, &PASSWORD).await;
    assert_eq!(id_token(&server, &seen).await["acr"], "1");
    let seen = browser.get(&server, &authorize(&server, &[])).await;
    assert_eq!(id_token(&server, &seen).await["acr"], "0");
    let again = [("prompt", "login")];
    let page = open(&server, &browser, &again).await;
    let seen = send(&server, &browser, &page, &PASSWORD).await;
    done(&seen);
}

/// A client's default level counts where the request says nothing, and no further.
///
/// spec: OCA-27, OCA-28, OCA-29, LOA-07
#[tokio::test(flavor = "multi_thread")]
async fn the_clients_default_is_a_wish() {
    let server = stepped("36000", "36000").await;
    let map = json!({"bronze": 1, "high": 2}).to_string();
    let attributes = [
        ("acr.loa.map", map.as_str()),
        ("default.acr.values", "high"),
    ];
    crate::browser::set(&server, "app", &attributes).await;
    let (asked, seen) = pass(&server, &Browser::default(), &[]).await;
    assert_eq!(asked, ["password", "otp"]);
    assert_eq!(id_token(&server, &seen).await["acr"], "high");
    let claims = json!({"id_token": {"acr": {"values": ["bronze"]}}}).to_string();
    for more in [("acr_values", "bronze"), ("claims", claims.as_str())] {
        let (asked, seen) = pass(&server, &Browser::default(), &[more]).await;
        assert_eq!(asked, ["password"]);
        assert_eq!(id_token(&server, &seen).await["acr"], "bronze");
    }
}

/// A level that was reached by one client's flow counts in another's.
///
/// spec: LOA-17
#[tokio::test(flavor = "multi_thread")]
async fn levels_are_shared_by_clients_and_flows() {
    let server = stepped("36000", "36000").await;
    let other = flow(
        "other",
        vec![
            execution("auth-cookie", "ALTERNATIVE"),
            execution("flow:levels", "ALTERNATIVE"),
        ],
    );
    let overrides = json!({"browser": other.id.clone().unwrap()});
    crate::tools::add(&server, vec![other], &[]).await;
    let own = json!({"authenticationFlowBindingOverrides": overrides});
    crate::browser::add_app(&server, "b", own).await;
    let browser = Browser::default();
    assert_eq!(pass(&server, &browser, &GOLD).await.0, ["password", "otp"]);
    let at_b = [("client_id", "b"), GOLD[0]];
    assert!(pass(&server, &browser, &at_b).await.0.is_empty());
    assert_eq!(
        pass(&server, &Browser::default(), &at_b).await.0,
        ["password", "otp"]
    );
}

/// A credential is added or removed at the level that it is proven at, by who has a credential of
/// that level: one code before another app is set up, or one is deleted. Who has none sets up the
/// first one after the password, and a new password needs no code. Whether an action was done is for
/// the application to look at: a request without it is a usual login.
///
/// spec: AIA-05, AIA-11, AIA-12
#[tokio::test(flavor = "multi_thread")]
async fn an_action_needs_the_level_of_its_credential() {
    let server = stepped("36000", "0").await;
    server.add_user("bob", "pw", json!({})).await;
    let otp = crate::tools::credentials(&server, "alice").await;
    let otp = otp.iter().find(|c| c.r#type.as_deref() == Some("otp"));
    let delete = format!("delete_credential:{}", otp.unwrap().id.clone().unwrap());
    for (action, then) in [("CONFIGURE_TOTP", "totp"), (delete.as_str(), "accept")] {
        let action = [("kc_action", action)];
        let browser = Browser::default();
        assert_eq!(pass(&server, &browser, &[]).await.0, ["password"]);
        for browser in [browser, Browser::default()] {
            let mut page = open(&server, &browser, &action).await;
            if page.text.contains("name=\"password\"") {
                page = send(&server, &browser, &page, &PASSWORD).await;
            }
            asks(&page, "otp");
            let wrong = send(&server, &browser, &page, &[("otp", "000000")]).await;
            asks(&wrong, "otp");
            server.services.clock.advance(60);
            let code = code_of(&server, OTP_SECRET, 0).await;
            let page = send(&server, &browser, &wrong, &[("otp", &code)]).await;
            asks(&page, then);
        }
    }
    let browser = Browser::default();
    let page = open(&server, &browser, &[("kc_action", "UPDATE_PASSWORD")]).await;
    let page = send(&server, &browser, &page, &PASSWORD).await;
    asks(&page, "password-new");
    let (asked, seen) = pass(&server, &browser, &[]).await;
    assert_eq!(asked, ["password"]);
    assert!(!seen.answer().contains_key("kc_action_status"));
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");

    let browser = Browser::default();
    let page = open(&server, &browser, &[("kc_action", "CONFIGURE_TOTP")]).await;
    let bob = [("username", "bob"), ("password", "pw")];
    let page = send(&server, &browser, &page, &bob).await;
    asks(&page, "totp");
    let secret = crate::tools::shown_secret(&page);
    let code = code_of(&server, &secret, 0).await;
    let seen = send(&server, &browser, &page, &[("totp", &code)]).await;
    assert_eq!(seen.answer()["kc_action_status"], "success");
    assert_eq!(id_token(&server, &seen).await["acr"], "silver");
}

/// A session from before that does not reach a level that is essential is not the end: whoever it is
/// proves again who they are.
#[tokio::test]
async fn a_session_below_an_essential_level_is_proven_again() {
    let server = server().await;
    let essential = json!({"id_token": {"acr": {"essential": true, "values": ["silver"]}}});
    let claims = essential.to_string();
    server
        .change_realm(|realm| {
            let map = json!({"silver": 1}).to_string();
            let attributes = realm.attributes.get_or_insert_default();
            attributes.insert("acr.loa.map".to_owned(), map);
        })
        .await;
    let browser = Browser::default();
    let first = browser.login(&server, &[("claims", &claims)]).await;
    assert_eq!(id_token(&server, &first).await["acr"], "silver");
    let none = [("claims", claims.as_str()), ("prompt", "none")];
    let seen = browser.get(&server, &authorize(&server, &none)).await;
    assert_eq!(seen.answer()["error"], "login_required");
    let page = open(&server, &browser, &[("claims", &claims)]).await;
    asks(&page, "password");
    let again = send(&server, &browser, &page, &PASSWORD).await;
    assert_eq!(id_token(&server, &again).await["acr"], "silver");
}
