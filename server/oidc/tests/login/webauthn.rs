//! Security keys and passkeys, with an authenticator in software.

use realmkeep_representations::EventRepresentation;
use realmkeep_store::documents::Page;
use realmkeep_store::events::UserEventSearch;
use serde_json::Value;

use crate::authenticator::{
    AAGUID_TEXT, Attest, Authenticator, Format, Made, Manufacturer, PRESENT, Proof, VERIFIED,
    base64url,
};
use crate::browser::{Browser, Seen, authorize, server};
use crate::support::{Server, SetUp};
use crate::tools::{
    OTP_SECRET, PASSWORD, add_otp, asks, bind, code_of, configured, credentials, done, execution,
    flow, id_token, open, send, sessions, user_id,
};

const KEY: &str = "webauthn";
const PASSKEY: &str = "webauthn-passwordless";

/// JSON in an attribute of the page.
#[track_caller]
fn attribute(seen: &Seen, name: &str) -> Value {
    let after = seen.text.split(&format!("{name}=\"")).nth(1);
    let escaped = after.expect(&seen.text).split('"').next().unwrap();
    let json = escaped
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&json).unwrap()
}

/// What the page asks the browser to make, and to use.
fn options(seen: &Seen) -> Value {
    attribute(seen, "data-options")
}

fn request(seen: &Seen) -> Value {
    attribute(seen, "data-request")
}

fn challenge(json: &Value) -> String {
    json["challenge"].as_str().unwrap().to_owned()
}

fn new_key(server: &Server, algorithm: i64) -> Authenticator {
    Authenticator::new(algorithm, &server.base, "127.0.0.1")
}

async fn send_made(
    server: &Server,
    browser: &Browser,
    page: &Seen,
    made: &Made,
    more: &[(&str, &str)],
) -> Seen {
    let client_data = base64url(&made.client_data);
    let attestation = base64url(&made.attestation);
    let mut form = vec![
        ("clientDataJSON", client_data.as_str()),
        ("attestationObject", &attestation),
        ("transports", "usb,made-up"),
        ("authenticatorAttachment", "cross-platform"),
    ];
    form.extend_from_slice(more);
    send(server, browser, page, &form).await
}

async fn send_proof(
    server: &Server,
    browser: &Browser,
    page: &Seen,
    key: &Authenticator,
    proof: &Proof,
) -> Seen {
    let encoded = [
        &proof.client_data,
        &proof.authenticator_data,
        &proof.signature,
        &key.id,
        &key.user_handle,
    ]
    .map(|bytes| base64url(bytes));
    let [client_data, data, signature, id, handle] = &encoded;
    let form = [
        ("clientDataJSON", client_data.as_str()),
        ("authenticatorData", data),
        ("signature", signature),
        ("credentialId", id),
        ("userHandle", handle),
    ];
    send(server, browser, page, &form).await
}

/// Signs in with the password up to the page of the second step.
async fn second_page(server: &Server, browser: &Browser) -> Seen {
    let page = open(server, browser, &[]).await;
    send(server, browser, &page, &PASSWORD).await
}

async fn require(server: &Server, username: &str, action: &str) {
    let id = user_id(server, username).await;
    server
        .change_user(&id, |user| {
            user.required_actions = Some(vec![action.to_owned()]);
        })
        .await;
}

/// Alice registers a key in a login of her own.
async fn registered(server: &Server, kind: &str, algorithm: i64) -> Authenticator {
    let action = match kind {
        KEY => "webauthn-register",
        _ => "webauthn-register-passwordless",
    };
    require(server, "alice", action).await;
    let browser = Browser::default();
    let page = second_page(server, &browser).await;
    let mut key = new_key(server, algorithm);
    key.user_handle = user_id(server, "alice").await.into_bytes();
    let made = key.make(&challenge(&options(&page)), &Attest::None);
    let label = [("authenticatorLabel", "My key")];
    done(&send_made(server, &browser, &page, &made, &label).await);
    key
}

/// A server with Alice, who has registered a key.
async fn with_key(kind: &str) -> (Server, Authenticator) {
    let server = server().await;
    let key = registered(&server, kind, -7).await;
    (server, key)
}

/// The flow whose second factor is a key, asked of who has one.
async fn bind_second_factor(server: &Server, requirement: &str) {
    let flows = vec![
        flow(
            "own",
            vec![
                execution("auth-cookie", "ALTERNATIVE"),
                execution("flow:forms", "ALTERNATIVE"),
            ],
        ),
        flow(
            "forms",
            vec![
                execution("auth-username-password-form", "REQUIRED"),
                configured("webauthn-authenticator", requirement, "reference"),
            ],
        ),
    ];
    let reference: &[(&str, &str)] = &[("default.reference.value", "hwk")];
    bind(server, flows, &[("reference", reference)]).await;
}

/// Binds a browser flow of steps alone.
async fn bind_steps(server: &Server, steps: &[&str]) {
    let steps = steps.iter().map(|id| execution(id, "REQUIRED")).collect();
    bind(server, vec![flow("own", steps)], &[]).await;
}

#[track_caller]
fn not_accepted(seen: &Seen) {
    assert!(seen.location.is_none(), "{seen:?}");
    assert!(
        seen.text.contains("kc-error-credential-form"),
        "{}",
        seen.text
    );
}

/// The newest event.
async fn last_event(server: &Server) -> EventRepresentation {
    found_events(server, UserEventSearch::default())
        .await
        .remove(0)
}

/// The events of the type, the newest first.
async fn events_of(server: &Server, kind: &str) -> Vec<EventRepresentation> {
    let search = UserEventSearch {
        types: vec![kind.to_owned()],
        ..UserEventSearch::default()
    };
    found_events(server, search).await
}

async fn found_events(server: &Server, search: UserEventSearch) -> Vec<EventRepresentation> {
    server.services.events.settle().await;
    let realm = server.realm().await;
    let store = &server.services.store;
    let events = store.user_events(&realm.id, &search, Page::ALL).await;
    events.unwrap()
}

