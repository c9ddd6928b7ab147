//! Flows as administrators make them.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::{Browser, add_app, authorize, server};
use crate::support::{Server, SetUp};
use crate::tools::{
    OTP_SECRET, PASSWORD, add, add_otp, asks, bind, code_of, configured, done, execution, flow,
    id_token, open, send,
};

/// spec: FLOW-03, FLOW-04, FLOW-05, FLOW-07, FLOWB-03, FLOWB-04, FLOWB-05, FLOWB-07, FLOWB-08
#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_flow_asks_once_and_then_knows_the_browser() {
    let server = server().await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    asks(&page, "username");
    asks(&page, "password");
    for wrong in [
        [("username", "alice"), ("password", "x")],
        [("username", "x"), ("password", "pw")],
    ] {
        asks(&send(&server, &browser, &page, &wrong).await, "password");
    }
    done(&send(&server, &browser, &page, &PASSWORD).await);
    let again = browser.get(&server, &authorize(&server, &[])).await;
    assert_eq!(again.status, StatusCode::FOUND);
    done(&again);
    // Without the cookie step nobody is known.
    bind(
        &server,
        vec![flow(
            "own",
            vec![execution("auth-username-password-form", "REQUIRED")],
        )],
        &[],
    )
    .await;
    asks(&open(&server, &browser, &[]).await, "password");
}

/// spec: FLOW-33, FLOW-34, FLOWB-25, FLOW-32, FLOWB-28
#[tokio::test(flavor = "multi_thread")]
async fn username_and_password_on_two_pages() {
    let server = server().await;
    two_pages(&server).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    asks(&page, "username");
    assert!(!page.text.contains("name=\"password\""));
    let unknown = send(&server, &browser, &page, &[("username", "nobody")]).await;
    asks(&unknown, "username");
    let page = send(
        &server,
        &browser,
        &page,
        &[("username", "ALICE@example.test")],
    )
    .await;
    asks(&page, "password");
    assert!(!page.text.contains("name=\"username\""));
    let wrong = send(&server, &browser, &page, &[("password", "x")]).await;
    asks(&wrong, "password");
    // The name was given once; what the form says of it now counts nothing.
    let form = [("username", "bob"), ("password", "pw")];
    let token = id_token(&server, &send(&server, &browser, &wrong, &form).await).await;
    assert_eq!(token["preferred_username"], "alice");
}

async fn two_pages(server: &Server) {
    let own = flow(
        "own",
        vec![
            execution("auth-cookie", "ALTERNATIVE"),
            execution("flow:inside", "ALTERNATIVE"),
        ],
    );
    let inside = flow(
        "inside",
        vec![
            execution("auth-username-form", "REQUIRED"),
            execution("auth-password-form", "REQUIRED"),
        ],
    );
    bind(server, vec![own, inside], &[]).await;
}

/// Starting over asks who one is again.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_can_be_started_over() {
    let server = server().await;
    two_pages(&server).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let page = send(&server, &browser, &page, &[("username", "alice")]).await;
    let link = page
        .text
        .split("href=\"")
        .filter_map(|part| part.split('"').next())
        .find(|link| link.contains("login-actions/restart"));
    let link = link.expect(&page.text).replace("&amp;", "&");
    let page = browser
        .get(&server, &format!("{}{link}", server.base))
        .await;
    asks(&page, "username");
    let page = send(&server, &browser, &page, &[("username", "alice")]).await;
    let seen = send(&server, &browser, &page, &[("password", "pw")]).await;
    assert_eq!(seen.answer()["state"], "st&1");
}

/// A client's own flow comes before the realm's.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_its_own_flow() {
    let server = server().await;
    let other = flow(
        "other",
        vec![
            execution("auth-username-form", "REQUIRED"),
            execution("auth-password-form", "REQUIRED"),
        ],
    );
    let id = other.id.clone().unwrap();
    add(&server, vec![other], &[]).await;
    add_app(
        &server,
        "b",
        json!({"authenticationFlowBindingOverrides": {"browser": id}}),
    )
    .await;
    let page = open(&server, &Browser::default(), &[]).await;
    asks(&page, "password");
    let page = open(&server, &Browser::default(), &[("client_id", "b")]).await;
    asks(&page, "username");
    assert!(!page.text.contains("name=\"password\""));
    // A flow that is gone is nobody's fault but the administrator's: no login without it.
    server
        .change_client("b", |client| {
            let gone = [("browser".to_owned(), "gone".to_owned())];
            client.authentication_flow_binding_overrides = Some(gone.into());
        })
        .await;
    let seen = Browser::default()
        .get(&server, &authorize(&server, &[("client_id", "b")]))
        .await;
    assert_eq!(seen.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(seen.location.is_none());
}

