//! Keys from Java key stores: files as keytool (17) and OpenSSL (`-legacy`) write them, in `keystores/`, with
//! 100 iterations where 10,000 are usual: a build for tests is slow at these.
//! `chained` is an RSA key with a certificate by `authority`, which is a trusted certificate of its own.

use std::path::Path;

use realmkeep_keys::KeystoreFolder;
use realmkeep_keys::providers::Sources;
use realmkeep_keys::vault::{FileVault, Vault};
use serde_json::{Value, json};

use crate::support::{Caller, Server};

const FILES: [(&str, &[u8]); 3] = [
    ("store.jks", include_bytes!("keystores/store.jks")),
    ("store.p12", include_bytes!("keystores/store.p12")),
    (
        "openssl-legacy.p12",
        include_bytes!("keystores/openssl-legacy.p12"),
    ),
];
const PASSWORD: &str = "store-password";

/// A server that reads key stores, with the files in the folder of the realm `r`.
async fn server(folder: &Path, vault: Vault) -> Server {
    let keystores = folder.join("keystores");
    std::fs::create_dir_all(keystores.join("r")).unwrap();
    for (name, content) in FILES {
        std::fs::write(keystores.join("r").join(name), content).unwrap();
    }
    Server::start_with(Sources {
        vault,
        keystores: KeystoreFolder::new(Some(keystores)),
    })
    .await
}

/// A component for the key `chained` of the PKCS12 store, with other settings; null takes one out.
fn component(changes: Value) -> Value {
    let mut config = json!({
        "priority": "1000", "keystore": "store.p12", "keystorePassword": PASSWORD, "keystoreType": "PKCS12",
        "keyAlias": "chained", "keyPassword": PASSWORD, "algorithm": "RS256", "keyUse": "sig",
    });
    for (name, value) in changes.as_object().unwrap() {
        config[name] = value.clone();
    }
    let config: serde_json::Map<String, Value> = config
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), json!([value])))
        .collect();
    json!({
        "name": "store", "providerId": "java-keystore", "providerType": "org.keycloak.keys.KeyProvider", "config": config,
    })
}

/// The key of a component, as the realm lists it.
async fn key(admin: &Caller<'_>, id: &str) -> Value {
    let all = admin.get("/r/keys").await.is(200).body;
    let keys = all["keys"].as_array().unwrap();
    keys.iter()
        .find(|key| key["providerId"] == id)
        .unwrap()
        .clone()
}

/// Adds the component; its key.
async fn added(admin: &Caller<'_>, changes: Value) -> Value {
    let made = admin
        .post("/r/components", component(changes.clone()))
        .await;
    assert_eq!(made.status, 201, "{changes}: {}", made.text);
    key(admin, &made.id()).await
}

/// Adds nothing; the error.
async fn refused(admin: &Caller<'_>, changes: Value) -> String {
    let refused = admin
        .post("/r/components", component(changes.clone()))
        .await;
    assert_eq!(refused.status, 400, "{changes}: {}", refused.text);
    refused.body["errorMessage"].as_str().unwrap().to_owned()
}

/// The realm's tokens are signed by the key of a JKS store, then of a PKCS12 one, and verify by what is
/// published: the certificate of the key, with the one above it, which stands under the same alias.
///
/// spec: KEYS-15, KEYS-18
#[tokio::test]
async fn tokens_are_signed_by_keys_of_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), Vault::default()).await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    // Who is in the audience may introspect.
    let audience = json!({
        "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
        "config": {"included.client.audience": "app", "access.token.claim": "true"},
    });
    let client = json!({
        "clientId": "app", "secret": "app-secret", "serviceAccountsEnabled": true, "protocolMappers": [audience],
    });
    admin.post("/r/clients", client).await.is(201);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    for (priority, changes) in [
        (
            "1000",
            json!({"keystore": "store.jks", "keystoreType": "JKS", "keyPassword": "key-password"}),
        ),
        ("2000", json!({})),
        (
            "3000",
            json!({"keystore": "openssl-legacy.p12", "keyAlias": "1"}),
        ),
    ] {
        let mut changes = changes;
        changes["priority"] = json!(priority);
        let made = added(&admin, changes).await;
        assert_eq!(made["status"], "ACTIVE");
        assert_eq!(made["type"], "RSA");
        assert_eq!(made["use"], "SIG");
        assert_eq!(made["providerPriority"].to_string(), priority);
        let token = server.token("r", &form).await;
        let token = token.body["access_token"].as_str().unwrap().to_owned();
        let header = realmkeep_jose::from_base64url(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["kid"], made["kid"]);
        let asked = [
            ("token", token.as_str()),
            ("client_id", "app"),
            ("client_secret", "app-secret"),
        ];
        let path = "/realms/r/protocol/openid-connect/token/introspect";
        let answer = server.post_form(path, &asked).await;
        assert_eq!(answer.body["active"], true, "{}", answer.text);
        let jwks = server
            .stranger()
            .get("/realms/r/protocol/openid-connect/certs")
            .await
            .body;
        let published = jwks["keys"].as_array().unwrap();
        let published = published
            .iter()
            .find(|key| key["kid"] == made["kid"])
            .unwrap();
        let chain = published["x5c"].as_array().unwrap();
        assert_eq!(chain[0], made["certificate"]);
        let own_only = priority == "3000";
        assert_eq!(chain.len(), if own_only { 1 } else { 2 });
    }
    // A certificate that stands under an alias of its own is no part of another key's chain.
    let curve = added(&admin, json!({"keyAlias": "curve", "algorithm": "ES256"})).await;
    let jwks = server
        .stranger()
        .get("/realms/r/protocol/openid-connect/certs")
        .await
        .body;
    let published = jwks["keys"].as_array().unwrap();
    let published = published
        .iter()
        .find(|key| key["kid"] == curve["kid"])
        .unwrap();
    assert_eq!(published["x5c"].as_array().unwrap().len(), 1);
}

