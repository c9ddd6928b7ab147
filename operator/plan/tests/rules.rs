//! The planner's rules, one by one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use realmkeep_crds::{AdoptionPolicy, AnyResource, ManagementPolicy, yaml};
use realmkeep_plan::{ObjectKey, Observed, Operation, Owner, plan, plan_delete, plan_object};
use serde_json::{Value, json};
use support::{apply, client, owner, provider, realm, secret};

fn created(object: &realmkeep_plan::DesiredObject) -> Observed {
    let plan = plan(std::slice::from_ref(object), &Observed::new()).unwrap();
    apply(&plan, &Observed::new())
}

/// Paths that the plan of `object` changes.
fn paths(object: &realmkeep_plan::DesiredObject, observed: &Value) -> Vec<String> {
    let change = plan_object(object, Some(observed)).unwrap();
    change.map_or_else(Vec::new, |c| c.fields.into_iter().map(|f| f.path).collect())
}

#[test]
fn what_is_missing_is_created_in_an_order_that_works() {
    let desired = [
        client("shop", json!({})),
        provider("k8s", json!({"providerId": "kubernetes"})),
        realm("r", json!({"accessTokenLifespan": 60})),
    ];
    let plan = plan(&desired, &Observed::new()).unwrap();
    let order: Vec<_> = plan
        .changes
        .iter()
        .map(|c| c.object.external_name())
        .collect();
    assert_eq!(order, ["r", "k8s", "shop"]);
    assert!(plan.changes.iter().all(|c| c.op == Operation::Create));
    assert_eq!(plan.changes[0].body.expose()["enabled"], true);
    assert_eq!(plan.changes[2].body.expose()["clientId"], "shop");
}

#[test]
fn an_absent_field_is_left_alone_and_a_value_is_kept() {
    let object = client(
        "shop",
        json!({"redirectUris": ["https://a/", "https://b/"]}),
    );
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    server["description"] = json!("written in the console");
    server["attributes"]["theirs"] = json!("kept");
    assert!(paths(&object, server).is_empty());
    server["redirectUris"] = json!(["https://b/"]);
    assert_eq!(paths(&object, server), ["redirectUris"]);
    let change = plan_object(&object, Some(server)).unwrap().unwrap();
    assert_eq!(
        change.body.expose()["description"],
        "written in the console"
    );
    assert_eq!(change.body.expose()["attributes"]["theirs"], "kept");
}

#[test]
fn null_resets_to_the_default() {
    let object = realm(
        "r",
        json!({"accessTokenLifespan": null, "attributes": {"a": null}}),
    );
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    assert!(paths(&object, server).is_empty());
    server["accessTokenLifespan"] = json!(60);
    server["attributes"]["a"] = json!("x");
    let change = plan_object(&object, Some(server)).unwrap().unwrap();
    assert_eq!(change.body.expose()["accessTokenLifespan"], 300);
    assert!(change.body.expose()["attributes"].get("a").is_none());
    assert_eq!(change.fields.len(), 2);
}

#[test]
fn null_without_a_known_default_is_refused_with_the_remedy() {
    let object = realm("r", json!({"eventsListeners": null}));
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    server["eventsListeners"] = json!(["x"]);
    let error = plan_object(&object, Some(server)).unwrap_err().to_string();
    assert_eq!(
        error,
        "Realm shop/r: spec.settings.eventsListeners: cannot be reset, because its default is not known; give the value"
    );
}

#[test]
fn what_means_the_same_is_no_change() {
    let object = client(
        "shop",
        json!({
            "webOrigins": ["+", "https://a"], "enabled": "true", "notBefore": 0, "description": "",
            "attributes": {"use.refresh.tokens": true},
            "defaultClientScopes": ["profile", "basic"], "bearerOnly": false,
        }),
    );
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    server["webOrigins"] = json!(["https://a", "+"]);
    server["enabled"] = json!(true);
    server["defaultClientScopes"] = json!(["service_account", "basic", "profile"]);
    server.as_object_mut().unwrap().remove("bearerOnly");
    assert_eq!(paths(&object, server), Vec::<String>::new());
}