/// One conditional flow after the password: denied where its conditions hold.
async fn denied_if(
    server: &Server,
    conditions: &[(&str, &[(&str, &str)])],
    more: &[(&str, &str)],
) -> bool {
    let mut inside = Vec::new();
    let mut configs = Vec::new();
    let names: Vec<String> = (0..conditions.len())
        .map(|n| format!("config-{n}-{}", uuid::Uuid::new_v4()))
        .collect();
    for ((condition, settings), name) in conditions.iter().zip(&names) {
        inside.push(configured(condition, "REQUIRED", name));
        configs.push((name.as_str(), *settings));
    }
    inside.push(execution("deny-access-authenticator", "REQUIRED"));
    let own = flow(
        "own",
        vec![
            execution("flow:first", "REQUIRED"),
            execution("flow:inside", "CONDITIONAL"),
        ],
    );
    let first = flow(
        "first",
        vec![execution("auth-username-password-form", "REQUIRED")],
    );
    bind(server, vec![own, first, flow("inside", inside)], &configs).await;
    let browser = Browser::default();
    let page = open(server, &browser, more).await;
    let seen = send(server, &browser, &page, &PASSWORD).await;
    if seen.status == StatusCode::FORBIDDEN {
        assert!(seen.location.is_none());
        assert!(seen.text.contains("Access denied"), "{}", seen.text);
        return true;
    }
    done(&seen);
    false
}

/// spec: COND-02, COND-03
#[tokio::test(flavor = "multi_thread")]
async fn the_condition_on_a_role() {
    let server = server().await;
    let kind = "conditional-user-role";
    for (role, has) in [
        ("offline_access", true),
        ("admin", false),
        ("account.manage-account", true),
        ("account.manage-consent", false),
        ("nope.manage-account", false),
        ("", false),
    ] {
        let holds = [("condUserRole", role)];
        assert_eq!(
            denied_if(&server, &[(kind, &holds)], &[]).await,
            has,
            "{role}"
        );
        let negated = [("condUserRole", role), ("negate", "true")];
        assert_eq!(
            denied_if(&server, &[(kind, &negated)], &[]).await,
            !has,
            "{role}"
        );
    }
}

/// spec: COND-05, COND-07
#[tokio::test(flavor = "multi_thread")]
async fn the_condition_on_an_attribute() {
    let server = server().await;
    let id = crate::tools::user_id(&server, "alice").await;
    server
        .change_user(&id, |user| {
            let all = user.attributes.get_or_insert_default();
            all.insert("team".to_owned(), vec!["red".to_owned(), "blue".to_owned()]);
        })
        .await;
    let kind = "conditional-user-attribute";
    for (name, value, has) in [
        ("team", "blue", true),
        ("team", "green", false),
        ("other", "blue", false),
    ] {
        let setting = [
            ("attribute_name", name),
            ("attribute_expected_value", value),
        ];
        assert_eq!(denied_if(&server, &[(kind, &setting)], &[]).await, has);
        let mut negated = setting.to_vec();
        negated.push(("not", "true"));
        assert_eq!(denied_if(&server, &[(kind, &negated)], &[]).await, !has);
    }
    // As a pattern the whole value has to match; what is none matches nothing.
    for (value, has) in [("b.*|x", true), ("b", false), ("(", false)] {
        let setting = [
            ("attribute_name", "team"),
            ("attribute_expected_value", value),
            ("regex", "true"),
        ];
        let denied = denied_if(&server, &[(kind, &setting)], &[]).await;
        assert_eq!(denied, has, "{value}");
    }
}

/// Attributes of groups, and of those above them, count where that is wanted.
///
/// spec: COND-06
#[tokio::test(flavor = "multi_thread")]
async fn the_condition_on_an_attribute_of_a_group() {
    let server = server().await;
    let realm = server.realm().await;
    let id = crate::tools::user_id(&server, "alice").await;
    let store = &server.services.store;
    let group = |id: &str, parent: Option<&str>, team: &str| {
        realmkeep_representations::GroupRepresentation {
            id: Some(id.to_owned()),
            name: Some(id.to_owned()),
            parent_id: parent.map(str::to_owned),
            attributes: Some([("team".to_owned(), vec![team.to_owned()])].into()),
            ..Default::default()
        }
    };
    let mut batch = realmkeep_store::Batch::new();
    batch.push(
        store
            .insert(&realm.id, &group("above", None, "red"))
            .unwrap(),
    );
    batch.push(
        store
            .insert(&realm.id, &group("below", Some("above"), "blue"))
            .unwrap(),
    );
    batch.push(realmkeep_store::Store::join_group(&id, "below"));
    batch.touch(realmkeep_store::Touch::Realm(realm.id.clone()));
    store.commit(batch).await.unwrap();
    let kind = "conditional-user-attribute";
    for (value, groups, has) in [
        ("blue", "true", true),
        ("red", "true", true),
        ("green", "true", false),
        ("blue", "false", false),
    ] {
        let setting = [
            ("attribute_name", "team"),
            ("attribute_expected_value", value),
            ("include_group_attributes", groups),
        ];
        assert_eq!(
            denied_if(&server, &[(kind, &setting)], &[]).await,
            has,
            "{setting:?}"
        );
    }
}