/// A user with the required action registers a key with a label, and signs in with it after the
/// password; what is stored is as a Keycloak stores it.
///
/// spec: WAN-01, WAN-02, WAN-04, WAN-07, WAN-08, WAN-13, WPOL-02, WPOL-03, WPOL-04, WPOL-05
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_registered_and_used() {
    let server = server().await;
    server
        .change_realm(|realm| realm.events_enabled = Some(true))
        .await;
    bind_second_factor(&server, "REQUIRED").await;
    server
        .change_client("app", |client| {
            let mapper = serde_json::json!({
                "id": "m", "name": "amr", "protocol": "openid-connect",
                "protocolMapper": "oidc-amr-mapper",
                "config": {"id.token.claim": "true", "access.token.claim": "true"},
            });
            client.protocol_mappers = Some(vec![serde_json::from_value(mapper).unwrap()]);
        })
        .await;
    // Without a key, one has to be registered.
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    asks(&page, "attestationObject");
    let asked = options(&page);
    assert_eq!(asked["rp"]["name"], "keycloak");
    assert_eq!(asked["rp"]["id"], "127.0.0.1");
    assert_eq!(asked["attestation"], "none");
    let algorithms = asked["pubKeyCredParams"].as_array().unwrap();
    let algorithms: Vec<i64> = algorithms
        .iter()
        .map(|a| a["alg"].as_i64().unwrap())
        .collect();
    assert_eq!(algorithms, [-7, -257]);
    let alice = user_id(&server, "alice").await;
    assert_eq!(asked["user"]["id"], base64url(alice.as_bytes()));
    assert_eq!(asked["user"]["name"], "alice");
    let mut key = new_key(&server, -7);
    let made = key.make(&challenge(&asked), &Attest::None);
    let label = [("authenticatorLabel", " My key ")];
    let seen = send_made(&server, &browser, &page, &made, &label).await;
    done(&seen);

    let all = credentials(&server, "alice").await;
    let stored = all
        .iter()
        .find(|c| c.r#type.as_deref() == Some(KEY))
        .unwrap();
    assert_eq!(stored.user_label.as_deref(), Some("My key"));
    let data: Value = serde_json::from_str(stored.credential_data.as_deref().unwrap()).unwrap();
    assert_eq!(data["aaguid"], AAGUID_TEXT);
    assert_eq!(data["attestationStatementFormat"], "none");
    assert_eq!(data["transports"], serde_json::json!(["usb"]));
    assert_eq!(data["counter"], 0);

    // The key that was registered proves the second step of the next login.
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let asked = request(&page);
    assert_eq!(asked["allowed"], serde_json::json!([base64url(&key.id)]));
    assert!(page.text.contains("My key"));
    assert!(page.policy.contains("script-src 'self'"), "{}", page.policy);
    let proof = key.prove(&challenge(&asked));
    let seen = send_proof(&server, &browser, &page, &key, &proof).await;
    let event = last_event(&server).await;
    assert_eq!(event.r#type.as_deref(), Some("LOGIN"));
    let details = event.details.unwrap();
    assert_eq!(details["credential_type"], KEY);
    assert_eq!(details["public_key_credential_id"], base64url(&key.id));
    let verified = "web_authn_authenticator_user_verification_checked";
    assert_eq!(details[verified], "false");
    let claims = id_token(&server, &seen).await;
    assert_eq!(claims["amr"], serde_json::json!(["hwk"]));
    let all = credentials(&server, "alice").await;
    let stored = all
        .iter()
        .find(|c| c.r#type.as_deref() == Some(KEY))
        .unwrap();
    let data: Value = serde_json::from_str(stored.credential_data.as_deref().unwrap()).unwrap();
    assert_eq!(data["counter"], 1);
    assert_eq!(sessions(&server, "alice").await, 2);
}

/// Every algorithm that a policy may name registers and proves; one that it does not name registers
/// nothing, and what is not an algorithm of ours is not offered.
///
/// spec: WPOL-03, LGL-06
#[tokio::test(flavor = "multi_thread")]
async fn algorithms_are_those_of_the_policy() {
    let server = server().await;
    bind_second_factor(&server, "REQUIRED").await;
    for (name, number) in [
        ("ES256", -7),
        ("ES384", -35),
        ("ES512", -36),
        ("RS256", -257),
        ("RS384", -258),
        ("RS512", -259),
        ("Ed25519", -8),
    ] {
        server
            .change_realm(|realm| {
                let only = vec![name.to_owned(), "made-up".to_owned()];
                realm.web_authn_policy_signature_algorithms = Some(only);
            })
            .await;
        let alice = user_id(&server, "alice").await;
        let others = credentials(&server, "alice").await;
        let mut batch = realmkeep_store::Batch::new();
        for old in others.iter().filter(|c| c.r#type.as_deref() == Some(KEY)) {
            let id = old.id.as_deref().unwrap();
            batch.push(realmkeep_store::Store::delete_credential(&alice, id));
        }
        server.services.store.commit(batch).await.unwrap();

        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        let wanted = &options(&page)["pubKeyCredParams"];
        assert_eq!(wanted.as_array().unwrap().len(), 1, "{wanted}");
        let other = new_key(&server, if number == -7 { -35 } else { -7 });
        let made = other.make(&challenge(&options(&page)), &Attest::None);
        let seen = send_made(&server, &browser, &page, &made, &[]).await;
        not_accepted(&seen);
        let page = send(&server, &browser, &seen, &[("isSetRetry", "retry")]).await;
        let mut key = new_key(&server, number);
        let made = key.make(&challenge(&options(&page)), &Attest::Own);
        done(&send_made(&server, &browser, &page, &made, &[]).await);

        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        let proof = key.prove(&challenge(&request(&page)));
        done(&send_proof(&server, &browser, &page, &key, &proof).await);
    }
}

/// Nothing that is not exactly a registration for this page registers anything.
///
/// spec: WAN-01
#[tokio::test(flavor = "multi_thread")]
async fn hostile_registrations_are_refused() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.web_authn_policy_user_verification_requirement = Some("required".to_owned());
        })
        .await;
    require(&server, "alice", "webauthn-register").await;
    let browser = Browser::default();
    let mut page = second_page(&server, &browser).await;
    let old = challenge(&options(&page));
    type Change = fn(&mut Authenticator);
    let changes: [(&str, Change); 7] = [
        ("another origin", |key| {
            key.origin = "http://evil.example".to_owned()
        }),
        ("a port too many", |key| key.origin.push('0')),
        ("another relying party", |key| {
            key.relying_party = "evil.example".to_owned()
        }),
        ("another site's frame", |key| key.cross_origin = true),
        ("nobody verified", |key| key.flags = PRESENT),
        ("nobody present", |key| key.flags = VERIFIED),
        ("backed up, and cannot be", |key| {
            key.flags = PRESENT | VERIFIED | 0x10
        }),
    ];
    for (what, change) in changes {
        let mut key = new_key(&server, -7);
        change(&mut key);
        let made = key.make(&challenge(&options(&page)), &Attest::None);
        let seen = send_made(&server, &browser, &page, &made, &[]).await;
        not_accepted(&seen);
        assert!(seen.text.contains("could not be registered"), "{what}");
        page = send(&server, &browser, &seen, &[("isSetRetry", "retry")]).await;
        asks(&page, "attestationObject");
    }
    // A challenge is good for one page.
    let key = new_key(&server, -7);
    let made = key.make(&old, &Attest::None);
    not_accepted(&send_made(&server, &browser, &page, &made, &[]).await);
    // What was made for a login registers nothing.
    let fresh = challenge(&options(&page));
    let mut made = key.make(&fresh, &Attest::None);
    made.client_data = key.client_data("webauthn.get", &fresh);
    not_accepted(&send_made(&server, &browser, &page, &made, &[]).await);
    // An id that is not the one that is attested.
    let made = key.make(&fresh, &Attest::None);
    let other = [("publicKeyCredentialId", "AAAA")];
    not_accepted(&send_made(&server, &browser, &page, &made, &other).await);
    // Bytes that are nothing, cut off, or too many.
    for attestation in [
        Vec::new(),
        vec![0xff; 64],
        made.attestation[..made.attestation.len() - 1].to_vec(),
        [made.attestation.as_slice(), &[0]].concat(),
        vec![0x9f; 4000],
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        let broken = Made {
            client_data: made.client_data.clone(),
            attestation,
        };
        not_accepted(&send_made(&server, &browser, &page, &broken, &[]).await);
    }
    assert_eq!(credentials(&server, "alice").await.len(), 1);
    // The page is still good for what is right.
    done(&send_made(&server, &browser, &page, &made, &[]).await);
    assert_eq!(credentials(&server, "alice").await.len(), 2);
    assert_eq!(sessions(&server, "alice").await, 1);
}

