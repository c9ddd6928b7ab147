//! A folder is planned and applied over HTTP, or refused as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use realmkeep_admin_client::{AdminClient, Credentials, Error, FoundExt};
use realmkeep_crds::yaml;
use realmkeep_representations::SecretString;
use realmkeep_sync::{FolderPlan, FolderSecrets, apply_plan, plan_folder};

const FOLDER: &str = r#"
apiVersion: realmkeep.dev/v1alpha1
kind: IdentityServer
metadata: {name: main}
spec: {}
---
apiVersion: realmkeep.dev/v1alpha1
kind: Client
metadata: {name: shop}
spec:
  realmRef: {name: customers}
  auth: {serviceAccount: {name: shop}}
  settings: {defaultClientScopes: []}
---
apiVersion: realmkeep.dev/v1alpha1
kind: IdentityProvider
metadata: {name: kubernetes}
spec:
  realmRef: {name: customers}
  type: {kubernetes: {issuer: "http://127.0.0.1:9999"}}
---
apiVersion: realmkeep.dev/v1alpha1
kind: Realm
metadata: {name: customers}
spec:
  serverRef: {name: main}
  settings: {accessTokenLifespan: 60}
  smtp: {host: mail, from: a@b, credentials: {user: u, password: {secretKeyRef: {name: smtp, key: password}}}}
---
apiVersion: v1
kind: Secret
metadata: {name: smtp, labels: {realmkeep.dev/allow-operator: "true"}}
stringData: {password: hunter2}
"#;

async fn planned(text: &str, server: &AdminClient) -> Result<FolderPlan, String> {
    let loaded = yaml::parse("f.yaml", text).map_err(|e| e.to_string())?;
    let secrets = FolderSecrets::new(&loaded.documents);
    plan_folder(&loaded, server, &secrets)
        .await
        .map_err(|e| e.to_string())
}

#[tokio::test]
async fn a_folder_is_applied_once_and_then_nothing_is_left() {
    let (server, store) = support::start().await;
    let first = planned(FOLDER, &server).await.unwrap();
    assert_eq!(first.plan.changes.len(), 3);
    assert!(
        first.notes[0].contains("IdentityServer default/main"),
        "{:?}",
        first.notes
    );
    let mut done = Vec::new();
    apply_plan(&server, &first.plan, |c| {
        done.push(c.object.external_name().to_owned())
    })
    .await
    .unwrap();
    assert_eq!(done, ["customers", "kubernetes", "shop"]);
    assert_eq!(
        store.lock().unwrap().objects["realms/customers"]["smtpServer"]["password"],
        "hunter2"
    );
    let writes = store.lock().unwrap().writes;
    let second = planned(FOLDER, &server).await.unwrap();
    assert!(second.plan.is_empty(), "{}", second.plan);
    assert_eq!(store.lock().unwrap().writes, writes);
}

#[tokio::test]
async fn a_rotated_secret_is_pushed_though_the_server_masks_it() {
    let (server, store) = support::start().await;
    apply_plan(
        &server,
        &planned(FOLDER, &server).await.unwrap().plan,
        |_| (),
    )
    .await
    .unwrap();
    let rotated = FOLDER.replace("hunter2", "hunter3");
    let plan = planned(&rotated, &server).await.unwrap().plan;
    assert!(!plan.to_string().contains("hunter"), "{plan}");
    apply_plan(&server, &plan, |_| ()).await.unwrap();
    assert_eq!(
        store.lock().unwrap().objects["realms/customers"]["smtpServer"]["password"],
        "hunter3"
    );
}

#[tokio::test]
async fn a_change_behind_the_resources_back_is_planned_back() {
    let (server, store) = support::start().await;
    apply_plan(
        &server,
        &planned(FOLDER, &server).await.unwrap().plan,
        |_| (),
    )
    .await
    .unwrap();
    store
        .lock()
        .unwrap()
        .objects
        .get_mut("realms/customers")
        .unwrap()["accessTokenLifespan"] = 9000.into();
    let plan = planned(FOLDER, &server).await.unwrap().plan;
    assert_eq!(
        plan.to_string().trim(),
        "~ update realm \"customers\" (Realm default/customers)\n    accessTokenLifespan: 9000 -> 60"
    );
}