/// Conditions on the client scope, on credentials used, on another flow; and two at once.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_conditions() {
    let server = server().await;
    let scope = [("client_scope", "phone")];
    let kind = "conditional-client-scope";
    assert!(!denied_if(&server, &[(kind, &scope)], &[]).await);
    assert!(denied_if(&server, &[(kind, &scope)], &[("scope", "openid phone")]).await);
    let default = [("client_scope", "email")];
    assert!(denied_if(&server, &[(kind, &default)], &[]).await);

    let kind = "conditional-credential";
    for (credentials, included, holds) in [
        ("password", "true", true),
        ("password##otp", "true", true),
        ("otp", "true", false),
        ("password", "false", false),
        ("otp", "false", true),
        ("none", "true", false),
    ] {
        let setting = [("credentials", credentials), ("included", included)];
        assert_eq!(
            denied_if(&server, &[(kind, &setting)], &[]).await,
            holds,
            "{setting:?}"
        );
    }

    let kind = "conditional-sub-flow-executed";
    for (flow, result, holds) in [
        ("first", "executed", true),
        ("first", "not-executed", false),
        ("nope", "executed", false),
        ("nope", "not-executed", true),
    ] {
        let setting = [("flow_to_check", flow), ("check_result", result)];
        assert_eq!(
            denied_if(&server, &[(kind, &setting)], &[]).await,
            holds,
            "{setting:?}"
        );
    }

    let yes = [("flow_to_check", "first")];
    let no = [("flow_to_check", "nope")];
    assert!(denied_if(&server, &[(kind, &yes), (kind, &yes)], &[]).await);
    assert!(!denied_if(&server, &[(kind, &yes), (kind, &no)], &[]).await);
}

/// The second factor is asked for only of those who have one, and a code of either kind will do.
///
/// spec: FLOW-08, FLOWB-09, FLOWB-10, COND-04
#[tokio::test(flavor = "multi_thread")]
async fn the_second_factor_of_those_who_have_one() {
    let server = server().await;
    server.add_user("bob", "pw", json!({})).await;
    add_otp(&server, "alice", "phone").await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let page = send(&server, &browser, &page, &PASSWORD).await;
    asks(&page, "otp");
    assert_eq!(crate::tools::sessions(&server, "alice").await, 0);
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    done(
        &send(
            &server,
            &browser,
            &page,
            &[("username", "bob"), ("password", "pw")],
        )
        .await,
    );
}

/// Reference values of executions end in `amr`.
///
/// spec: FLOW-19, FLOW-20
#[tokio::test(flavor = "multi_thread")]
async fn references_end_in_the_token() {
    let server = server().await;
    server
        .change_client("app", |client| {
            client.protocol_mappers = serde_json::from_value(json!([{
                "id": "m", "name": "amr", "protocol": "openid-connect",
                "protocolMapper": "oidc-amr-mapper",
                "config": {"id.token.claim": "true", "access.token.claim": "true"},
            }]))
            .unwrap();
        })
        .await;
    let own = flow(
        "own",
        vec![configured(
            "auth-username-password-form",
            "REQUIRED",
            "reference",
        )],
    );
    let reference: &[(&str, &str)] = &[("default.reference.value", "pwd")];
    bind(&server, vec![own], &[("reference", reference)]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let seen = send(&server, &browser, &page, &PASSWORD).await;
    assert_eq!(id_token(&server, &seen).await["amr"], json!(["pwd"]));
}

/// Username and password in the header.
#[tokio::test(flavor = "multi_thread")]
async fn http_basic() {
    let server = server().await;
    bind(
        &server,
        vec![flow(
            "own",
            vec![execution("http-basic-authenticator", "REQUIRED")],
        )],
        &[],
    )
    .await;
    let url = authorize(&server, &[]);
    let answer = server.http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(challenge.starts_with("Basic realm=\""), "{challenge}");
    let wrong = server
        .http
        .get(&url)
        .basic_auth("alice", Some("x"))
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    let right = server
        .http
        .get(&url)
        .basic_auth("alice", Some("pw"))
        .send()
        .await
        .unwrap();
    assert_eq!(right.status(), StatusCode::FOUND);
    assert!(
        right.headers()["location"]
            .to_str()
            .unwrap()
            .contains("code=")
    );
}

/// A required step that this server does not have, or an empty flow, is no way in.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_built_lets_nobody_in() {
    let server = server().await;
    for executions in [
        vec![],
        vec![execution("auth-spnego", "REQUIRED")],
        vec![execution("auth-username-password-form", "DISABLED")],
        vec![execution("auth-otp-form", "REQUIRED")],
        vec![execution("allow-access-authenticator", "REQUIRED")],
    ] {
        bind(&server, vec![flow("own", executions)], &[]).await;
        let seen = Browser::default()
            .get(&server, &authorize(&server, &[]))
            .await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{seen:?}");
        assert!(seen.location.is_none());
    }
}

