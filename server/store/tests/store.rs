//! The store's contract, as its callers rely on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use realmkeep_representations::{
    ClientRepresentation, FederatedIdentityRepresentation, RealmRepresentation, UserRepresentation,
};
use realmkeep_store::documents::Page;
use realmkeep_store::sessions::{ClientSessionDetail, UserSession, UserSessionDetail};
use realmkeep_store::single_use::Space;
use realmkeep_store::{Batch, Begin, Store, StoreError, Touch};
use support::{client, realm, stores};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_all_or_nothing() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let mut batch = Batch::new();
        batch.push(store.insert("r", &client("c2", "second")).unwrap());
        batch.push(store.insert("r", &client("c3", "app")).unwrap());
        let error = store.commit(batch).await.unwrap_err();
        assert_eq!(error.to_string(), "Client app already exists");
        assert!(
            store
                .find::<ClientRepresentation>("r", "c2")
                .await
                .unwrap()
                .is_none()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_use_thing_is_taken_by_one_of_many() {
    for (_place, store) in stores().await {
        let mut batch = Batch::new();
        batch.push(Store::put_single_use(Space::Code, "k", 100, &"thing").unwrap());
        store.commit(batch).await.unwrap();
        let takers: Vec<_> = (0..64)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    store
                        .take_single_use::<String>(Space::Code, "k", 1)
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
        assert!(
            store
                .mark_used(Space::ClientAssertion, "k", 100)
                .await
                .unwrap()
        );
        assert!(
            !store
                .mark_used(Space::ClientAssertion, "k", 100)
                .await
                .unwrap()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_has_one_successor() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let session = UserSession {
            id: "s".into(),
            user_id: "u".into(),
            started: 1,
            last_refresh: 1,
            expires: 100,
            detail: UserSessionDetail::default(),
        };
        let mut batch = Batch::new();
        batch.push(Store::insert_session("r", &session).unwrap());
        batch
            .push(Store::put_client_session("s", "c", 1, &ClientSessionDetail::default()).unwrap());
        store.commit(batch).await.unwrap();
        let store = Arc::new(store);
        let tries: Vec<_> = (0..32)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut batch = Batch::new();
                    batch.push(Store::begin_family("f", "s", "c", 2));
                    store.commit(batch).await
                })
            })
            .collect();
        let mut won = 0;
        for t in tries {
            match t.await.unwrap() {
                Ok(_) => won += 1,
                Err(StoreError::Guard(_)) => {}
                Err(e) => panic!("{e}"),
            }
        }
        assert_eq!(won, 1);
        let (_, _, family) = store
            .find_refresh("r", "s", "c", "f")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(family.unwrap().generation, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_forgotten_when_its_realm_changes() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let before = store.realm("r").await.unwrap().unwrap();
        assert_eq!(before.settings.display_name, None);
        let changed = RealmRepresentation {
            display_name: Some("R".into()),
            ..before.settings.clone()
        };
        let mut batch = Batch::new();
        batch
            .push(store.update_realm(&changed).unwrap())
            .touch(Touch::Realm("r".into()));
        store.commit(batch).await.unwrap();
        assert_eq!(
            store
                .realm("r")
                .await
                .unwrap()
                .unwrap()
                .settings
                .display_name
                .as_deref(),
            Some("R")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_reopening() {
    for (place, store) in stores().await {
        realm(&store).await;
        drop(store);
        let store = place.open().await;
        assert!(store.find_user_named("r", "ALICE").await.unwrap().is_some());
    }
}

/// A user is found by the account at an identity provider as long as the user has the link.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_who_they_are_elsewhere() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let linked = |id: &str, links: &[(&str, &str)]| {
            let links: Vec<_> = links
                .iter()
                .map(|(alias, subject)| FederatedIdentityRepresentation {
                    identity_provider: Some((*alias).to_owned()),
                    user_id: Some((*subject).to_owned()),
                    ..FederatedIdentityRepresentation::default()
                })
                .collect();
            UserRepresentation {
                id: Some(id.to_owned()),
                username: Some(id.to_owned()),
                federated_identities: Some(links),
                ..UserRepresentation::default()
            }
        };
        let add = async |user: UserRepresentation| {
            let mut batch = Batch::new();
            batch.push(store.insert_user("r", &user, None).unwrap());
            store.commit(batch).await.unwrap();
        };
        let find = async |alias: &str, subject: &str| {
            store.federated_users("r", alias, subject).await.unwrap()
        };
        add(linked("a", &[("i", "1"), ("j", "%")])).await;
        add(linked("b", &[("i", "2")])).await;
        assert_eq!(find("i", "1").await, ["a"]);
        assert_eq!(find("j", "%").await, ["a"]);
        assert_eq!(find("i", "2").await, ["b"]);
        assert!(find("j", "1").await.is_empty());
        assert!(find("i", "%").await.is_empty());
        let other = store.federated_users("other", "i", "1").await.unwrap();
        assert!(other.is_empty());

        let mut batch = Batch::new();
        let user = linked("a", &[("i", "2")]);
        batch.push(store.update_user("r", &user, None).unwrap());
        store.commit(batch).await.unwrap();
        assert!(find("i", "1").await.is_empty());
        assert!(find("j", "%").await.is_empty());
        assert_eq!(find("i", "2").await.len(), 2);
        let mut batch = Batch::new();
        batch.push(Store::delete_user("r", "a"));
        store.commit(batch).await.unwrap();
        assert_eq!(find("i", "2").await, ["b"]);
    }
}