#[tokio::test]
async fn a_folder_with_a_wrong_reference_is_refused_whole_with_every_error() {
    let (server, store) = support::start().await;
    let text = FOLDER
        .replace(
            "metadata: {name: smtp, labels: {realmkeep.dev/allow-operator: \"true\"}}",
            "metadata: {name: smtp}",
        )
        .replace(
            "serviceAccount: {name: shop}",
            "serviceAccount: {name: shop, provider: elsewhere}",
        );
    let error = planned(&text, &server).await.unwrap_err();
    assert!(
        error.contains(
            "f.yaml (document 2): Client default/shop: spec.auth.serviceAccount.provider"
        ),
        "{error}"
    );
    assert!(
        error.contains("no identity provider \"elsewhere\""),
        "{error}"
    );
    assert!(
        error.contains("Realm default/customers: spec.smtp.credentials.password"),
        "{error}"
    );
    assert!(
        error.contains("add the label realmkeep.dev/allow-operator"),
        "{error}"
    );
    let text = FOLDER.replace("realmRef: {name: customers}", "realmRef: {name: nowhere}");
    let error = planned(&text, &server).await.unwrap_err();
    assert!(
        error.contains("there is no Realm default/nowhere"),
        "{error}"
    );
    let text = FOLDER.replace("serverRef: {name: main}", "serverRef: {name: other}");
    let error = planned(&text, &server).await.unwrap_err();
    assert!(
        error.contains("there is no IdentityServer default/other"),
        "{error}"
    );
    assert_eq!(store.lock().unwrap().writes, 0);
}

#[tokio::test]
async fn two_clients_with_one_client_id_are_both_refused() {
    let (server, store) = support::start().await;
    let text = format!(
        "{FOLDER}---\napiVersion: realmkeep.dev/v1alpha1\nkind: Client\nmetadata: {{name: shop-2}}\n\
         spec: {{realmRef: {{name: customers}}, clientId: shop}}\n"
    );
    let error = planned(&text, &server).await.unwrap_err();
    assert!(error.contains("Client default/shop: client \"shop\" of realm \"customers\" is declared by Client default/shop-2 too"), "{error}");
    assert!(
        error.contains("Client default/shop-2: client \"shop\""),
        "{error}"
    );
    assert_eq!(store.lock().unwrap().writes, 0);
}

#[tokio::test]
async fn other_namespaces_and_admin_roles_need_a_grant() {
    let (server, _) = support::start().await;
    let client = "---\napiVersion: realmkeep.dev/v1alpha1\nkind: Client\nmetadata: {name: c, namespace: team}\n\
         spec: {realmRef: {name: customers, namespace: default}, serviceAccountRoles: {clients: {realm-management: [realm-admin]}}}\n";
    let error = planned(&format!("{FOLDER}{client}"), &server)
        .await
        .unwrap_err();
    assert!(
        error.contains("Realm default/customers does not admit namespace team"),
        "{error}"
    );
    let granted = FOLDER.replace(
        "serverRef: {name: main}",
        "serverRef: {name: main}\n  allowedClients: {namespaces: {from: All}}",
    );
    let error = planned(&format!("{granted}{client}"), &server)
        .await
        .unwrap_err();
    assert!(
        error.contains("serviceAccountRoles.clients.realm-management")
            && error.contains("adminRoles: Allow"),
        "{error}"
    );
}

#[tokio::test]
async fn the_client_renews_a_refused_token_and_names_what_failed() {
    let (server, store) = support::start().await;
    server.realms().await.unwrap();
    store.lock().unwrap().tokens += 1; // Everything issued before is no longer valid.
    assert!(server.realm("nowhere").await.found().unwrap().is_none());
    let error = server.realm("nowhere").await.unwrap_err().to_string();
    assert_eq!(error, "realm \"nowhere\": not found on the server");
    let wrong = Credentials::Password {
        realm: "master".into(),
        client_id: "admin-cli".into(),
        username: "admin".into(),
        password: SecretString::new("wrong"),
    };
    let server = AdminClient::builder(server.base().as_str(), wrong)
        .build()
        .unwrap();
    let error = server.realms().await.unwrap_err().to_string();
    assert!(
        error.contains("401 invalid_grant (Invalid user credentials)"),
        "{error}"
    );
    let down = AdminClient::builder(
        "http://127.0.0.1:9",
        Credentials::StaticToken(SecretString::new("t")),
    )
    .build()
    .unwrap();
    assert!(matches!(
        down.realms().await,
        Err(Error::Unreachable { .. })
    ));
}