/// Attestations are verified whichever way they come, and have to lead to who is trusted where the
/// policy asks for them.
///
/// spec: WPOL-05, WPOL-11, WPOL-12
#[tokio::test(flavor = "multi_thread")]
async fn attestations_lead_to_who_is_trusted() {
    let trusted = Manufacturer::new();
    let stranger = Manufacturer::new();
    let anchors = realmkeep_webauthn::TrustAnchors::from_pem(trusted.pem().as_bytes()).unwrap();
    let server = server_trusting(realmkeep_webauthn::Truststore::Anchors(anchors)).await;
    let all = [
        Format::Packed,
        Format::FidoU2f,
        Format::Apple,
        Format::AndroidKey,
        Format::Tpm,
    ];
    let policy = |preference: &'static str, aaguids: &'static [&'static str]| {
        server.change_realm(move |realm| {
            realm.web_authn_policy_attestation_conveyance_preference = Some(preference.to_owned());
            let aaguids = aaguids.iter().map(|a| (*a).to_owned()).collect();
            realm.web_authn_policy_acceptable_aaguids = Some(aaguids);
        })
    };
    policy("direct", &[]).await;
    for format in all {
        assert!(
            registers(&server, &Attest::By(&trusted, format), |_| {}).await,
            "{format:?}"
        );
        assert!(
            !registers(&server, &Attest::By(&stranger, format), |_| {}).await,
            "{format:?}"
        );
        // A statement that was tampered with.
        let attest = Attest::By(&trusted, format);
        let broken = registers(&server, &attest, |statement| {
            let wanted = if format == Format::Apple {
                "x5c"
            } else {
                "sig"
            };
            let found = statement
                .iter_mut()
                .find(|(name, _)| name.as_text() == Some(wanted));
            flip(&mut found.unwrap().1);
        });
        assert!(!broken.await, "{format:?}");
    }
    assert!(!registers(&server, &Attest::None, |_| {}).await);
    assert!(registers(&server, &Attest::Own, |_| {}).await);
    policy("none", &[]).await;
    assert!(registers(&server, &Attest::None, |_| {}).await);
    // Who made it does not count, but what is said has to be true.
    assert!(registers(&server, &Attest::By(&stranger, Format::Packed), |_| {}).await);
    assert!(!registers(&server, &Attest::Own, |statement| flip(&mut statement[1].1)).await);

    // Only a model that somebody who is trusted vouches for.
    policy("direct", &[AAGUID_TEXT]).await;
    assert!(registers(&server, &Attest::By(&trusted, Format::Packed), |_| {}).await);
    for attest in [
        Attest::By(&stranger, Format::Packed),
        Attest::Own,
        Attest::None,
    ] {
        assert!(!registers(&server, &attest, |_| {}).await);
    }
    for others in [
        ["ffffffff-0506-0708-090a-0b0c0d0e0f10"].as_slice(),
        &["not a model"],
    ] {
        let others: Vec<String> = others.iter().map(|a| (*a).to_owned()).collect();
        server
            .change_realm(|realm| realm.web_authn_policy_acceptable_aaguids = Some(others))
            .await;
        assert!(!registers(&server, &Attest::By(&trusted, Format::Packed), |_| {}).await);
    }
}

/// Without a truststore, certificates are not looked at; then no model can be told from another.
///
/// spec: WPOL-12
#[tokio::test(flavor = "multi_thread")]
async fn without_a_truststore_certificates_are_not_looked_at() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.web_authn_policy_attestation_conveyance_preference = Some("direct".to_owned());
        })
        .await;
    let anybody = Manufacturer::new();
    assert!(registers(&server, &Attest::By(&anybody, Format::Packed), |_| {}).await);
    server
        .change_realm(|realm| {
            realm.web_authn_policy_acceptable_aaguids = Some(vec![AAGUID_TEXT.to_owned()]);
        })
        .await;
    assert!(!registers(&server, &Attest::By(&anybody, Format::Packed), |_| {}).await);
}

async fn server_trusting(truststore: realmkeep_webauthn::Truststore) -> Server {
    let set_up = SetUp {
        attestations: truststore,
        ..SetUp::default()
    };
    let server = Server::start_set_up(set_up, |_| {}).await;
    with_alice(&server).await;
    server
}

/// The application and the user that other tests have.
async fn with_alice(server: &Server) {
    crate::browser::add_app(server, "app", serde_json::json!({})).await;
    server
        .add_user(
            "alice",
            "pw",
            serde_json::json!({"email": "alice@example.test"}),
        )
        .await;
}