/// Passwords are masked, stay as they are when the mask comes back, and the key is read anew then.
///
/// spec: KEYS-15, KEYS-19
#[tokio::test]
async fn passwords_come_from_the_vault_and_are_masked() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    std::fs::write(secrets.join("r_store"), PASSWORD).unwrap();
    std::fs::write(secrets.join("r_key"), "key-password\n").unwrap();
    let vault = Vault::new(vec![Box::new(FileVault::new(&secrets))], Vec::new());
    let server = server(folder.path(), vault).await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let references = json!({
        "keystore": "store.jks", "keystorePassword": "${vault.store}", "keyPassword": "${vault.key}",
    });
    let referred = added(&admin, references).await;
    let plain = added(
        &admin,
        json!({"keystore": "store.jks", "keyPassword": "key-password"}),
    )
    .await;
    assert_eq!(referred["publicKey"], plain["publicKey"]);
    let nothing = json!({"keystore": "store.jks", "keystorePassword": "${vault.other}"});
    let error = refused(&admin, nothing).await;
    assert!(error.contains("password was incorrect"), "{error}");
    let nothing = json!({"keystore": "store.jks", "keyPassword": "${vault.other}"});
    let error = refused(&admin, nothing).await;
    assert!(error.contains("Cannot recover key"), "{error}");

    let path = format!("/r/components/{}", plain["providerId"].as_str().unwrap());
    let shown = admin.get(&path).await.is(200);
    assert_eq!(
        shown.body["config"]["keystorePassword"],
        json!(["**********"])
    );
    assert_eq!(shown.body["config"]["keyPassword"], json!(["**********"]));
    assert!(!shown.text.contains(PASSWORD) && !shown.text.contains("key-password"));
    let mut changed = shown.body.clone();
    changed["config"]["priority"] = json!(["7"]);
    admin.put(&path, changed.clone()).await.is(204);
    let now = key(&admin, plain["providerId"].as_str().unwrap()).await;
    assert_eq!(now["kid"], plain["kid"]);
    assert_eq!(now["providerPriority"], 7);
    changed["config"]["keyAlias"] = json!(["curve"]);
    changed["config"]["algorithm"] = json!(["ES256"]);
    admin.put(&path, changed.clone()).await.is(204);
    let now = key(&admin, plain["providerId"].as_str().unwrap()).await;
    assert_eq!(now["algorithm"], "ES256");
    assert_ne!(now["kid"], plain["kid"]);
    // What is refused leaves the key there was.
    changed["config"]["keyAlias"] = json!(["nobody"]);
    admin.put(&path, changed).await.is(400);
    let kept = key(&admin, plain["providerId"].as_str().unwrap()).await;
    assert_eq!(kept["kid"], now["kid"]);
}

