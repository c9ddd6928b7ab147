//! What holds for every desired and every observed state.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use proptest::prelude::*;
use realmkeep_crds::AdoptionPolicy;
use realmkeep_plan::{DesiredObject, Observed, plan};
use serde_json::{Map, Value, json};
use support::{apply, client, provider, realm, secret};

const SECRET: &str = "correct-horse-battery";

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        Just(json!("true")),
        (0..5i32).prop_map(|n| json!(n.to_string())),
    ]
}

fn map() -> impl Strategy<Value = Value> {
    let value = prop_oneof![4 => scalar(), 1 => Just(Value::Null)];
    proptest::collection::btree_map("[a-d]", value, 0..4).prop_map(|m| json!(m))
}

fn strings() -> impl Strategy<Value = Value> {
    proptest::collection::vec("[a-d]", 0..4).prop_map(|v| json!(v))
}

fn mappers() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("[a-c]", map(), 0..3).prop_map(|m| {
        let items = m
            .into_iter()
            .map(|(name, config)| json!({"name": name, "config": config}));
        Value::Array(items.collect())
    })
}

fn or_null(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![4 => value, 1 => Just(Value::Null)]
}

fn chosen(fields: Vec<(&'static str, Option<Value>)>) -> Value {
    let fields = fields
        .into_iter()
        .filter_map(|(k, v)| Some((k.to_owned(), v?)));
    Value::Object(Map::from_iter(fields))
}

prop_compose! {
    fn client_fields()(
        name in proptest::option::of(or_null("[a-z]{0,3}".prop_map(Value::from))),
        enabled in proptest::option::of(or_null(any::<bool>().prop_map(Value::from))),
        standard in proptest::option::of(or_null(any::<bool>().prop_map(Value::from))),
        redirects in proptest::option::of(or_null(strings())),
        scopes in proptest::option::of(strings()),
        attributes in proptest::option::of(map()),
        mappers in proptest::option::of(or_null(mappers())),
    ) -> Value {
        chosen(vec![
            ("name", name), ("enabled", enabled), ("standardFlowEnabled", standard),
            ("redirectUris", redirects), ("defaultClientScopes", scopes),
            ("attributes", attributes), ("protocolMappers", mappers),
        ])
    }
}

prop_compose! {
    fn realm_fields()(
        lifespan in proptest::option::of(or_null((1..900i32).prop_map(Value::from))),
        verify in proptest::option::of(or_null(any::<bool>().prop_map(Value::from))),
        theme in proptest::option::of(or_null("[a-z]{0,3}".prop_map(Value::from))),
        locales in proptest::option::of(or_null(strings())),
        attributes in proptest::option::of(map()),
    ) -> Value {
        chosen(vec![
            ("accessTokenLifespan", lifespan), ("verifyEmail", verify), ("loginTheme", theme),
            ("supportedLocales", locales), ("attributes", attributes),
        ])
    }
}

prop_compose! {
    fn desired()(
        r in realm_fields(), c in client_fields(), c2 in client_fields(), config in map(),
        client_secret in any::<bool>(),
    ) -> Vec<DesiredObject> {
        let mut objects = vec![
            client("two", c2), client("one", c), realm("r", r),
            provider("p", json!({"providerId": "oidc", "config": config})),
        ];
        if client_secret {
            objects[1].secrets.insert("secret".into(), secret(SECRET, "v1"));
            objects[3].secrets.insert("config.clientSecret".into(), secret(SECRET, "v1"));
        }
        for object in &mut objects {
            object.lifecycle.adoption = AdoptionPolicy::Force;
        }
        objects
    }
}

prop_compose! {
    fn observed()(r in realm_fields(), c in client_fields(), config in map(), present in any::<[bool; 3]>()) -> Observed {
        let all = [
            (realm("r", json!({})).key, r),
            (client("one", json!({})).key, c),
            (provider("p", json!({})).key, json!({"providerId": "oidc", "config": config})),
        ];
        all.into_iter().zip(present).filter(|(_, here)| *here).map(|(object, _)| object).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_applying_a_plan_nothing_is_left_to_do(desired in desired(), observed in observed()) {
        let first = plan(&desired, &observed).unwrap();
        let after = apply(&first, &observed);
        let second = plan(&desired, &after).unwrap();
        prop_assert!(second.is_empty(), "first:\n{first}\nthen:\n{second}\nserver: {after:#?}");
    }

    #[test]
    fn the_order_of_resources_does_not_matter(desired in desired(), observed in observed()) {
        let mut reversed = desired.clone();
        reversed.reverse();
        prop_assert_eq!(plan(&desired, &observed).unwrap(), plan(&reversed, &observed).unwrap());
    }

    #[test]
    fn what_is_not_declared_survives(desired in desired(), value in "[x-z]{1,3}") {
        let created = apply(&plan(&desired, &Observed::new()).unwrap(), &Observed::new());
        let mut touched = created.clone();
        for server in touched.values_mut() {
            server["zzz"] = json!(value);
        }
        prop_assert!(plan(&desired, &touched).unwrap().is_empty());
    }

    #[test]
    fn no_secret_is_ever_shown(desired in desired(), observed in observed()) {
        let plan = plan(&desired, &observed).unwrap();
        let shown = format!("{plan}{plan:?}{}{desired:?}", serde_json::to_string(&plan).unwrap());
        prop_assert!(!shown.contains(SECRET));
    }
}
