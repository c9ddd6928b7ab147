//! The same folder on a real server, ours or a Keycloak: what was applied is all that is wanted.
//!
//! `REALMKEEP_LIVE_SERVER=http://127.0.0.1:8080 cargo test -p realmkeep-sync --test live -- --ignored`
//! with an administrator `admin`, password `admin`. The realm `customers` is deleted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use realmkeep_admin_client::{AdminClient, Credentials, FoundExt};
use realmkeep_crds::yaml;
use realmkeep_plan::Plan;
use realmkeep_representations::SecretString;
use realmkeep_sync::{FolderSecrets, apply_plan, plan_folder};
use serde_json::json;

const RESOURCES: &str = include_str!("live/resources.yaml");
const REALM: &str = "customers";

fn server() -> AdminClient {
    let url = std::env::var("REALMKEEP_LIVE_SERVER").expect("REALMKEEP_LIVE_SERVER=URL");
    let credentials = Credentials::Password {
        realm: "master".into(),
        client_id: "admin-cli".into(),
        username: "admin".into(),
        password: SecretString::new("admin"),
    };
    AdminClient::builder(url, credentials).build().unwrap()
}

async fn planned(server: &AdminClient, text: &str) -> Plan {
    let loaded = yaml::parse("resources.yaml", text).unwrap_or_else(|e| panic!("{e}"));
    let secrets = FolderSecrets::new(&loaded.documents);
    let folder = plan_folder(&loaded, server, &secrets).await;
    folder.unwrap_or_else(|e| panic!("{e}")).plan
}

async fn applied(server: &AdminClient, text: &str) -> Plan {
    let plan = planned(server, text).await;
    apply_plan(server, &plan, |_| ())
        .await
        .unwrap_or_else(|e| panic!("{e}"));
    plan
}

#[tokio::test]
#[ignore = "needs a server: REALMKEEP_LIVE_SERVER=URL"]
async fn resources_converge_on_a_real_server() {
    let server = server();
    server.delete_realm(REALM).await.found().unwrap();
    let first = applied(&server, RESOURCES).await;
    assert_eq!(first.changes.len(), 7);
    let rest = planned(&server, RESOURCES).await;
    assert!(rest.is_empty(), "after creation:\n{rest}");

    // Behind the resources' back.
    let mut realm = server.realm(REALM).await.unwrap();
    realm["accessTokenLifespan"] = json!(999);
    realm["ssoSessionIdleTimeout"] = json!(99);
    server.update_realm(REALM, &realm).await.unwrap();
    let shop = server
        .client_by_client_id(REALM, "shop")
        .await
        .unwrap()
        .unwrap();
    let id = shop["id"].as_str().unwrap().to_owned();
    let mut changed = shop.clone();
    changed["redirectUris"] = json!(["https://evil.example.com/*"]);
    changed["description"] = json!("written in the console");
    changed["attributes"]["theirs"] = json!("kept");
    changed["attributes"]["jwt.credential.sub"] = json!("system:serviceaccount:evil:evil");
    server.update_client(REALM, &id, &changed).await.unwrap();
    let mapper = shop["protocolMappers"][0].clone();
    let mut other = mapper.clone();
    other["config"]["included.custom.audience"] = json!("evil");
    server
        .update_client_mapper(REALM, &id, mapper["id"].as_str().unwrap(), &other)
        .await
        .unwrap();
    let mut corp = server.identity_provider(REALM, "corp").await.unwrap();
    corp["config"]["jwksUrl"] = json!("https://evil.example.com/jwks");
    server
        .update_identity_provider(REALM, "corp", &corp)
        .await
        .unwrap();

    let drift = planned(&server, RESOURCES).await;
    let shown = drift.to_string();
    for path in [
        "accessTokenLifespan",
        "ssoSessionIdleTimeout",
        "redirectUris",
        "description",
        "jwt.credential.sub",
        "included.custom.audience",
        "config.jwksUrl",
    ] {
        assert!(shown.contains(path), "{path} is not in\n{shown}");
    }
    applied(&server, RESOURCES).await;
    let rest = planned(&server, RESOURCES).await;
    assert!(rest.is_empty(), "after correction:\n{rest}");
    let shop = server
        .client_by_client_id(REALM, "shop")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shop["attributes"]["theirs"], "kept");
    assert_eq!(
        shop["attributes"]["jwt.credential.sub"],
        "system:serviceaccount:shop:shop"
    );

    // Another way to authenticate, other scopes, fewer roles, another secret.
    let other = RESOURCES
        .replace(
            "auth: {serviceAccount: {name: shop}}",
            "auth: {signedJwt: {jwksUrl: 'https://shop/jwks'}}",
        )
        .replace(
            "defaultClientScopes: [basic, profile]",
            "serviceAccountsEnabled: true\n    defaultClientScopes: [basic, email]",
        )
        .replace(
            "optionalClientScopes: [email, phone]",
            "optionalClientScopes: [profile]",
        )
        .replace("[view-users]", "[view-realm]")
        .replace("hunter22", "hunter33");
    applied(&server, &other).await;
    let rest = planned(&server, &other).await;
    assert!(rest.is_empty(), "after the switch:\n{rest}");
    let legacy = server
        .client_by_client_id(REALM, "legacy")
        .await
        .unwrap()
        .unwrap();
    let secret = server
        .client_secret(REALM, legacy["id"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(secret["value"], "hunter33");
    let user = server.service_account_user(REALM, &id).await.unwrap();
    let management = server
        .client_by_client_id(REALM, "realm-management")
        .await
        .unwrap()
        .unwrap();
    let roles = server
        .user_roles(
            REALM,
            user["id"].as_str().unwrap(),
            management["id"].as_str(),
        )
        .await
        .unwrap();
    let roles: Vec<_> = roles.iter().map(|r| r["name"].clone()).collect();
    assert_eq!(roles, [json!("view-realm")]);
    server.delete_realm(REALM).await.unwrap();
}
