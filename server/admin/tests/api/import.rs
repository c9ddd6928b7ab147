//! Realm exports as files: what Keycloak writes, and what is done about a realm that exists.

use std::path::Path;

use realmkeep_admin::{ExistingRealm, ImportError, ImportOptions, ImportedRealm, import_files};
use serde_json::{Value, json};

use crate::support::Server;

/// What `kc.sh export` of Keycloak 26.7.3 wrote of a realm with one of everything, without what every realm
/// has of itself.
const KEYCLOAK: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/keycloak_export.json"
);

async fn import(
    server: &Server,
    path: &Path,
    existing: ExistingRealm,
) -> Result<Vec<ImportedRealm>, ImportError> {
    let options = ImportOptions {
        existing,
        placeholders: true,
    };
    import_files(&server.services, path, &options, |_, _| {}).await
}

/// Users keep their passwords, applications their secrets, and tokens that were signed there stay good.
#[tokio::test]
async fn an_export_of_keycloak_is_taken_as_it_is() {
    let server = Server::start().await;
    let imported = import(&server, Path::new(KEYCLOAK), ExistingRealm::Fail)
        .await
        .unwrap();
    assert_eq!(imported[0].left_out, Vec::<String>::new());
    assert_eq!((imported[0].realm.as_str(), imported[0].users), ("decl", 2));
    let export: Value = serde_json::from_str(&std::fs::read_to_string(KEYCLOAK).unwrap()).unwrap();
    let admin = server.admin().await;
    assert_eq!(admin.get("/decl").await.is(200).body["id"], export["id"]);

    let keys = admin.get("/decl/keys").await.is(200).body;
    // As the server that made them named them.
    for (algorithm, kid) in [
        ("RS256", "UNzBcnJlKpqcrKadOYH9bC_lOqkho7zNA_NBNYQLYLA"),
        ("ES256", "iAKJI1gx_Ow_sLdvFW1ZpZRAN_3zDVIJ36iGHuII7N8"),
        ("EdDSA", "M5fuN5pKZoGMRYo0TzdmNPvkScQC2TTFIvMgvTk19eY"),
        ("RSA-OAEP", "rsYVOu-UpWRnpZgXGTn5sbaY_KgroScGNYEbXqPNUME"),
        ("HS512", "ada24251-a088-460e-890e-33da95acb05a"),
    ] {
        assert_eq!(keys["active"][algorithm], kid, "{algorithm}");
    }
    let components = admin
        .get("/decl/components?type=org.keycloak.keys.KeyProvider")
        .await;
    assert!(!components.is(200).text.contains("rivateKey"));

    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "app"),
        ("client_secret", "app-secret"),
    ];
    let token = server.token("decl", &form).await.is(200).body;
    assert!(token["access_token"].is_string());

    let ada = admin.get("/decl/users?username=ada").await.is(200).body[0].clone();
    assert_eq!(ada["requiredActions"], json!(["CONFIGURE_TOTP"]));
    let id = ada["id"].as_str().unwrap();
    let user = format!("/decl/users/{id}");
    admin
        .put(&user, json!({"requiredActions": []}))
        .await
        .is(204);
    server.login("decl", "ada", "correct horse").await;
    let groups = admin.get(&format!("{user}/groups")).await.is(200);
    assert_eq!(groups.names("path").len(), 2);
    let links = admin
        .get(&format!("{user}/federated-identity"))
        .await
        .is(200)
        .body;
    assert_eq!(links[0]["userId"], "ext-1");
    let roles = admin
        .get(&format!("{user}/role-mappings/realm/composite"))
        .await;
    assert!(roles.is(200).names("name").contains(&"reader".to_owned()));
    let flows = admin.get("/decl/authentication/flows").await.is(200);
    assert!(flows.names("alias").contains(&"my browser".to_owned()));
    assert_eq!(
        admin.get("/decl/localization/en").await.is(200).body["greeting"],
        "Hello"
    );
    let provider = admin
        .get("/decl/identity-provider/instances/corp/mappers")
        .await;
    assert_eq!(provider.is(200).names("name"), ["m"]);

    // Written out and read again, it is the same.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.json");
    let exported = realmkeep_admin::export_realm(&server.services, "decl")
        .await
        .unwrap();
    std::fs::write(&file, serde_json::to_string(&exported).unwrap()).unwrap();
    import(&server, &file, ExistingRealm::Overwrite)
        .await
        .unwrap();
    let again = realmkeep_admin::export_realm(&server.services, "decl")
        .await
        .unwrap();
    let (mut exported, mut again) = (json!(exported), json!(again));
    // Clients that only take tokens get a secret when they are given without one.
    for realm in [&mut exported, &mut again] {
        let clients = realm["clients"].as_array_mut().unwrap();
        clients.retain(|client| client["bearerOnly"] != true);
    }
    for part in exported.as_object().unwrap().keys() {
        assert_eq!(again[part], exported[part], "{part}");
    }
}

/// All realms of an import or none; one that exists is refused, left alone or made anew.
#[tokio::test]
async fn an_import_is_all_or_nothing() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("there").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("realms.json");
    let users: Vec<Value> = (0..1_200)
        .map(|i| json!({"username": format!("u{i}")}))
        .collect();
    let write = |realms: Value| std::fs::write(&file, realms.to_string()).unwrap();
    let new = json!({"realm": "new", "users": users});
    let there = json!({"realm": "there", "displayName": "imported"});

    write(json!([new, there]));
    let error = import(&server, &file, ExistingRealm::Fail)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("there already exists"),
        "{error}"
    );
    admin.get("/new").await.is(404);

    let mut broken = new.clone();
    broken["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({"username": "u7"}));
    write(json!([broken]));
    let error = import(&server, &file, ExistingRealm::Fail)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("same username"), "{error}");
    admin.get("/new").await.is(404);
    broken["users"].as_array_mut().unwrap().pop();
    broken["users"]
        .as_array_mut()
        .unwrap()
        .push(json!({"username": "x", "groups": ["/none"]}));
    write(broken);
    let error = import(&server, &file, ExistingRealm::Fail)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("there is no group '/none'"),
        "{error}"
    );
    admin.get("/new").await.is(404);

    write(json!([new, there]));
    let done = import(&server, &file, ExistingRealm::Skip).await.unwrap();
    assert_eq!(
        (done[0].users, done[0].skipped, done[1].skipped),
        (1_200, false, true)
    );
    assert_eq!(admin.get("/new/users/count").await.is(200).body, 1_200);
    assert!(admin.get("/there").await.is(200).body["displayName"].is_null());

    write(there);
    import(&server, &file, ExistingRealm::Overwrite)
        .await
        .unwrap();
    assert_eq!(
        admin.get("/there").await.is(200).body["displayName"],
        "imported"
    );
    // Its administrators find it again.
    admin
        .post("/there/clients", json!({"clientId": "c"}))
        .await
        .is(201);
}