/// The direct grant runs its flow: with a second factor where the user has one, and copies of it.
///
/// spec: FLOW-37
#[tokio::test(flavor = "multi_thread")]
async fn the_direct_grant_runs_its_flow() {
    use crate::tools::direct_grant;
    let server = server().await;
    direct_grant(&server, &PASSWORD).await.granted();
    let wrong = [("username", "alice"), ("password", "x")];
    let refused = direct_grant(&server, &wrong).await;
    refused.refused(400, "invalid_grant", "Invalid user credentials");
    add_otp(&server, "alice", "phone").await;
    let refused = direct_grant(&server, &PASSWORD).await;
    refused.refused(400, "invalid_grant", "Invalid user credentials");
    let code = code_of(&server, OTP_SECRET, 0).await;
    let with_code = [PASSWORD[0], PASSWORD[1], ("totp", code.as_str())];
    direct_grant(&server, &with_code).await.granted();
    let refused = direct_grant(&server, &with_code).await;
    refused.refused(400, "invalid_grant", "Invalid user credentials");
    // A copy that asks for no password.
    let own = flow(
        "own",
        vec![execution("direct-grant-validate-username", "REQUIRED")],
    );
    add(&server, vec![own], &[]).await;
    server
        .change_realm(|realm| realm.direct_grant_flow = Some("own".to_owned()))
        .await;
    direct_grant(&server, &[PASSWORD[0]]).await.granted();
}

/// Access is allowed and denied by steps that ask nobody; what is said is the configured text, the
/// text that the realm or the theme has under the configured key, or the usual one.
///
/// spec: ACC-01, ACC-02, ACC-03, ACC-04, ACC-05
#[tokio::test(flavor = "multi_thread")]
async fn access_is_allowed_and_denied_by_a_role() {
    let themes = tempfile::tempdir().unwrap();
    let messages = themes.path().join("ours/login/messages");
    std::fs::create_dir_all(&messages).unwrap();
    let of_theme = "deny-role1=You lack the role one.\n";
    std::fs::write(messages.join("messages_en.properties"), of_theme).unwrap();
    std::fs::write(themes.path().join("ours/login/theme.properties"), "").unwrap();
    let set_up = SetUp {
        pages: realmkeep_pages::Pages::with_themes("", Some(themes.path())).unwrap(),
        ..SetUp::default()
    };
    let server = Server::start_set_up(set_up, |realm| {
        realm.login_theme = Some("ours".to_owned());
    })
    .await;
    crate::browser::fill(&server).await;
    let about = |id| {
        realmkeep_authn::flow::registry::authenticator(id)
            .unwrap()
            .about()
    };
    assert!(about("allow-access-authenticator").properties.is_empty());
    let deny = about("deny-access-authenticator");
    assert_eq!(deny.properties[0].name, "denyErrorMessage");

    let own = flow(
        "own",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            execution("flow:denied", "CONDITIONAL"),
        ],
    );
    let denied = flow(
        "denied",
        vec![
            configured("conditional-user-role", "REQUIRED", "without role1"),
            configured("deny-access-authenticator", "REQUIRED", "message"),
        ],
    );
    let without = [("condUserRole", "role1"), ("negate", "true")];
    let configs: [(&str, &[(&str, &str)]); 2] = [
        ("without role1", &without),
        ("message", &[("denyErrorMessage", "deny-role1")]),
    ];
    bind(&server, vec![own, denied], &configs).await;
    let refused = async || {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let seen = send(&server, &browser, &page, &PASSWORD).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN);
        seen.text
    };
    let shown = refused().await;
    assert!(shown.contains("You lack the role one."), "{shown}");
    let say = async |message: &str| {
        let change = |realm: &mut realmkeep_representations::RealmRepresentation| {
            let mut all = realm.authenticator_config.iter_mut().flatten();
            let config = all.find(|c| c.alias.as_deref() == Some("message")).unwrap();
            let value = ("denyErrorMessage".to_owned(), message.to_owned());
            config.config = Some([value].into());
        };
        server.change_realm(change).await;
    };
    say("Ask <b>Bob</b>.").await;
    let shown = refused().await;
    assert!(shown.contains("Ask &lt;b&gt;Bob&lt;/b&gt;."), "{shown}");
    say("").await;
    let usual = refused().await;
    say("my-property-deny").await;
    server
        .change_realm(|realm| {
            let own = [(
                "my-property-deny".to_owned(),
                "As the realm says.".to_owned(),
            )];
            realm.localization_texts = Some([("en".to_owned(), own.into())].into());
        })
        .await;
    let shown = refused().await;
    assert!(shown.contains("As the realm says."), "{shown}");
    assert!(!usual.contains("As the realm says.") && usual.contains("kc-error-message"));
    assert!(
        !usual.contains("access-denied"),
        "a text, not its key: {usual}"
    );

    // Who has the role comes in; who meets an allowing step does too.
    let allowed = flow(
        "denied",
        vec![
            configured("conditional-user-role", "REQUIRED", "without role1"),
            execution("allow-access-authenticator", "REQUIRED"),
        ],
    );
    add(&server, vec![allowed], &[]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    done(&send(&server, &browser, &page, &PASSWORD).await);
}