/// Whether a key with this attestation can be registered.
async fn registers(
    server: &Server,
    attest: &Attest<'_>,
    change: impl FnOnce(&mut Vec<(ciborium::Value, ciborium::Value)>),
) -> bool {
    require(server, "alice", "webauthn-register").await;
    let browser = Browser::default();
    let page = second_page(server, &browser).await;
    let mut key = new_key(server, -7);
    if matches!(attest, Attest::By(_, Format::FidoU2f)) {
        key.aaguid = [0; 16];
    }
    let made = key.make_with(&challenge(&options(&page)), attest, change);
    let seen = send_made(server, &browser, &page, &made, &[]).await;
    if seen.location.is_none() {
        not_accepted(&seen);
        return false;
    }
    done(&seen);
    let alice = user_id(server, "alice").await;
    let mut batch = realmkeep_store::Batch::new();
    for made in credentials(server, "alice").await {
        if made.r#type.as_deref() == Some(KEY) {
            let id = made.id.as_deref().unwrap();
            batch.push(realmkeep_store::Store::delete_credential(&alice, id));
        }
    }
    server.services.store.commit(batch).await.unwrap();
    true
}

fn flip(value: &mut ciborium::Value) {
    match value {
        ciborium::Value::Bytes(bytes) => {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }
        ciborium::Value::Array(list) => flip(&mut list[0]),
        _ => panic!("nothing to change"),
    }
}

/// What the policy wants of an authenticator is asked for, and checked as far as it can be.
///
/// spec: WPOL-06, WPOL-07, WPOL-08, WPOL-09, WPOL-10
#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_asked_for_and_held() {
    let (server, key) = with_key(KEY).await;
    let asked = {
        require(&server, "alice", "webauthn-register").await;
        let browser = Browser::default();
        options(&second_page(&server, &browser).await)
    };
    assert_eq!(asked["excludeCredentials"], serde_json::json!([]));
    assert_eq!(asked["authenticatorSelection"], serde_json::json!({}));
    assert_eq!(asked.get("timeout"), None);
    server
        .change_realm(|realm| {
            realm.web_authn_policy_rp_entity_name = Some("Example".to_owned());
            realm.web_authn_policy_authenticator_attachment = Some("platform".to_owned());
            realm.web_authn_policy_require_resident_key = Some("Yes".to_owned());
            realm.web_authn_policy_user_verification_requirement = Some("required".to_owned());
            realm.web_authn_policy_create_timeout = Some(60);
            realm.web_authn_policy_avoid_same_authenticator_register = Some(true);
            realm.web_authn_policy_attestation_conveyance_preference = Some("indirect".to_owned());
        })
        .await;
    require(&server, "alice", "webauthn-register").await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let asked = options(&page);
    assert_eq!(asked["rp"]["name"], "Example");
    assert_eq!(asked["timeout"], 60_000);
    assert_eq!(asked["attestation"], "indirect");
    assert_eq!(asked["excludeCredentials"][0]["id"], base64url(&key.id));
    let selection = serde_json::json!({
        "authenticatorAttachment": "platform", "residentKey": "required",
        "requireResidentKey": true, "userVerification": "required",
    });
    assert_eq!(asked["authenticatorSelection"], selection);
    // The same key, another kind of authenticator, a key that does not find its user.
    let made = key.make(&challenge(&asked), &Attest::None);
    let platform = ("authenticatorAttachment", "platform");
    let send_as = async |made: &Made, more: &[(&str, &str)]| {
        let client_data = base64url(&made.client_data);
        let attestation = base64url(&made.attestation);
        let mut form = vec![
            ("clientDataJSON", client_data.as_str()),
            ("attestationObject", &attestation),
        ];
        form.extend_from_slice(more);
        send(&server, &browser, &page, &form).await
    };
    not_accepted(&send_as(&made, &[platform]).await);
    let other = new_key(&server, -7).make(&challenge(&asked), &Attest::None);
    not_accepted(&send_as(&other, &[("authenticatorAttachment", "cross-platform")]).await);
    not_accepted(&send_as(&other, &[]).await);
    not_accepted(&send_as(&other, &[platform, ("residentKey", "false")]).await);
    done(&send_as(&other, &[platform, ("residentKey", "true")]).await);
}

/// Proofs that are not of this user's key, for this page, of somebody who was there, are none.
///
/// spec: WAN-01, WAN-07
#[tokio::test(flavor = "multi_thread")]
async fn hostile_proofs_are_refused() {
    let (server, mut key) = with_key(KEY).await;
    let passkey = registered(&server, PASSKEY, -7).await;
    server
        .add_user(
            "bob",
            "pw",
            serde_json::json!({"email": "bob@example.test"}),
        )
        .await;
    let bobs = {
        let mut bobs = new_key(&server, -7);
        let browser = Browser::default();
        require(&server, "bob", "webauthn-register").await;
        let page = open(&server, &browser, &[]).await;
        let form = [("username", "bob"), ("password", "pw")];
        let page = send(&server, &browser, &page, &form).await;
        let made = bobs.make(&challenge(&options(&page)), &Attest::None);
        done(&send_made(&server, &browser, &page, &made, &[]).await);
        bobs.user_handle = user_id(&server, "bob").await.into_bytes();
        bobs
    };
    server
        .change_realm(|realm| {
            realm.web_authn_policy_user_verification_requirement = Some("required".to_owned());
        })
        .await;
    bind_second_factor(&server, "REQUIRED").await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let fresh = challenge(&request(&page));
    let before = sessions(&server, "alice").await;

    type Change = fn(&mut Authenticator);
    let changes: [(&str, Change); 6] = [
        ("another origin", |key| {
            key.origin = "http://evil.example".to_owned()
        }),
        ("another relying party", |key| {
            key.relying_party = "evil.example".to_owned()
        }),
        ("another site's frame", |key| key.cross_origin = true),
        ("nobody verified", |key| key.flags = PRESENT),
        ("nobody present", |key| key.flags = VERIFIED),
        ("an id that nobody has", |key| key.id = vec![1; 32]),
    ];
    for (what, change) in changes {
        let (origin, party, id) = (
            key.origin.clone(),
            key.relying_party.clone(),
            key.id.clone(),
        );
        change(&mut key);
        let proof = key.prove(&fresh);
        let seen = send_proof(&server, &browser, &page, &key, &proof).await;
        not_accepted(&seen);
        assert!(seen.text.contains("was not accepted"), "{what}");
        (key.origin, key.relying_party, key.id) = (origin, party, id);
        key.cross_origin = false;
        key.flags = PRESENT | VERIFIED;
    }
    // Bob's key, as his and as alice's; alice's passkey is none of her second factors.
    let mut bobs = bobs;
    let proof = bobs.prove(&fresh);
    not_accepted(&send_proof(&server, &browser, &page, &bobs, &proof).await);
    bobs.user_handle.clone_from(&key.user_handle);
    not_accepted(&send_proof(&server, &browser, &page, &bobs, &proof).await);
    let mut passkey = passkey;
    let proof = passkey.prove(&fresh);
    not_accepted(&send_proof(&server, &browser, &page, &passkey, &proof).await);
    // Another page's challenge, a registration's client data, a signature of something else.
    let other = second_page(&server, &Browser::default()).await;
    let proof = key.prove(&challenge(&request(&other)));
    not_accepted(&send_proof(&server, &browser, &page, &key, &proof).await);
    let mut proof = key.prove(&fresh);
    proof.client_data = key.client_data("webauthn.create", &fresh);
    not_accepted(&send_proof(&server, &browser, &page, &key, &proof).await);
    let mut proof = key.prove(&fresh);
    proof.authenticator_data[36] ^= 1;
    not_accepted(&send_proof(&server, &browser, &page, &key, &proof).await);
    // What the browser could not do, and nothing at all.
    let seen = send(
        &server,
        &browser,
        &page,
        &[("error", "NotAllowedError: <b>")],
    )
    .await;
    not_accepted(&seen);
    assert!(!seen.text.contains("<b>"));
    not_accepted(&send(&server, &browser, &page, &[]).await);
    assert_eq!(sessions(&server, "alice").await, before);
    // From the error's page one tries again.
    let page = send(&server, &browser, &seen, &[("isSetRetry", "retry")]).await;
    let proof = key.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);
}

