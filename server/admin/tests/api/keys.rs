//! Security keys and passkeys, as administrators and the account console see them.

use serde_json::{Value, json};

use crate::support::Server;

const AAGUID: &str = "01020304-0506-0708-0102-030405060708";

/// A key as another server exports it.
fn exported(kind: &str, priority: i32) -> Value {
    let data = json!({
        "aaguid": AAGUID, "credentialId": "4a3Q9HgD4eeV7+loSbEy1NN68/wwKIjHAf7oWG78NCY=", "counter": 2,
        "credentialPublicKey": "pQECAyYgASFYIPLpXBPgxY-bMCpkgkIjmGKn4zRTs9EZWMAOImRmwpUNIlggncy8Kc3TeZuTJjyD2EA3tllkM-UM6uPZzcUfT02b-HI",
        "attestationStatementFormat": "none", "transports": ["internal"],
    });
    json!({
        "type": kind, "userLabel": "Probe key", "createdDate": 1_796_034_639_752_i64,
        "priority": priority, "secretData": "{}", "credentialData": data.to_string(),
    })
}

/// Keys come with a realm, are listed with their data and nothing secret, get another label, and are
/// deleted.
///
/// spec: WAN-09, WAN-10, WAN-11
#[tokio::test]
async fn keys_of_users() {
    let server = Server::start().await;
    let admin = server.admin().await;
    let realm = json!({
        "realm": "r", "enabled": true,
        "users": [{
            "username": "alice", "enabled": true,
            "credentials": [exported("webauthn", 10), exported("webauthn-passwordless", 20)],
        }],
    });
    admin.post("", realm).await.is(201);
    let users = admin.get("/r/users?username=alice").await.is(200).body;
    let path = format!("/r/users/{}/credentials", users[0]["id"].as_str().unwrap());
    let all = admin.get(&path).await.is(200).body;
    let kinds: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["webauthn", "webauthn-passwordless"]);
    let data: Value = serde_json::from_str(all[0]["credentialData"].as_str().unwrap()).unwrap();
    assert_eq!(data["aaguid"], AAGUID);
    assert!(all[0].get("secretData").is_none());
    let key = format!("{path}/{}", all[0]["id"].as_str().unwrap());
    admin
        .put(&format!("{key}/userLabel"), json!(7))
        .await
        .is(204);
    let all = admin.get(&path).await.is(200).body;
    assert_eq!(all[0]["userLabel"], "7");
    assert_eq!(all[1]["userLabel"], "Probe key");
    admin.delete(&key).await.is(204);
    let left = admin.get(&path).await.is(200).body;
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["type"], "webauthn-passwordless");
}

/// Both policies are kept as they are set; what names nothing is refused, with the field.
///
/// spec: WPOL-01
#[tokio::test]
async fn the_two_policies() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    for prefix in ["webAuthnPolicy", "webAuthnPolicyPasswordless"] {
        let field = |name: &str| format!("{prefix}{name}");
        let good = json!({
            field("RpEntityName"): "Example", field("RpId"): "id.example.com",
            field("SignatureAlgorithms"): ["ES512", "Ed25519", "RS1"],
            field("AttestationConveyancePreference"): "direct",
            field("AuthenticatorAttachment"): "platform", field("RequireResidentKey"): "Yes",
            field("ResidentKey"): "preferred", field("UserVerificationRequirement"): "required",
            field("CreateTimeout"): 60, field("AvoidSameAuthenticatorRegister"): true,
            field("AcceptableAaguids"): [AAGUID], field("ExtraOrigins"): ["https://example.com"],
        });
        admin.put("/r", good.clone()).await.is(204);
        let kept = admin.get("/r").await.is(200).body;
        for (name, value) in good.as_object().unwrap() {
            assert_eq!(&kept[name], value, "{name}");
        }
        for (name, value) in [
            ("SignatureAlgorithms", json!(["HS256"])),
            ("AttestationConveyancePreference", json!("always")),
            ("AuthenticatorAttachment", json!("phone")),
            ("RequireResidentKey", json!("maybe")),
            ("ResidentKey", json!("Yes")),
            ("UserVerificationRequirement", json!("on")),
            ("CreateTimeout", json!(-1)),
            ("AcceptableAaguids", json!(["a model"])),
            ("RpId", json!("https://example.com")),
            ("ExtraOrigins", json!(["example"])),
        ] {
            let refused = admin
                .put("/r", json!({field(name): value}))
                .await
                .is(400)
                .body;
            assert!(refused.to_string().contains(&field(name)), "{refused}");
            assert_eq!(admin.get("/r").await.body[field(name)], good[field(name)]);
        }
    }
    let passkeys = json!({
        "webAuthnPolicyPasswordlessPasskeysEnabled": true,
        "webAuthnPolicyPasswordlessMediation": "optional",
    });
    admin.put("/r", passkeys).await.is(204);
    let wrong = json!({"webAuthnPolicyPasswordlessMediation": "always"});
    admin.put("/r", wrong).await.is(400);
    let kept = admin.get("/r").await.body;
    assert_eq!(kept["webAuthnPolicyPasswordlessPasskeysEnabled"], true);
    assert_eq!(kept["webAuthnPolicyPasswordlessMediation"], "optional");
}

/// A realm has both actions, and both steps can be put into its flows; the action is for all who
/// register where it is a default one.
///
/// spec: WAN-02, WAN-03, WPL-02
#[tokio::test]
async fn actions_and_steps() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let offered = admin.get("/r/credential-registrators").await.is(200).body;
    let offered: Vec<&str> = offered
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a.as_str().unwrap())
        .collect();
    for action in ["webauthn-register", "webauthn-register-passwordless"] {
        assert!(offered.contains(&action), "{offered:?}");
        let path = format!("/r/authentication/required-actions/{action}");
        let mut own = admin.get(&path).await.is(200).body;
        assert_eq!(
            (&own["enabled"], &own["defaultAction"]),
            (&json!(true), &json!(false))
        );
        own["defaultAction"] = json!(true);
        admin.put(&path, own).await.is(204);
    }
    let flow =
        json!({"alias": "f", "providerId": "basic-flow", "topLevel": true, "builtIn": false});
    admin.post("/r/authentication/flows", flow).await.is(201);
    for step in [
        "webauthn-authenticator",
        "webauthn-authenticator-passwordless",
    ] {
        let path = "/r/authentication/flows/f/executions/execution";
        admin.post(path, json!({"provider": step})).await.is(201);
    }
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    let disabled = &info["profileInfo"]["disabledFeatures"];
    assert!(!disabled.as_array().unwrap().contains(&json!("WEB_AUTHN")));
}
