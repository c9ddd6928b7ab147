//! What a realm's password policy says of hashing, of earlier passwords and of the age of a login.

use realmkeep_keys::{HashAlgorithm, Hashing, PasswordHasher};
use reqwest::StatusCode;
use serde_json::Value;

use crate::browser::{Browser, Seen, fill, server};
use crate::support::{Server, SetUp};
use crate::tools::{PASSWORD, asks, credentials, direct_grant, done, open, send};

async fn policy(server: &Server, policy: &str) {
    let policy = policy.to_owned();
    server
        .change_realm(|realm| realm.password_policy = Some(policy))
        .await;
}

/// Algorithm and iterations of alice's password, as it is stored.
async fn stored(server: &Server) -> (String, i64) {
    let all = credentials(server, "alice").await;
    let mut passwords = all
        .iter()
        .filter(|c| c.r#type.as_deref() == Some("password"));
    let (found, none) = (passwords.next().unwrap(), passwords.next());
    assert!(none.is_none());
    let data: Value = serde_json::from_str(found.credential_data.as_deref().unwrap()).unwrap();
    let secret = found.secret_data.as_ref().unwrap().expose();
    assert!(!secret.contains("\"pw\""), "never in clear text");
    let algorithm = data["algorithm"].as_str().unwrap().to_owned();
    (algorithm, data["hashIterations"].as_i64().unwrap())
}

async fn sign_in(server: &Server, password: &str) -> (Browser, Seen) {
    let browser = Browser::default();
    let page = open(server, &browser, &[]).await;
    let form = [("username", "alice"), ("password", password)];
    let seen = send(server, &browser, &page, &form).await;
    (browser, seen)
}

/// Passwords are hashed by the realm's algorithm and iterations; after these changed, a stored hash
/// changes when its owner signs in, and not before.
///
/// spec: PWPOL-04, PWPOL-05, PWPOL-06, PWPOL-07, PWPOL-08, PWPOL-11
#[tokio::test(flavor = "multi_thread")]
async fn hashes_follow_the_policy_at_the_next_login() {
    let server = server().await;
    assert_eq!(stored(&server).await, ("argon2".to_owned(), 5));
    let mut before = ("argon2".to_owned(), 5);
    for (algorithm, iterations) in [
        ("pbkdf2", 1_500),
        ("pbkdf2-sha256", 1_000),
        ("pbkdf2-sha512", 2_000),
        ("argon2", 3),
        ("argon2", 2),
    ] {
        let wanted = format!("hashAlgorithm({algorithm}) and hashIterations({iterations})");
        policy(&server, &wanted).await;
        asks(&sign_in(&server, "wrong").await.1, "password");
        assert_eq!(stored(&server).await, before, "only its owner changes it");
        done(&sign_in(&server, "pw").await.1);
        before = (algorithm.to_owned(), iterations);
        assert_eq!(stored(&server).await, before);
        done(&sign_in(&server, "pw").await.1);
        asks(&sign_in(&server, "wrong").await.1, "password");
    }
    // The direct grant is the same door; without iterations they are the algorithm's.
    policy(&server, "hashAlgorithm(pbkdf2-sha512)").await;
    direct_grant(&server, &PASSWORD).await.granted();
    assert_eq!(stored(&server).await, ("pbkdf2-sha512".to_owned(), 210_000));
}

/// New passwords are hashed by the policy too.
///
/// spec: PWPOL-04, PWPOL-07
#[tokio::test(flavor = "multi_thread")]
async fn new_passwords_are_hashed_by_the_policy() {
    let server = server().await;
    let of_policy = HashAlgorithm::Pbkdf2Sha256.name();
    let (browser, page) = signed_in_for_update(&server).await;
    policy(
        &server,
        &format!("hashAlgorithm({of_policy}) and hashIterations(999)"),
    )
    .await;
    done(&set(&server, &browser, &page, "other").await);
    assert_eq!(stored(&server).await, (of_policy.to_owned(), 999));
}

async fn signed_in_for_update(server: &Server) -> (Browser, Seen) {
    update_as(server, "pw").await
}

async fn update_as(server: &Server, password: &str) -> (Browser, Seen) {
    let browser = Browser::default();
    let page = open(server, &browser, &[("kc_action", "UPDATE_PASSWORD")]).await;
    let form = [("username", "alice"), ("password", password)];
    let page = send(server, &browser, &page, &form).await;
    asks(&page, "password-new");
    (browser, page)
}

async fn set(server: &Server, browser: &Browser, page: &Seen, new: &str) -> Seen {
    let form = [("password-new", new), ("password-confirm", new)];
    send(server, browser, page, &form).await
}

/// The latest passwords, the present one among them, are not taken again; older ones are, and are
/// not kept.
///
/// spec: PWPOL-21
#[tokio::test(flavor = "multi_thread")]
async fn the_latest_passwords_are_not_used_again() {
    let server = server().await;
    policy(&server, "passwordHistory(3)").await;
    let mut present = "pw";
    for next in ["second", "third", "fourth"] {
        let (browser, page) = update_as(&server, present).await;
        done(&set(&server, &browser, &page, next).await);
        present = next;
    }
    let (browser, page) = update_as(&server, present).await;
    for latest in ["fourth", "third", "second"] {
        let seen = set(&server, &browser, &page, latest).await;
        asks(&seen, "password-new");
        assert!(seen.text.contains("last 3 passwords"), "{}", seen.text);
    }
    done(&set(&server, &browser, &page, "pw").await);
    let kept = credentials(&server, "alice").await.len();
    assert_eq!(kept, 3, "the present one and two earlier ones");
    for earlier in ["second", "third", "fourth"] {
        asks(&sign_in(&server, earlier).await.1, "password");
    }
}

/// A password that was used within so many days is not taken again; later it is.
///
/// spec: PWPOL-22
#[tokio::test(flavor = "multi_thread")]
async fn a_password_rests_for_days() {
    let server = server().await;
    policy(&server, "passwordAge(10)").await;
    let (browser, page) = update_as(&server, "pw").await;
    done(&set(&server, &browser, &page, "second").await);
    server.services.clock.advance(86_400);
    let (browser, page) = update_as(&server, "second").await;
    done(&set(&server, &browser, &page, "third").await);
    let (browser, page) = update_as(&server, "third").await;
    for used in ["third", "second"] {
        let seen = set(&server, &browser, &page, used).await;
        asks(&seen, "password-new");
        assert!(seen.text.contains("10 days"), "{}", seen.text);
    }
    server.services.clock.advance(10 * 86_400);
    let (browser, page) = update_as(&server, "third").await;
    done(&set(&server, &browser, &page, "second").await);
}

/// How old a login may be for a new password: by the policy, which comes before the action's own
/// setting; with 0, the password is asked for each time.
///
/// spec: PWPOL-26
#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_needs_a_young_login() {
    let server = server().await;
    let of_action = |realm: &mut realmkeep_representations::RealmRepresentation, age: &str| {
        for action in realm.required_actions.iter_mut().flatten() {
            if action.alias.as_deref() == Some("UPDATE_PASSWORD") {
                let config = action.config.get_or_insert_default();
                config.insert("max_auth_age".to_owned(), age.to_owned());
            }
        }
    };
    let (browser, seen) = sign_in(&server, "pw").await;
    done(&seen);
    let update = [("kc_action", "UPDATE_PASSWORD")];
    server.services.clock.advance(100);
    asks(&open(&server, &browser, &update).await, "password-new");
    server.change_realm(|realm| of_action(realm, "99")).await;
    asks(&open(&server, &browser, &update).await, "password");
    policy(&server, "maxAuthAge(200)").await;
    asks(&open(&server, &browser, &update).await, "password-new");
    server.services.clock.advance(101);
    asks(&open(&server, &browser, &update).await, "password");
    policy(&server, "maxAuthAge(0)").await;
    let (browser, seen) = sign_in(&server, "pw").await;
    done(&seen);
    let page = open(&server, &browser, &update).await;
    asks(&page, "password");
    let wrong = send(&server, &browser, &page, &[("password", "wrong")]).await;
    asks(&wrong, "password");
    let page = send(
        &server,
        &browser,
        &wrong,
        &[("username", "alice"), ("password", "pw")],
    )
    .await;
    asks(&page, "password-new");
}

