//! What only PostgreSQL has: several servers on one database, and a database that can go away.
//! Left out where REALMKEEP_TEST_POSTGRES names no server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use realmkeep_representations::{RealmRepresentation, SecretString};
use realmkeep_store::documents::Page;
use realmkeep_store::single_use::Space;
use realmkeep_store::users::UserSearch;
use realmkeep_store::{Batch, NoSeal, PostgresOptions, Seal, Store, StoreError, Touch};
use support::{Schema, client, realm, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_by_the_other_server_when_the_call_has_returned() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let (here, there) = (schema.open().await, schema.open().await);
    realm(&here).await;
    for round in 0..20 {
        // What is asked for is in the other server's memory.
        let seen = there.realm("r").await.unwrap().unwrap();
        there.client(&seen, "app").await.unwrap().unwrap();
        there.subject(&seen, "u").await.unwrap().unwrap();

        let enabled = round % 2 == 1;
        let mut changed = client("c", "app");
        changed.enabled = Some(enabled);
        let mut alice = user("u", "alice");
        alice.enabled = Some(enabled);
        let settings = RealmRepresentation {
            id: Some("r".into()),
            realm: Some("r".into()),
            display_name: Some(format!("round {round}")),
            ..Default::default()
        };
        let touches = [
            Touch::Client("r".into(), "app".into()),
            Touch::User("r".into(), "u".into()),
            Touch::Realm("r".into()),
        ];
        let steps = [
            here.update("r", &changed).unwrap(),
            here.update_user("r", &alice, None).unwrap(),
            here.update_realm(&settings).unwrap(),
        ];
        for (touch, step) in touches.into_iter().zip(steps) {
            let mut batch = Batch::new();
            batch.push(step).touch(touch);
            here.commit(batch).await.unwrap();
        }
        let seen = there.realm("r").await.unwrap().unwrap();
        let name = seen.settings.display_name.clone();
        assert_eq!(name, Some(format!("round {round}")));
        let app = there.client(&seen, "app").await.unwrap().unwrap();
        assert_eq!(app.representation.enabled, Some(enabled));
        let alice = there.subject(&seen, "u").await.unwrap().unwrap();
        assert_eq!(alice.user.enabled, Some(enabled));
    }
}