/// A proof counts once, whatever page it is sent to; an authenticator whose counter goes back was
/// copied.
///
/// spec: WAN-01
#[tokio::test(flavor = "multi_thread")]
async fn counters_only_rise_and_proofs_count_once() {
    let (server, mut key) = with_key(KEY).await;
    let passkey = registered(&server, PASSKEY, -7).await;
    bind_second_factor(&server, "REQUIRED").await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    key.counter = 41;
    let proof = key.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);
    // The same once more: the form was used.
    let again = send_proof(&server, &browser, &page, &key, &proof).await;
    assert!(
        again
            .location
            .as_ref()
            .is_none_or(|to| !to.as_str().contains("code="))
    );
    for counter in [42, 7, 0] {
        let browser = Browser::default();
        let page = second_page(&server, &browser).await;
        key.counter = counter;
        let proof = key.prove_again(&challenge(&request(&page)));
        not_accepted(&send_proof(&server, &browser, &page, &key, &proof).await);
    }
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    key.counter = 42;
    let proof = key.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);

    // Passkeys that are synchronized do not count at all.
    bind_steps(&server, &["webauthn-authenticator-passwordless"]).await;
    for _ in 0..2 {
        let browser = Browser::default();
        let page = open(&server, &browser, &[]).await;
        let proof = passkey.prove_again(&challenge(&request(&page)));
        done(&send_proof(&server, &browser, &page, &passkey, &proof).await);
    }
}

/// Asked only of who has a key; then one chooses between it and an app.
///
/// spec: WAN-05, WAN-06
#[tokio::test(flavor = "multi_thread")]
async fn a_key_or_an_app() {
    let server = server().await;
    let flows = vec![
        flow(
            "own",
            vec![
                execution("auth-username-password-form", "REQUIRED"),
                execution("flow:second", "CONDITIONAL"),
            ],
        ),
        flow(
            "second",
            vec![
                execution("conditional-user-configured", "REQUIRED"),
                execution("webauthn-authenticator", "ALTERNATIVE"),
                execution("auth-otp-form", "ALTERNATIVE"),
            ],
        ),
    ];
    bind(&server, flows, &[]).await;
    done(&second_page(&server, &Browser::default()).await);
    let mut key = registered(&server, KEY, -7).await;
    add_otp(&server, "alice", "phone").await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let choice = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
    assert!(
        choice.text.contains("Security key or passkey"),
        "{}",
        choice.text
    );
    let id = named(&choice, 1);
    let otp = send(
        &server,
        &browser,
        &choice,
        &[("authenticationExecution", &id)],
    )
    .await;
    let key_first = request_or_none(&otp).is_some();
    let (with_key, with_code) = match key_first {
        true => (otp, page),
        false => (page, otp),
    };
    asks(&with_code, "otp");
    let proof = key.prove(&challenge(&request(&with_key)));
    done(&send_proof(&server, &browser, &with_key, &key, &proof).await);
    let code = code_of(&server, OTP_SECRET, 0).await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let page = match request_or_none(&page) {
        None => page,
        Some(_) => {
            let choice = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
            let id = named(&choice, 1);
            send(
                &server,
                &browser,
                &choice,
                &[("authenticationExecution", &id)],
            )
            .await
        }
    };
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);
}

fn request_or_none(seen: &Seen) -> Option<Value> {
    seen.text.contains("data-request=").then(|| request(seen))
}

/// The execution that the page's choice with this number stands for.
fn named(choice: &Seen, number: usize) -> String {
    let after = choice
        .text
        .split("name=\"authenticationExecution\" type=\"submit\" value=\"")
        .nth(number + 1);
    let id = after.expect(&choice.text).split('"').next().unwrap();
    id.to_owned()
}