/// What is written in a transaction is read in it and nowhere else, until it is committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_seen_as_a_whole_or_not_at_all() {
    let longest = Duration::from_secs(20);
    for (_place, store) in stores().await {
        realm(&store).await;
        let before = store.change_position().await.unwrap();
        for (begin, keep) in [
            (Begin::Now, false),
            (Begin::AtFirstBatch, false),
            (Begin::Now, true),
            (Begin::AtFirstBatch, true),
        ] {
            let id = format!("{begin:?}{keep}");
            let transaction = store.begin(begin, longest).await.unwrap();
            let inside = transaction.store().clone();
            let mut batch = Batch::new();
            batch.push(inside.insert("r", &client(&id, &id)).unwrap());
            batch.touch(Touch::Client("r".into(), id.clone()));
            inside.commit(batch).await.unwrap();
            // A batch that is refused takes nothing else with it.
            let mut refused = Batch::new();
            refused.push(inside.insert("r", &client("x", "x")).unwrap());
            refused.push(inside.insert("r", &client("y", &id)).unwrap());
            assert!(inside.commit(refused).await.unwrap_err().is_conflict());
            let seen = |store: Store| {
                let id = id.clone();
                async move {
                    let realm = store.realm("r").await.unwrap().unwrap();
                    store.client(&realm, &id).await.unwrap().is_some()
                }
            };
            assert!(seen(inside.clone()).await);
            assert!(!seen(store.clone()).await, "{id}: seen before its commit");
            if keep {
                transaction.commit().await.unwrap();
            } else {
                transaction.rollback().await;
            }
            assert_eq!(seen(store.clone()).await, keep, "{id}");
            assert!(inside.find::<ClientRepresentation>("r", &id).await.is_err());
            // Others write on.
            let mut batch = Batch::new();
            batch.push(
                store
                    .insert("r", &client(&format!("{id}2"), &format!("{id}2")))
                    .unwrap(),
            );
            store.commit(batch).await.unwrap();
        }
        let after = store.change_position().await.unwrap();
        let changes = store
            .changes_of("r", before.latest, after.latest, 10)
            .await
            .unwrap();
        let names: Vec<_> = changes.iter().map(|c| &c.touched).collect();
        let client = |id: &str| Touch::Client("r".into(), id.into());
        assert_eq!(names, [&client("Nowtrue"), &client("AtFirstBatchtrue")]);
        let nested = store.begin(Begin::Now, longest).await.unwrap();
        let inner = nested.store().begin(Begin::Now, longest).await;
        assert!(matches!(inner, Err(StoreError::Nested)));
    }
}

/// Of transactions that begin at once, each sees what the ones before it left.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_come_one_after_the_other() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let longest = Duration::from_secs(20);
                    let transaction = store.begin(Begin::Now, longest).await.unwrap();
                    let inside = transaction.store();
                    let found = inside.find::<ClientRepresentation>("r", "c").await;
                    let mut changed = found.unwrap().unwrap();
                    let count = changed
                        .name
                        .as_deref()
                        .unwrap_or("0")
                        .parse::<u32>()
                        .unwrap();
                    changed.name = Some((count + 1).to_string());
                    let mut batch = Batch::new();
                    batch.push(inside.update("r", &changed).unwrap());
                    inside.commit(batch).await.unwrap();
                    transaction.commit().await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let found = store.find::<ClientRepresentation>("r", "c").await.unwrap();
        assert_eq!(found.unwrap().name.as_deref(), Some("8"));
    }
}

/// The owner of an object is asked for in the batch of its change.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_fails_for_what_belongs_to_somebody_else() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let mut claim = Batch::new();
        claim.push(Store::set_owner("r", "clients/c", "mine"));
        claim.push(Store::set_owner("r", "clients/c/part", "mine"));
        store.commit(claim).await.unwrap();
        for (record, free) in [("mine", true), ("theirs", false), ("", false)] {
            let mut batch = Batch::new();
            batch.push(store.update("r", &client("c", "app")).unwrap());
            batch.push(Store::require_owner("r", "clients/c", record));
            assert_eq!(store.commit(batch).await.is_ok(), free, "{record}");
        }
        let mut forget = Batch::new();
        forget.push(Store::forget_owner("r", "clients/c"));
        store.commit(forget).await.unwrap();
        assert!(store.owners("r", Page::ALL).await.unwrap().is_empty());
        let mut batch = Batch::new();
        batch.push(Store::require_owner("r", "clients/c", ""));
        store.commit(batch).await.unwrap();
    }
}