/// A server that was stopped for long missed more changes than are kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_missed_changes_forgets_everything() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let (here, there) = (schema.open().await, schema.open().await);
    realm(&here).await;
    there.realm("r").await.unwrap().unwrap();
    let mut batch = Batch::new();
    let settings = RealmRepresentation {
        id: Some("r".into()),
        realm: Some("r".into()),
        display_name: Some("new".into()),
        ..Default::default()
    };
    batch
        .push(here.update_realm(&settings).unwrap())
        .touch(Touch::Realm("r".into()));
    here.commit(batch).await.unwrap();
    // The log that would have told is gone; the count is what is left.
    schema.execute("DELETE FROM change_log").await;
    let seen = there.realm("r").await.unwrap().unwrap();
    assert_eq!(seen.settings.display_name.as_deref(), Some("new"));
    // As is a database that was set back in time.
    schema
        .execute("UPDATE change_position SET seq = 0; UPDATE realm SET doc = '{\"id\":\"r\",\"realm\":\"r\",\"displayName\":\"old\"}'")
        .await;
    let seen = there.realm("r").await.unwrap().unwrap();
    assert_eq!(seen.settings.display_name.as_deref(), Some("old"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_use_thing_is_taken_once_by_all_servers_together() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let servers = [schema.open().await, schema.open().await];
    for round in 0..10 {
        let key = format!("k{round}");
        let mut batch = Batch::new();
        batch.push(Store::put_single_use(Space::Code, &key, 100, &"thing").unwrap());
        servers[0].commit(batch).await.unwrap();
        let takers: Vec<_> = (0..32)
            .map(|i| {
                let (store, key) = (servers[i % 2].clone(), key.clone());
                tokio::spawn(async move {
                    store
                        .take_single_use::<String>(Space::Code, &key, 1)
                        .await
                        .unwrap()
                })
            })
            .collect();
        let mut got = 0;
        for taker in takers {
            got += usize::from(taker.await.unwrap().is_some());
        }
        assert_eq!(got, 1);
    }
}

/// Batches that lock the same rows in opposite orders, from two servers: none is lost, none is done
/// twice, and each that is refused is refused for its own reason.
#[tokio::test(flavor = "multi_thread")]
async fn deadlocks_and_refusals_in_a_group_end_well() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let servers = [schema.open().await, schema.open().await];
    realm(&servers[0]).await;
    let mut batch = Batch::new();
    for i in 0..4 {
        batch.push(
            servers[0]
                .insert_user("r", &user(&format!("u{i}"), &format!("user{i}")), None)
                .unwrap(),
        );
    }
    servers[0].commit(batch).await.unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|i| {
            let store = servers[i % 2].clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                let order: Vec<usize> = match i % 2 {
                    0 => (0..4).collect(),
                    _ => (0..4).rev().collect(),
                };
                for n in order {
                    let mut user = user(&format!("u{n}"), &format!("user{n}"));
                    user.last_name = Some(format!("{i}"));
                    batch.push(store.update_user("r", &user, None).unwrap());
                }
                batch.push(
                    store
                        .insert("r", &client(&format!("made{i}"), &format!("made{i}")))
                        .unwrap(),
                );
                match i % 5 {
                    // A guard, and a conflict, as the last step.
                    0 => batch.push(Store::delete_user("r", "nobody")),
                    1 => batch.push(store.insert("r", &client("other", "app")).unwrap()),
                    _ => batch.touch(Touch::Client("r".into(), format!("made{i}"))),
                };
                (i, store.commit(batch).await)
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        let (i, result) = task.await.unwrap();
        match (i % 5, result) {
            (0, Err(StoreError::Guard(text))) => assert_eq!(text, "the user is gone"),
            (1, Err(StoreError::Conflict(text))) => assert_eq!(text, "Client app already exists"),
            (2..5, Ok(_)) => made += 1,
            (_, other) => panic!("{i}: {other:?}"),
        }
    }
    assert_eq!(made, 120);
    let clients = servers[1]
        .list::<realmkeep_representations::ClientRepresentation>("r")
        .await
        .unwrap();
    assert_eq!(clients.len(), 121, "those refused have left nothing behind");
    // All four users were written by the same batch.
    let users = servers[1].all_users("r", Page::ALL).await.unwrap();
    let names: std::collections::BTreeSet<_> = users
        .iter()
        .filter_map(|user| user.last_name.clone())
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

/// Connections that the database ended, as in its restart, fail at most the request that was on them.
#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let store = schema.open().await;
    realm(&store).await;
    for _ in 0..5 {
        schema
            .execute(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}' AND pid <> pg_backend_pid()",
                schema.name
            ))
            .await;
        let found = store.find_user_named("r", "alice").await.unwrap();
        assert!(found.is_some());
        let mut batch = Batch::new();
        batch.push(store.update_user("r", &user("u", "alice"), None).unwrap());
        batch.push(store.update("r", &client("c", "app")).unwrap());
        store.commit(batch).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_and_a_slow_statement_end_in_time() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let mut options = schema.options();
    options.connections = 2;
    options.acquire_timeout = Duration::from_millis(300);
    options.statement_timeout = Duration::from_millis(300);
    let store = Store::connect(&options, Box::new(NoSeal)).await.unwrap();
    realm(&store).await;
    // Another transaction holds the row for longer than a statement may take.
    let url = schema.url.clone();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("BEGIN; SELECT doc FROM user_account WHERE id = 'u' FOR UPDATE")
        .await
        .unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut batch = Batch::new();
                batch.push(store.update_user("r", &user("u", "alice"), None).unwrap());
                store.commit(batch).await
            })
        })
        .collect();
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(error.is_temporary(), "{error:?}");
    }
    client.batch_execute("ROLLBACK").await.unwrap();
    let mut batch = Batch::new();
    batch.push(store.update_user("r", &user("u", "alice"), None).unwrap());
    store.commit(batch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_used_says_why() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let store = schema.open().await;
    realm(&store).await;
    store.ping().await.unwrap();

    // Nobody listens.
    let nowhere = PostgresOptions::new(SecretString::new("postgres://u:secret@127.0.0.1:1/d"));
    let error = Store::connect(&nowhere, Box::new(NoSeal))
        .await
        .unwrap_err();
    assert!(error.is_temporary());
    assert!(error.to_string().contains("refused"), "{error}");

    // A newer program was here that does not go with this one, and one that does.
    schema
        .execute("UPDATE realmkeep_schema SET version = 1000, oldest = 1000")
        .await;
    let error = Store::connect(&schema.options(), Box::new(NoSeal))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found: 1000, .. }),
        "{error}"
    );
    schema
        .execute("UPDATE realmkeep_schema SET oldest = 1")
        .await;
    Store::connect(&schema.options(), Box::new(NoSeal))
        .await
        .unwrap();

    // It was not migrated, and this program is told not to.
    let Some(empty) = Schema::create().await else {
        return;
    };
    let mut options = empty.options();
    options.migrate = false;
    let error = Store::connect(&options, Box::new(NoSeal))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::OlderSchema { found: 0, .. }),
        "{error}"
    );

    // It became read-only: reads go on, changes do not, readiness says so.
    let read_only = format!("{}%20-c%20default_transaction_read_only%3Don", schema.url);
    let mut options = PostgresOptions::new(SecretString::new(read_only));
    options.migrate = false;
    let store = Store::connect(&options, Box::new(NoSeal)).await.unwrap();
    assert!(store.find_user_named("r", "alice").await.unwrap().is_some());
    let error = store.ping().await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
    let mut batch = Batch::new();
    batch.push(store.update("r", &client("c", "app")).unwrap());
    let error = store.commit(batch).await.unwrap_err();
    assert!(
        error.is_temporary() && error.to_string().contains("read-only"),
        "{error}"
    );
}