/// Each algorithm takes the keys of its kind, and those only; the texts are Keycloak's.
///
/// spec: KEYS-17
#[tokio::test]
async fn algorithms_take_keys_of_their_kind() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), Vault::default()).await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    for (algorithm, alias, key_use, kind) in [
        ("RS256", "chained", "sig", "RSA"),
        ("PS512", "CHAINED", "sig", "RSA"),
        ("ES256", "curve", "sig", "EC"),
        ("ES384", "wide", "sig", "EC"),
        ("EdDSA", "edwards", "sig", "OKP"),
        ("HS256", "mac", "sig", "OCT"),
        ("RSA-OAEP", "chained", "enc", "RSA"),
        ("ECDH-ES", "curve", "enc", "EC"),
        ("AES", "aes", "enc", "OCT"),
    ] {
        let wanted = json!({"algorithm": algorithm, "keyAlias": alias, "keyUse": key_use});
        let made = added(&admin, wanted).await;
        assert_eq!(made["algorithm"], algorithm);
        assert_eq!(made["use"], key_use.to_uppercase());
        assert_eq!(made["type"], kind);
    }
    let recovered = "Failed to load keys. Key in the keystore cannot be recovered.";
    let available = "Failed to load keys. Algorithm not available on server.";
    for (algorithm, alias, key_use, error) in [
        (
            "RS256",
            "curve",
            "sig",
            format!("{available} Invalid RS256 key for alias curve. Algorithm is EC."),
        ),
        (
            "ES256",
            "chained",
            "sig",
            format!("{available} Invalid ES256 key for alias chained. Algorithm is RSA."),
        ),
        (
            "ES256",
            "edwards",
            "sig",
            format!("{available} Invalid ES256 key for alias edwards. Algorithm is EdDSA."),
        ),
        (
            "RSA-OAEP",
            "curve",
            "enc",
            format!("{available} Invalid RSA-OAEP key for alias curve. Algorithm is EC."),
        ),
        (
            "HS512",
            "mac",
            "sig",
            format!("{available} Invalid HS512 key for alias mac. Algorithm is HmacSHA256."),
        ),
        (
            "AES",
            "mac",
            "enc",
            format!("{available} Invalid AES key for alias mac. Algorithm is HmacSHA256."),
        ),
        (
            "RS256",
            "aes",
            "sig",
            format!("{recovered} Invalid RS256 key for alias aes. Key is not PrivateKeyEntry."),
        ),
        (
            "AES",
            "chained",
            "enc",
            format!("{recovered} Invalid AES key for alias chained. Key is not SecretKeyEntry."),
        ),
        (
            "HS256",
            "chained",
            "sig",
            format!("{recovered} Invalid HS256 key for alias chained. Key is not SecretKeyEntry."),
        ),
        (
            "RS256",
            "chained",
            "enc",
            format!("{recovered} Invalid use enc for algorithm RS256."),
        ),
        (
            "RSA-OAEP",
            "chained",
            "sig",
            format!("{recovered} Invalid use sig for algorithm RSA-OAEP."),
        ),
        (
            "AES",
            "aes",
            "sig",
            format!("{recovered} Invalid use sig for algorithm AES."),
        ),
        (
            "none",
            "chained",
            "sig",
            "Failed to load keys. Keys for algorithm none are not supported.".to_owned(),
        ),
    ] {
        let wanted = json!({"algorithm": algorithm, "keyAlias": alias, "keyUse": key_use});
        assert_eq!(refused(&admin, wanted).await, error);
    }
    // A key of another curve would sign what nobody verifies.
    let other = refused(&admin, json!({"algorithm": "ES256", "keyAlias": "wide"})).await;
    assert!(other.starts_with(recovered), "{other}");
}

/// JKS and PKCS12 are read whatever the type says, JKS holds no secret keys, BCFKS is said not to be read.
///
/// spec: KEYS-16, KEYS-21
#[tokio::test]
async fn types_of_stores() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), Vault::default()).await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    for kind in [json!("JKS"), json!("PKCS12"), Value::Null] {
        added(&admin, json!({"keystoreType": kind})).await;
        let jks =
            json!({"keystoreType": kind, "keystore": "store.jks", "keyPassword": "key-password"});
        added(&admin, jks).await;
    }
    let secret = json!({
        "keystore": "store.jks", "keystoreType": "JKS", "keyAlias": "aes", "algorithm": "AES", "keyUse": "enc",
    });
    let error = refused(&admin, secret).await;
    assert!(
        error.ends_with("Alias aes does not exists in the keystore."),
        "{error}"
    );
    let error = refused(&admin, json!({"keystoreType": "BCFKS"})).await;
    assert!(
        error.contains("BCFKS") && error.contains("PKCS12"),
        "{error}"
    );
    refused(&admin, json!({"keystoreType": "DKS"})).await;
    let listed = admin.get("/admin/serverinfo").await.is(200).body;
    let listed = listed["componentTypes"]["org.keycloak.keys.KeyProvider"]
        .as_array()
        .unwrap();
    let listed = listed
        .iter()
        .find(|one| one["id"] == "java-keystore")
        .unwrap();
    let properties = listed["properties"].as_array().unwrap();
    let kind = properties
        .iter()
        .find(|one| one["name"] == "keystoreType")
        .unwrap();
    assert_eq!(kind["options"], json!(["JKS", "PKCS12", "BCFKS"]));
}