/// A flow of a passkey alone: it finds its user, who need not type anything.
///
/// spec: LGL-01, LGL-02, LGL-03, LGL-04, LGL-05, PKEY-02
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_names_its_user() {
    let server = server().await;
    let mut key = registered(&server, PASSKEY, -257).await;
    bind_steps(&server, &["webauthn-authenticator-passwordless"]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    assert!(!page.text.contains("name=\"username\"") && !page.text.contains("name=\"password\""));
    let asked = request(&page);
    assert_eq!(asked["allowed"], serde_json::json!([]));
    assert_eq!(asked["user_verification"], "required");
    assert!(!page.text.contains("alice"));
    let fresh = challenge(&asked);
    // Without a user, of one who does not exist, of one whose key it is not, without verification.
    let own = key.user_handle.clone();
    let bob = server.add_user("bob", "pw", serde_json::json!({})).await;
    for handle in [
        Vec::new(),
        b"nobody".to_vec(),
        bob.into_bytes(),
        vec![0xff, 0xfe],
    ] {
        key.user_handle = handle;
        let proof = key.prove(&fresh);
        let seen = send_proof(&server, &browser, &page, &key, &proof).await;
        not_accepted(&seen);
        assert!(seen.text.contains("was not accepted"));
        assert!(!seen.text.contains("bob") && !seen.text.contains("alice"));
    }
    key.user_handle = own;
    key.flags = PRESENT;
    let proof = key.prove(&fresh);
    let seen = send_proof(&server, &browser, &page, &key, &proof).await;
    not_accepted(&seen);
    // A failure tells nothing of whose key it was.
    assert!(!seen.text.contains("alice"));
    key.flags = PRESENT | VERIFIED;
    // A disabled account does not sign in, and looks like a wrong proof.
    let alice = user_id(&server, "alice").await;
    server
        .change_user(&alice, |user| user.enabled = Some(false))
        .await;
    let proof = key.prove(&fresh);
    let seen = send_proof(&server, &browser, &page, &key, &proof).await;
    not_accepted(&seen);
    assert!(seen.text.contains("was not accepted"));
    server
        .change_user(&alice, |user| user.enabled = Some(true))
        .await;
    let proof = key.prove(&fresh);
    let seen = send_proof(&server, &browser, &page, &key, &proof).await;
    assert_eq!(id_token(&server, &seen).await["sub"], alice);
    // Where the policy leaves verification open, presence does.
    server
        .change_realm(|realm| {
            realm.web_authn_policy_passwordless_user_verification_requirement =
                Some("discouraged".to_owned());
        })
        .await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    key.flags = PRESENT;
    let proof = key.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);
}

async fn bind_passwordless(server: &Server, with_key: &str, with_password: &str) {
    let flows = vec![
        flow(
            "own",
            vec![
                execution("auth-cookie", "ALTERNATIVE"),
                execution("flow:forms", "ALTERNATIVE"),
            ],
        ),
        flow(
            "forms",
            vec![
                execution("auth-username-form", "REQUIRED"),
                execution("flow:authentication", "REQUIRED"),
            ],
        ),
        flow(
            "authentication",
            vec![
                execution("webauthn-authenticator-passwordless", with_key),
                execution("flow:password-and-otp", with_password),
            ],
        ),
        flow(
            "password-and-otp",
            vec![
                execution("auth-password-form", "REQUIRED"),
                execution("auth-otp-form", "REQUIRED"),
            ],
        ),
    ];
    bind(server, flows, &[]).await;
}

async fn named_page(server: &Server, browser: &Browser) -> Seen {
    let page = open(server, browser, &[]).await;
    send(server, browser, &page, &[("username", "alice")]).await
}

/// The guide's flow without passwords: a passkey after the username, or password and code.
///
/// spec: PWL-01, PWL-02, PWL-03, PWL-04, PWL-05, PWL-06
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_or_password_and_code() {
    let server = server().await;
    bind_passwordless(&server, "ALTERNATIVE", "ALTERNATIVE").await;
    // Without a passkey: the password, then an app is set up; a passkey is never asked to be made.
    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    asks(&page, "password");
    assert!(!page.text.contains("try-another-way"));
    let page = send(&server, &browser, &page, &[("password", "pw")]).await;
    asks(&page, "totp");
    add_otp(&server, "alice", "phone").await;

    let mut key = registered_by_flow(&server).await;
    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    let first = if request_or_none(&page).is_some() {
        page
    } else {
        let choice = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
        let id = named(&choice, usize::from(!is_passkey_first(&choice)));
        send(
            &server,
            &browser,
            &choice,
            &[("authenticationExecution", &id)],
        )
        .await
    };
    assert_eq!(
        request(&first)["allowed"],
        serde_json::json!([base64url(&key.id)])
    );
    let choice = send(&server, &browser, &first, &[("tryAnotherWay", "on")]).await;
    assert!(choice.text.contains("Passkey") && choice.text.contains("Password"));
    let proof = key.prove(&challenge(&request(&first)));
    done(&send_proof(&server, &browser, &first, &key, &proof).await);

    // The way by the password demands the code too.
    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    let choice = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
    let id = named(&choice, usize::from(is_passkey_first(&choice)));
    let page = send(
        &server,
        &browser,
        &choice,
        &[("authenticationExecution", &id)],
    )
    .await;
    asks(&page, "password");
    let page = send(&server, &browser, &page, &[("password", "pw")]).await;
    asks(&page, "otp");
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);

    // All of it, where all is required.
    bind_passwordless(&server, "REQUIRED", "REQUIRED").await;
    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    let proof = key.prove(&challenge(&request(&page)));
    let page = send_proof(&server, &browser, &page, &key, &proof).await;
    asks(&page, "password");
    let page = send(&server, &browser, &page, &[("password", "pw")]).await;
    asks(&page, "otp");
}

fn is_passkey_first(choice: &Seen) -> bool {
    let at = |text: &str| choice.text.find(text).unwrap_or(usize::MAX);
    at("<strong>Passkey</strong>") < at("<strong>Password</strong>")
}

/// Registers a passkey where the flow wants password and code.
async fn registered_by_flow(server: &Server) -> Authenticator {
    require(server, "alice", "webauthn-register-passwordless").await;
    let browser = Browser::default();
    let page = named_page(server, &browser).await;
    let page = send(server, &browser, &page, &[("password", "pw")]).await;
    let code = code_of(server, OTP_SECRET, -1).await;
    let page = send(server, &browser, &page, &[("otp", &code)]).await;
    let mut key = new_key(server, -7);
    key.user_handle = user_id(server, "alice").await.into_bytes();
    let made = key.make(&challenge(&options(&page)), &Attest::None);
    done(&send_made(server, &browser, &page, &made, &[]).await);
    key
}