/// Several servers start on an empty database at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_many_makes_the_schema() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let schema = Arc::new(schema);
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let schema = schema.clone();
            tokio::spawn(async move { schema.open().await })
        })
        .collect();
    let mut stores = Vec::new();
    for start in starts {
        stores.push(start.await.unwrap());
    }
    realm(&stores[0]).await;
    for store in &stores {
        assert!(store.realm("r").await.unwrap().is_some());
    }
}

/// The password file is read again when the database refuses what it said before.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_password_is_taken_from_its_file() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let Ok(strict) = std::env::var("REALMKEEP_TEST_POSTGRES_PASSWORD") else {
        eprintln!("left out: no role with a password in REALMKEEP_TEST_POSTGRES_PASSWORD");
        return;
    };
    let role = format!("role_{}", uuid::Uuid::new_v4().simple());
    schema
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'first' IN ROLE with_password; GRANT ALL ON SCHEMA {} TO {role}",
            schema.name
        ))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let base = strict.replace("ROLE", &role);
    let url = format!("{base}?options=-c%20search_path%3D{}", schema.name);
    let mut options = PostgresOptions::new(SecretString::new(url));
    options.password_file = Some(file.clone());
    let store = Store::connect(&options, Box::new(NoSeal)).await.unwrap();
    realm(&store).await;
    schema
        .execute(&format!("ALTER ROLE {role} PASSWORD 'second'"))
        .await;
    std::fs::write(&file, "second\n").unwrap();
    // The connections of before are gone, as after a failover.
    schema
        .execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        ))
        .await;
    assert!(store.find_user_named("r", "alice").await.unwrap().is_some());

    std::fs::write(&file, "wrong\n").unwrap();
    let error = Store::connect(&options, Box::new(NoSeal))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("password authentication failed"),
        "{error}"
    );
}