/// What is missing, wrong, damaged or elsewhere is said; of other files nothing is told.
#[tokio::test]
async fn stores_that_are_not_to_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), Vault::default()).await;
    let own = folder.path().join("keystores/r");
    std::fs::create_dir(folder.path().join("keystores/other")).unwrap();
    std::fs::copy(
        own.join("store.p12"),
        folder.path().join("keystores/other/store.p12"),
    )
    .unwrap();
    std::fs::write(own.join("empty"), "").unwrap();
    // Every beginning, and a byte changed here and there.
    let mut damaged = Vec::new();
    for (name, content) in FILES {
        for at in (1..content.len()).step_by(content.len() / 40) {
            damaged.push((name, content.get(..at).unwrap().to_vec()));
            let mut changed = content.to_vec();
            changed[at] ^= 0xff;
            damaged.push((name, changed));
        }
    }
    let admin = server.admin().await;
    admin.new_realm("r").await;
    for (name, text) in [
        ("keystore", "'Keystore' is required"),
        ("keystorePassword", "'Keystore Password' is required"),
        ("keyAlias", "'Key Alias' is required"),
        ("keyPassword", "'Key Password' is required"),
    ] {
        assert_eq!(refused(&admin, json!({name: null})).await, text);
        assert_eq!(refused(&admin, json!({name: ""})).await, text);
    }
    for (changes, text) in [
        (
            json!({"keystorePassword": "wrong"}),
            "Failed to load keys. IO error on server. keystore password was incorrect",
        ),
        (
            json!({"keystore": "store.jks", "keystorePassword": "wrong"}),
            "Failed to load keys. IO error on server. Keystore was tampered with, or password was incorrect",
        ),
        (
            json!({"keystore": "store.jks", "keyPassword": "wrong"}),
            "Failed to load keys. Key in the keystore cannot be recovered. Cannot recover key",
        ),
        (
            json!({"keyPassword": "wrong"}),
            "Failed to load keys. Key in the keystore cannot be recovered. The password of a key in a PKCS12 store is the store's.",
        ),
        (
            json!({"keyAlias": "nobody"}),
            "Failed to load keys. Key in the keystore cannot be recovered. Alias nobody does not exists in the keystore.",
        ),
        (
            json!({"keyAlias": "authority"}),
            "Failed to load keys. trusted certificate entries are not password-protected",
        ),
        (
            json!({"keystore": "nothing.p12"}),
            "Failed to load keys. File not found on server. nothing.p12 (No such file or directory)",
        ),
        (
            json!({"keystore": "../other/store.p12"}),
            "Keystore file ../other/store.p12 is not under the realm directory",
        ),
        (
            json!({"keystore": "/etc/passwd"}),
            "Keystore file /etc/passwd is not under the realm directory",
        ),
        (
            json!({"keystore": "/nothing/at/all"}),
            "Keystore file /nothing/at/all is not under the realm directory",
        ),
        (
            json!({"keystore": "empty"}),
            "Failed to load keys. IO error on server. Invalid keystore format",
        ),
    ] {
        assert_eq!(refused(&admin, changes).await, text);
    }
    for (name, content) in damaged {
        std::fs::write(own.join("damaged"), &content).unwrap();
        let key_password = if name == "store.jks" {
            "key-password"
        } else {
            PASSWORD
        };
        let alias = if name.starts_with("openssl") {
            "1"
        } else {
            "chained"
        };
        let wanted = json!({"keystore": "damaged", "keyPassword": key_password, "keyAlias": alias});
        let error = refused(&admin, wanted).await;
        assert!(
            error.starts_with("Failed to load keys. "),
            "{name}: {error}"
        );
    }
    // Nothing was added by all of this.
    let all = admin
        .get("/r/components?type=org.keycloak.keys.KeyProvider")
        .await
        .body;
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .all(|one| one["providerId"] != "java-keystore")
    );

    let without = Server::start().await;
    let admin = without.admin().await;
    admin.new_realm("r").await;
    let error = refused(&admin, json!({})).await;
    assert!(error.contains("keystores-dir"), "{error}");
}