/// Levels are to stand lowest first: where the second comes first, it is asked for at every first
/// login.
///
/// spec: LOA-16
#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_stands_first_is_always_asked_for() {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    let condition = "conditional-level-of-authentication";
    let level = |alias: &str, config: &str, step: &str| {
        let steps = vec![
            configured(condition, "REQUIRED", config),
            execution(step, "REQUIRED"),
        ];
        flow(alias, steps)
    };
    let own = |levels: [&str; 2]| {
        let mut executions = vec![execution("auth-username-form", "REQUIRED")];
        for level in levels {
            executions.push(execution(&format!("flow:{level}"), "CONDITIONAL"));
        }
        flow("own", executions)
    };
    let configs: [(&str, &[(&str, &str)]); 2] = [
        ("level one", &[("loa-condition-level", "1")]),
        ("level two", &[("loa-condition-level", "2")]),
    ];
    let flows = vec![
        own(["one", "two"]),
        level("one", "level one", "auth-password-form"),
        level("two", "level two", "auth-otp-form"),
    ];
    bind(&server, flows, &configs).await;
    let second_page = async || {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        send(&server, &browser, &page, &[("username", "alice")]).await
    };
    asks(&second_page().await, "password");
    add(&server, vec![own(["two", "one"])], &[]).await;
    asks(&second_page().await, "otp");
}

/// With the box ticked the login outlives the browser's window, without it it does not; the box is
/// there where the realm offers it.
///
/// spec: LOGIN-07, LOGIN-08, LOGIN-09
#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_remembered_where_it_is_wished() {
    let server = server().await;
    let sign_in = async |more: &[(&str, &str)]| {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let mut form = PASSWORD.to_vec();
        form.extend_from_slice(more);
        let cookies = browser.cookies();
        let request = server
            .http
            .post(page.action(&server))
            .header("cookie", cookies);
        let answer = request.form(&form).send().await.unwrap();
        let set = answer.headers().get_all("set-cookie").iter();
        let set: Vec<&str> = set.map(|c| c.to_str().unwrap()).collect();
        let identity = set.iter().find(|c| c.starts_with("KEYCLOAK_IDENTITY="));
        (page.text, identity.unwrap().contains("Max-Age="))
    };
    let (page, lasting) = sign_in(&[("rememberMe", "on")]).await;
    assert!(!page.contains("name=\"rememberMe\""));
    assert!(!lasting, "the realm does not offer it");
    server
        .change_realm(|realm| realm.remember_me = Some(true))
        .await;
    let (page, lasting) = sign_in(&[]).await;
    assert!(page.contains("name=\"rememberMe\""), "{page}");
    assert!(!lasting);
    assert!(sign_in(&[("rememberMe", "on")]).await.1);
}