#[test]
fn the_order_of_preferences_is_a_change() {
    let field = "webAuthnPolicySignatureAlgorithms";
    let object = realm("r", json!({field: ["EdDSA", "ES256"]}));
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    server[field] = json!(["ES256", "EdDSA"]);
    assert_eq!(paths(&object, server), [field]);
}

#[test]
fn mappers_are_matched_by_name_and_keep_their_ids() {
    let mapper =
        |claim: &str| json!({"name": "m", "protocolMapper": "x", "config": {"claim.name": claim}});
    let object = client("shop", json!({"protocolMappers": [mapper("a")]}));
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    assert!(paths(&object, server).is_empty());
    let other = json!({"name": "theirs", "id": "2"});
    server["protocolMappers"]
        .as_array_mut()
        .unwrap()
        .push(other);
    server["protocolMappers"][0]["config"]["claim.name"] = json!("b");
    assert_eq!(
        paths(&object, server),
        [
            "protocolMappers[m].config.claim.name",
            "protocolMappers[theirs]"
        ]
    );
    let change = plan_object(&object, Some(server)).unwrap().unwrap();
    assert_eq!(change.body.expose()["protocolMappers"][0]["id"], "mapper");
}

#[test]
fn a_masked_secret_is_compared_by_version_and_a_shown_one_by_value() {
    let mut object = provider("google", json!({"providerId": "oidc"}));
    object
        .secrets
        .insert("config.clientSecret".into(), secret("hunter2", "uid/1"));
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    assert_eq!(server["config"]["clientSecret"], "**********");
    assert!(paths(&object, server).is_empty());
    object
        .secrets
        .insert("config.clientSecret".into(), secret("hunter3", "uid/2"));
    let change = plan_object(&object, Some(server)).unwrap().unwrap();
    assert_eq!(change.body.expose()["config"]["clientSecret"], "hunter3");
    let shown = format!("{change} {change:?} {object:?}");
    assert!(!shown.contains("hunter"), "{shown}");

    let mut object = client("shop", json!({}));
    object.secrets.insert("secret".into(), secret("s1", "1"));
    let mut observed = created(&object);
    let server = observed.get_mut(&object.key).unwrap();
    assert!(paths(&object, server).is_empty());
    server["secret"] = json!("changed in the console");
    let change = plan_object(&object, Some(server)).unwrap().unwrap();
    assert_eq!(change.fields[0].path, "secret");
    assert!(!format!("{change}").contains("console"), "{change}");
}

#[test]
fn an_object_of_somebody_else_is_left_alone_and_its_owner_named() {
    let mut object = client("shop", json!({"name": "Shop"}));
    let unowned = json!({"clientId": "shop", "id": "1"});
    let error = plan_object(&object, Some(&unowned))
        .unwrap_err()
        .to_string();
    assert!(error.contains("adoptionPolicy: IfUnowned"), "{error}");
    let mut foreign = object.clone();
    foreign.owner = Owner {
        cluster: Some("c1".into()),
        ..owner("Client", "other")
    };
    let theirs = created(&foreign)[&object.key].clone();
    let error = plan_object(&object, Some(&theirs)).unwrap_err().to_string();
    assert!(
        error.contains("belongs to Client shop/other of cluster c1"),
        "{error}"
    );
    object.lifecycle.adoption = AdoptionPolicy::IfUnowned;
    assert!(plan_object(&object, Some(&unowned)).unwrap().is_some());
    assert!(plan_object(&object, Some(&theirs)).is_err());
    object.lifecycle.adoption = AdoptionPolicy::Force;
    assert!(plan_object(&object, Some(&theirs)).unwrap().is_some());
}