/// Who comes when there is more to hash than the queue holds is told to come again, before anything is
/// hashed: by the page and by the token endpoint. The login goes on from where it stood.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_sheds_logins() {
    let passwords = PasswordHasher::with_limits(HashAlgorithm::Argon2, 1, 1);
    let set_up = SetUp {
        passwords: passwords.clone(),
        ..SetUp::default()
    };
    let server = Server::start_set_up(set_up, |_| {}).await;
    fill(&server).await;
    let browser = Browser::default();
    let mut page = open(&server, &browser, &[]).await;
    let slow = Hashing::new(HashAlgorithm::Argon2, Some(50));
    // One is hashed, one waits, and one is always there to take the place of the next.
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let passwords = passwords.clone();
            tokio::spawn(async move {
                loop {
                    if passwords.pretend("x", slow).await.is_err() {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut shed = false;
    for _ in 0..50 {
        let cookies = browser.cookies();
        let request = server
            .http
            .post(page.action(&server))
            .header("cookie", cookies);
        let wrong = [("username", "alice"), ("password", "wrong")];
        let answer = request.form(&wrong).send().await.unwrap();
        shed = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        let retry = answer.headers().get("retry-after").cloned();
        page.text = answer.text().await.unwrap();
        if shed {
            assert!(retry.is_some());
            break;
        }
    }
    assert!(shed);
    let mut told = direct_grant(&server, &PASSWORD).await;
    for _ in 0..50 {
        if told.status == StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        told = direct_grant(&server, &PASSWORD).await;
    }
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE, "{told:?}");
    assert!(told.headers.contains_key("retry-after"));
    assert_eq!(told.body["error"], "temporarily_unavailable");
    for task in busy {
        task.abort();
    }
    done(&send(&server, &browser, &page, &PASSWORD).await);
}