/// A database behind TLS is who its certificate says, or is not talked to.
#[tokio::test(flavor = "multi_thread")]
async fn the_databases_certificate_is_verified() {
    let Some(schema) = Schema::create().await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let right = support::TlsFront::start(&schema, "localhost").await;
    let other = support::TlsFront::start(&schema, "another.example").await;
    let file = |front: &support::TlsFront| {
        let path = folder.path().join(format!("{}.pem", front.port));
        std::fs::write(&path, &front.certificate).unwrap();
        path
    };
    let connect = async |port: u16, ca: Option<std::path::PathBuf>| {
        let url = schema.url_at("localhost", port, "sslmode=verify-full");
        let mut options = PostgresOptions::new(SecretString::new(url));
        options.ca_file = ca;
        Store::connect(&options, Box::new(NoSeal)).await
    };
    let store = connect(right.port, Some(file(&right))).await.unwrap();
    realm(&store).await;
    // Another name, another authority, and no TLS at all.
    let error = connect(other.port, Some(file(&other))).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let error = connect(right.port, Some(file(&other))).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let error = connect(schema.port(), Some(file(&right)))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_key_is_refused() {
    struct Key(&'static str);
    impl Seal for Key {
        fn seal(&self, plaintext: &str, _: &str) -> Result<String, StoreError> {
            Ok(format!("{}{plaintext}", self.0))
        }
        fn open(&self, sealed: &str, _: &str) -> Result<String, StoreError> {
            sealed
                .strip_prefix(self.0)
                .map(str::to_owned)
                .ok_or(StoreError::Closed)
        }
        fn digest(&self, plaintext: &str, _: &str) -> Result<String, StoreError> {
            self.seal(plaintext, "")
        }
    }
    let Some(schema) = Schema::create().await else {
        return;
    };
    for (key, right) in [("a", true), ("a", true), ("b", false)] {
        let store = Store::connect(&schema.options(), Box::new(Key(key)))
            .await
            .unwrap();
        assert_eq!(store.check_seal().await.is_ok(), right);
    }
}

/// Lists without end, names with every kind of letter, and what no text column can hold.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_sqlite() {
    let mut answers = Vec::new();
    for (_place, store) in support::stores().await {
        realm(&store).await;
        let mut batch = Batch::new();
        for (i, name) in ["zoë", "Ärger", "a_b", "a%b", "B", "élan"]
            .iter()
            .enumerate()
        {
            let mut user = user(&format!("x{i}"), name);
            user.last_name = Some(name.to_uppercase());
            batch.push(store.insert_user("r", &user, None).unwrap());
        }
        store.commit(batch).await.unwrap();
        let names = |users: Vec<realmkeep_representations::UserRepresentation>| -> Vec<String> {
            users.into_iter().filter_map(|user| user.username).collect()
        };
        let mut seen = vec![names(store.all_users("r", Page::ALL).await.unwrap())];
        for (text, exact) in [
            ("_", false),
            ("%", false),
            ("ä", false),
            ("b", false),
            ("b", true),
        ] {
            let search = UserSearch {
                anywhere: Some(text.into()),
                exact,
                ..Default::default()
            };
            let page = Page::new(Some(0), Some(3));
            seen.push(names(store.search_users("r", &search, page).await.unwrap()));
        }
        let zero = store.find_user_named("r", "a\0b").await;
        assert!(
            matches!(zero, Ok(None) | Err(StoreError::Unstorable(_))),
            "{zero:?}"
        );
        answers.push(seen);
    }
    let first = answers[0].clone();
    assert!(answers.iter().all(|other| *other == first), "{answers:#?}");
}