#[test]
fn deletion_touches_only_what_is_ours() {
    let object = client("shop", json!({}));
    let observed = created(&object);
    let server = &observed[&object.key];
    let delete = |owner: &Owner, server| plan_delete(&object.key, &object.resource, owner, server);
    assert_eq!(
        delete(&object.owner, Some(server)).unwrap().id.unwrap(),
        server["id"].as_str().unwrap()
    );
    assert!(delete(&owner("Client", "other"), Some(server)).is_none());
    assert!(delete(&object.owner, None).is_none());
    assert!(delete(&object.owner, Some(&json!({"clientId": "shop"}))).is_none());
}

#[test]
fn management_policies() {
    let mut object = client("shop", json!({"name": "Shop"}));
    let observed = json!({"clientId": "shop", "name": "Other"});
    object.lifecycle.management = ManagementPolicy::CreateOnly;
    assert!(plan_object(&object, Some(&observed)).unwrap().is_none());
    assert!(plan_object(&object, None).unwrap().is_some());
    object.lifecycle.management = ManagementPolicy::ObserveOnly;
    assert!(plan_object(&object, None).is_err());
    let change = plan_object(&object, Some(&observed)).unwrap().unwrap();
    assert_eq!(change.fields.len(), 1);
}

#[test]
fn two_resources_for_one_object_name_each_other() {
    let mut other = client("shop", json!({}));
    other.owner.name = "shop-2".into();
    other.resource.name = "shop-2".into();
    let errors = plan(&[client("shop", json!({})), other], &Observed::new()).unwrap_err();
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 2);
    assert!(
        text[0].starts_with("Client shop/shop-2:") && text[0].contains("Client shop/shop too"),
        "{text:?}"
    );
    assert!(
        text[1].starts_with("Client shop/shop:") && text[1].contains("Client shop/shop-2 too"),
        "{text:?}"
    );
}

fn client_of(auth: &str) -> realmkeep_plan::DesiredObject {
    let text = format!(
        "apiVersion: realmkeep.dev/v1alpha1\nkind: Client\nmetadata: {{name: shop, namespace: shop}}\n\
         spec: {{realmRef: {{name: r}}, auth: {auth}}}\n"
    );
    let loaded = yaml::parse("a.yaml", &text).unwrap();
    let AnyResource::Client(client) = &loaded.documents[0].resource else {
        panic!()
    };
    realmkeep_plan::client(client, "r", owner("Client", "shop"), Default::default())
}

#[test]
fn a_service_account_becomes_a_federated_client() {
    let object = client_of("{serviceAccount: {name: shop}}");
    let change = plan_object(&object, None).unwrap().unwrap();
    let body = change.body.expose();
    assert_eq!(body["clientAuthenticatorType"], "federated-jwt");
    assert_eq!(body["attributes"]["jwt.credential.issuer"], "kubernetes");
    assert_eq!(
        body["attributes"]["jwt.credential.sub"],
        "system:serviceaccount:shop:shop"
    );
    assert_eq!(body["serviceAccountsEnabled"], true);
    assert_eq!(body["publicClient"], false);
    assert!(body.get("secret").is_none());
}

#[test]
fn another_way_to_authenticate_leaves_nothing_of_the_old_one() {
    let federated = client_of("{federated: {provider: other, subject: s}}");
    let observed = created(&federated);
    let signed = client_of("{signedJwt: {jwksUrl: 'https://shop/jwks'}}");
    let plan = plan(std::slice::from_ref(&signed), &observed).unwrap();
    let after = apply(&plan, &observed);
    let attributes = after[&signed.key]["attributes"].as_object().unwrap();
    assert!(
        !attributes.contains_key("jwt.credential.sub"),
        "{attributes:?}"
    );
    assert_eq!(attributes["jwks.url"], "https://shop/jwks");
    assert_eq!(after[&signed.key]["clientAuthenticatorType"], "client-jwt");
    assert!(paths(&signed, &after[&signed.key]).is_empty());
    assert!(matches!(signed.key, ObjectKey::Client { .. }));
}