/// Both kinds in one realm and one flow: a passkey alone, or password and key.
///
/// spec: WPL-01, WPL-02, WPL-03, WPL-04
#[tokio::test(flavor = "multi_thread")]
async fn passwordless_or_two_factors() {
    let (server, mut key) = with_key(KEY).await;
    let flows = vec![
        flow(
            "own",
            vec![
                execution("auth-username-form", "REQUIRED"),
                execution("flow:passwordless-or-two-factor", "REQUIRED"),
            ],
        ),
        flow(
            "passwordless-or-two-factor",
            vec![
                execution("webauthn-authenticator-passwordless", "ALTERNATIVE"),
                execution("flow:password-and-key", "ALTERNATIVE"),
            ],
        ),
        flow(
            "password-and-key",
            vec![
                execution("auth-password-form", "REQUIRED"),
                execution("webauthn-authenticator", "REQUIRED"),
            ],
        ),
    ];
    bind(&server, flows, &[]).await;
    require(&server, "alice", "webauthn-register-passwordless").await;
    // To enrol: password and the second factor, then the passkey.
    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    asks(&page, "password");
    let page = send(&server, &browser, &page, &[("password", "pw")]).await;
    let proof = key.prove(&challenge(&request(&page)));
    let page = send_proof(&server, &browser, &page, &key, &proof).await;
    asks(&page, "attestationObject");
    assert!(page.text.contains("Create a passkey"));
    let asked = options(&page);
    assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
    let mut passkey = new_key(&server, -7);
    let made = passkey.make(&challenge(&asked), &Attest::None);
    done(&send_made(&server, &browser, &page, &made, &[]).await);
    let kinds: Vec<String> = credentials(&server, "alice")
        .await
        .into_iter()
        .filter_map(|c| c.r#type)
        .collect();
    assert!(kinds.iter().any(|k| k == KEY) && kinds.iter().any(|k| k == PASSKEY));
    // From then on the passkey alone.
    let browser = Browser::default();
    let mut page = named_page(&server, &browser).await;
    if request_or_none(&page).is_none() {
        let choice = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
        let id = named(&choice, usize::from(!is_passkey_first(&choice)));
        page = send(
            &server,
            &browser,
            &choice,
            &[("authenticationExecution", &id)],
        )
        .await;
    }
    let proof = passkey.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &passkey, &proof).await);
}

/// Where the realm offers passkeys, the ordinary form takes one instead of username and password; the
/// second factor is not asked for then, and a failure leaves the form as it was.
///
/// spec: PKEY-03, PKEY-06, REL-01
#[tokio::test(flavor = "multi_thread")]
async fn the_ordinary_form_takes_a_passkey() {
    let (server, mut key) = with_key(PASSKEY).await;
    add_otp(&server, "alice", "phone").await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    assert!(request_or_none(&page).is_none());
    assert!(!page.text.contains("/webauthn.js"));
    server
        .change_realm(|realm| {
            realm.web_authn_policy_passwordless_passkeys_enabled = Some(true);
        })
        .await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    asks(&page, "password");
    assert!(page.text.contains("autocomplete=\"username webauthn\""));
    let asked = request(&page);
    assert_eq!(asked["mediation"], "conditional");
    assert_eq!(asked["allowed"], serde_json::json!([]));
    // What is wrong is told on the form, and names nobody.
    key.flags = PRESENT;
    let proof = key.prove(&challenge(&asked));
    let page = send_proof(&server, &browser, &page, &key, &proof).await;
    asks(&page, "password");
    assert!(page.text.contains("was not accepted"));
    assert!(!page.text.contains("alice"));
    key.flags = PRESENT | VERIFIED;
    let proof = key.prove(&challenge(&request(&page)));
    let seen = send_proof(&server, &browser, &page, &key, &proof).await;
    assert_eq!(
        id_token(&server, &seen).await["preferred_username"],
        "alice"
    );
    // With the password, the code is asked for as ever.
    asks(&second_page(&server, &Browser::default()).await, "otp");
}

/// On forms in two steps a passkey does for both; the second offers those of the user.
///
/// spec: PKEY-03
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_does_for_username_and_password() {
    let (server, mut key) = with_key(PASSKEY).await;
    server
        .change_realm(|realm| {
            realm.web_authn_policy_passwordless_passkeys_enabled = Some(true);
        })
        .await;
    bind_steps(&server, &["auth-username-form", "auth-password-form"]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let proof = key.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);

    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    asks(&page, "password");
    assert_eq!(
        request(&page)["allowed"],
        serde_json::json!([base64url(&key.id)])
    );
    let proof = key.prove(&challenge(&request(&page)));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);
    // A username by itself proves nothing, whatever the page's notes say.
    let browser = Browser::default();
    let page = named_page(&server, &browser).await;
    asks(
        &send(&server, &browser, &page, &[("password", "wrong")]).await,
        "password",
    );
}

