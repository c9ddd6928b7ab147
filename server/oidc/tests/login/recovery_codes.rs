//! Recovery codes.

use realmkeep_model::features::Features;
use reqwest::StatusCode;

use crate::browser::{Browser, Seen, fill, server};
use crate::support::{Server, SetUp};
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, bind, code_of, credentials, done, execution, flow, open,
    send,
};

fn codes(seen: &Seen) -> Vec<String> {
    let list = seen
        .text
        .split("id=\"kc-recovery-codes-list\"")
        .nth(1)
        .expect(&seen.text);
    let list = list.split("</ol>").next().unwrap();
    list.split("<code>")
        .skip(1)
        .map(|part| part.split('<').next().unwrap().to_owned())
        .collect()
}

/// Codes are shown once, count once each and in order, and stand in for the other second factor.
///
/// spec: RCODE-01, FLOW-36
#[tokio::test(flavor = "multi_thread")]
async fn codes_stand_in_for_the_app() {
    let server = server().await;
    add_otp(&server, "alice", "phone").await;
    let own = flow(
        "own",
        vec![
            execution("auth-username-password-form", "REQUIRED"),
            execution("flow:second", "REQUIRED"),
        ],
    );
    let second = flow(
        "second",
        vec![
            execution("auth-otp-form", "ALTERNATIVE"),
            execution("auth-recovery-authn-code-form", "ALTERNATIVE"),
        ],
    );
    bind(&server, vec![own, second], &[]).await;
    let browser = Browser::default();
    let more = [("kc_action", "CONFIGURE_RECOVERY_AUTHN_CODES")];
    let page = open(&server, &browser, &more).await;
    let page = send(&server, &browser, &page, &PASSWORD).await;
    asks(&page, "otp");
    assert!(
        !page.text.contains("tryAnotherWay"),
        "there is no other way yet"
    );
    let code = code_of(&server, OTP_SECRET, 0).await;
    let page = send(&server, &browser, &page, &[("otp", &code)]).await;
    let list = codes(&page);
    assert_eq!(list.len(), 12);
    // Not without saying that they were kept.
    let page = send(&server, &browser, &page, &[]).await;
    assert_eq!(codes(&page), list);
    let confirmed = [("kcRecoveryCodesConfirmationCheck", "on")];
    let seen = send(&server, &browser, &page, &confirmed).await;
    assert_eq!(seen.answer()["kc_action_status"], "success");
    let all = credentials(&server, "alice").await;
    let stored = all
        .iter()
        .find(|c| c.r#type.as_deref() == Some("recovery-authn-codes"));
    let stored = stored.unwrap().secret_data.clone().unwrap();
    assert!(!stored.expose().contains(&list[0]));

    let at_choice = async || {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let page = send(&server, &browser, &page, &PASSWORD).await;
        asks(&page, "otp");
        let page = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
        asks(&page, "authenticationExecution");
        let button = page
            .text
            .split("<button")
            .find(|part| part.contains("Recovery code"))
            .expect(&page.text);
        let execution = button.split("value=\"").nth(1).unwrap();
        let execution = execution.split('"').next().unwrap().to_owned();
        let chosen = [("authenticationExecution", execution.as_str())];
        let page = send(&server, &browser, &page, &chosen).await;
        asks(&page, "recoveryCodeInput");
        (browser, page)
    };
    let (browser, page) = at_choice().await;
    assert!(page.text.contains("no. 1"));
    let later = send(&server, &browser, &page, &[("recoveryCodeInput", &list[1])]).await;
    asks(&later, "recoveryCodeInput");
    let typed = format!("{} {}", &list[0][..6].to_lowercase(), &list[0][6..]);
    done(&send(&server, &browser, &later, &[("recoveryCodeInput", &typed)]).await);
    let (browser, page) = at_choice().await;
    assert!(page.text.contains("no. 2"));
    let used = send(&server, &browser, &page, &[("recoveryCodeInput", &list[0])]).await;
    asks(&used, "recoveryCodeInput");
    done(&send(&server, &browser, &used, &[("recoveryCodeInput", &list[1])]).await);
}

/// Where the server has switched the feature off there is neither the step nor its set-up.
///
/// spec: RCODE-02
#[tokio::test(flavor = "multi_thread")]
async fn codes_can_be_switched_off() {
    let action = [("kc_action", "CONFIGURE_RECOVERY_AUTHN_CODES")];
    for (on, off) in [
        ("", ""),
        ("recovery-codes", ""),
        ("", "recovery-codes"),
        ("preview", "recovery-codes"),
    ] {
        let features: Features = on.parse().unwrap();
        let set_up = SetUp {
            features: features.without(&off.parse().unwrap()),
            ..SetUp::default()
        };
        let server = Server::start_set_up(set_up, |_| {}).await;
        fill(&server).await;
        let browser = Browser::default();
        let page = open(&server, &browser, &action).await;
        let page = send(&server, &browser, &page, &PASSWORD).await;
        if off.is_empty() {
            assert_eq!(codes(&page).len(), 12, "{on}");
            continue;
        }
        // The application is told that nothing was done.
        assert_eq!(page.answer()["kc_action_status"], "error");
        let own = flow(
            "own",
            vec![
                execution("auth-username-password-form", "REQUIRED"),
                execution("auth-recovery-authn-code-form", "REQUIRED"),
            ],
        );
        bind(&server, vec![own], &[]).await;
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let refused = send(&server, &browser, &page, &PASSWORD).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{refused:?}");
    }
}