/// An application asks for a key to be registered; it can be cancelled, is made once where that is
/// asked for, and goes away by the action for it.
///
/// spec: ACON-05, ACON-06
#[tokio::test(flavor = "multi_thread")]
async fn applications_ask_for_keys() {
    let server = server().await;
    server
        .change_realm(|realm| realm.events_enabled = Some(true))
        .await;
    for (action, kind) in [
        ("webauthn-register", KEY),
        ("webauthn-register-passwordless", PASSKEY),
    ] {
        let browser = Browser::default();
        let page = open(&server, &browser, &[("kc_action", action)]).await;
        let page = send(&server, &browser, &page, &PASSWORD).await;
        asks(&page, "attestationObject");
        asks(&page, "cancel-aia");
        let cancelled = send(&server, &browser, &page, &[("cancel-aia", "true")]).await;
        assert_eq!(cancelled.answer()["kc_action_status"], "cancelled");

        let url = authorize(&server, &[("kc_action", action)]);
        let page = browser.get(&server, &url).await;
        let failed = send(&server, &browser, &page, &[("error", "NotAllowedError")]).await;
        asks(&failed, "cancel-aia");
        let event = last_event(&server).await;
        assert_eq!(event.r#type.as_deref(), Some("UPDATE_CREDENTIAL_ERROR"));
        assert_eq!(event.error.as_deref(), Some("invalid_user_credentials"));
        let details = event.details.unwrap();
        assert_eq!(details["credential_type"], kind);
        let detail = "web_authn_registration_error_detail";
        assert_eq!(details[detail], "NotAllowedError");
        let page = send(&server, &browser, &failed, &[("isSetRetry", "retry")]).await;
        let key = new_key(&server, -7);
        let made = key.make(&challenge(&options(&page)), &Attest::None);
        let label = [("authenticatorLabel", "My key")];
        let seen = send_made(&server, &browser, &page, &made, &label).await;
        let events = events_of(&server, "UPDATE_CREDENTIAL").await;
        let details = events[0].details.clone().unwrap();
        assert_eq!(details["credential_type"], kind);
        assert_eq!(details["public_key_credential_label"], "My key");
        assert_eq!(details["public_key_credential_id"], base64url(&key.id));
        assert_eq!(details["public_key_credential_aaguid"], AAGUID_TEXT);
        assert_eq!(seen.answer()["kc_action_status"], "success");
        assert_eq!(seen.answer()["kc_action"], action);

        let once = format!("{action}:skip_if_exists");
        let url = authorize(&server, &[("kc_action", once.as_str())]);
        let seen = browser.get(&server, &url).await;
        assert_eq!(seen.answer()["kc_action"], action);

        let all = credentials(&server, "alice").await;
        let stored = all
            .iter()
            .find(|c| c.r#type.as_deref() == Some(kind))
            .unwrap();
        let remove = format!("delete_credential:{}", stored.id.as_deref().unwrap());
        let url = authorize(&server, &[("kc_action", remove.as_str())]);
        let page = browser.get(&server, &url).await;
        assert_eq!(page.status.as_u16(), 200, "{page:?}");
        let seen = send(&server, &browser, &page, &[]).await;
        assert_eq!(seen.answer()["kc_action_status"], "success");
        let removed = events_of(&server, "REMOVE_CREDENTIAL").await;
        assert_eq!(removed[0].details.clone().unwrap()["credential_type"], kind);
        let left = credentials(&server, "alice").await;
        assert!(!left.iter().any(|c| c.r#type.as_deref() == Some(kind)));
    }
}

/// Keys that another server of Keycloak's kind exported work here.
#[tokio::test(flavor = "multi_thread")]
async fn exported_keys_work() {
    use base64::Engine as _;
    let server = server().await;
    let mut key = new_key(&server, -7);
    key.counter = 9;
    let data = serde_json::json!({
        "aaguid": AAGUID_TEXT,
        "credentialId": base64::engine::general_purpose::STANDARD.encode(&key.id),
        "counter": 9,
        "credentialPublicKey": base64url(&key.key.cose()),
        "attestationStatementFormat": "none",
        "transports": ["usb"],
    });
    let credential = realmkeep_representations::CredentialRepresentation {
        id: Some(uuid::Uuid::new_v4().to_string()),
        r#type: Some(PASSKEY.to_owned()),
        credential_data: Some(data.to_string()),
        secret_data: Some(realmkeep_representations::SecretString::new("{}")),
        ..Default::default()
    };
    crate::tools::add_credential(&server, "alice", credential).await;
    bind_steps(&server, &["webauthn-authenticator-passwordless"]).await;
    key.user_handle = user_id(&server, "alice").await.into_bytes();
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let fresh = challenge(&request(&page));
    let old = key.prove_again(&fresh);
    not_accepted(&send_proof(&server, &browser, &page, &key, &old).await);
    let proof = key.prove(&fresh);
    done(&send_proof(&server, &browser, &page, &key, &proof).await);
}

/// Who is locked out is so for keys too.
///
/// spec: BF-01
#[tokio::test(flavor = "multi_thread")]
async fn a_lockout_holds_for_keys() {
    let (server, mut key) = with_key(PASSKEY).await;
    bind_steps(&server, &["webauthn-authenticator-passwordless"]).await;
    server
        .change_realm(|realm| {
            realm.brute_force_protected = Some(true);
            realm.failure_factor = Some(2);
        })
        .await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    let fresh = challenge(&request(&page));
    for _ in 0..2 {
        let mut proof = key.prove(&fresh);
        proof.signature[10] ^= 1;
        not_accepted(&send_proof(&server, &browser, &page, &key, &proof).await);
    }
    let proof = key.prove(&fresh);
    let seen = send_proof(&server, &browser, &page, &key, &proof).await;
    not_accepted(&seen);
    assert_eq!(
        sessions(&server, "alice").await,
        1,
        "of the registration only"
    );
}

/// A step of its own lists passkeys in its field; it names its user, and everybody has to have one.
/// It is there where its feature is switched on; otherwise a flow of it lets nobody in.
///
/// spec: PKEY-01, PKEY-05
#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_passkeys_alone() {
    let without = server().await;
    bind_steps(&without, &["passkeys-authenticator"]).await;
    let refused = Browser::default()
        .get(&without, &authorize(&without, &[]))
        .await;
    assert_eq!(refused.status.as_u16(), 403, "{refused:?}");
    assert!(request_or_none(&refused).is_none());

    for features in ["preview", "passkeys"] {
        passkeys_alone(features).await;
    }
}

async fn passkeys_alone(features: &str) {
    let server = Server::start_featured(features, |_| {}).await;
    with_alice(&server).await;
    let mut key = registered(&server, PASSKEY, -7).await;
    bind_steps(&server, &["passkeys-authenticator"]).await;
    let browser = Browser::default();
    let page = open(&server, &browser, &[]).await;
    assert!(page.text.contains("autocomplete=\"username webauthn\""));
    assert!(!page.text.contains("name=\"password\""));
    let asked = request(&page);
    assert_eq!(asked["mediation"], "conditional");
    assert_eq!(asked["allowed"], serde_json::json!([]));
    let form = [("username", "alice"), ("password", "pw")];
    not_accepted(&send(&server, &browser, &page, &form).await);
    let proof = key.prove(&challenge(&asked));
    done(&send_proof(&server, &browser, &page, &key, &proof).await);
}

/// Where passkeys are offered, apps and recovery codes do as before.
///
/// spec: REL-02
#[tokio::test(flavor = "multi_thread")]
async fn codes_do_where_passkeys_cannot_be_used() {
    let server = server().await;
    server
        .change_realm(|realm| {
            realm.web_authn_policy_passwordless_passkeys_enabled = Some(true);
        })
        .await;
    let flows = vec![
        flow(
            "own",
            vec![
                execution("auth-username-password-form", "REQUIRED"),
                execution("flow:second", "REQUIRED"),
            ],
        ),
        flow(
            "second",
            vec![
                execution("auth-otp-form", "ALTERNATIVE"),
                execution("auth-recovery-authn-code-form", "ALTERNATIVE"),
            ],
        ),
    ];
    bind(&server, flows, &[]).await;
    add_otp(&server, "alice", "phone").await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let code = code_of(&server, OTP_SECRET, 0).await;
    done(&send(&server, &browser, &page, &[("otp", &code)]).await);

    let codes = realmkeep_authn::recovery_codes::generate();
    let id = uuid::Uuid::new_v4().to_string();
    let list = realmkeep_authn::recovery_codes::credential(id, "", &codes, 1).unwrap();
    crate::tools::add_credential(&server, "alice", list).await;
    let browser = Browser::default();
    let page = second_page(&server, &browser).await;
    let choice = send(&server, &browser, &page, &[("tryAnotherWay", "on")]).await;
    for number in 0..2 {
        let id = named(&choice, number);
        let form = [("authenticationExecution", id.as_str())];
        let page = send(&server, &browser, &choice, &form).await;
        if page.text.contains("name=\"recoveryCodeInput\"") {
            let form = [("recoveryCodeInput", codes[0].as_str())];
            done(&send(&server, &browser, &page, &form).await);
            return;
        }
    }
    panic!("recovery codes are not offered: {}", choice.text);
}
