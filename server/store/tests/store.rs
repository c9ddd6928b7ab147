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
use realmkeep_store::users::{EMAIL_TAKEN, USERNAME_TAKEN, UserSearch};
use realmkeep_store::{Batch, Begin, Store, StoreError, Touch};
use support::{client, realm, stores, user};

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

/// A user who was read is kept in memory with all attributes, however long they are, until it changes.
///
/// spec: UPROF-19
#[tokio::test(flavor = "multi_thread")]
async fn users_are_kept_with_their_attributes() {
    for (_place, store) in stores().await {
        realm(&store).await;
        let mut long = named(1);
        let badge = long.attributes.as_mut().unwrap().get_mut("badge").unwrap();
        *badge = vec!["x".repeat(100_000)];
        let id = long.id.clone().unwrap();
        let mut batch = Batch::new();
        batch.push(store.insert_user("r", &long, None).unwrap());
        store.commit(batch).await.unwrap();
        let snapshot = store.realm("r").await.unwrap().unwrap();
        let read = async || store.subject(&snapshot, &id).await.unwrap().unwrap();
        let kept = read().await;
        assert!(Arc::ptr_eq(&kept, &read().await));
        let attributes = kept.user.attributes.as_ref().unwrap();
        assert_eq!(attributes["badge"][0].len(), 100_000);
        long.attributes = None;
        let mut batch = Batch::new();
        batch.push(store.update_user("r", &long, None).unwrap());
        batch.touch(Touch::User("r".into(), id.clone()));
        store.commit(batch).await.unwrap();
        let changed = read().await;
        assert!(!Arc::ptr_eq(&kept, &changed));
        assert_eq!(changed.user.attributes, None);
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

/// Of many who take one address at the same time, one gets it, by whichever server they come; unless
/// the realm lets several have it. Who shares one when that ends keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_taken_by_one_of_many() {
    for (place, store) in stores().await {
        realm(&store).await;
        let servers = match place {
            support::Place::Sqlite(_) => vec![store.clone()],
            support::Place::Postgres(_) => vec![store.clone(), place.open().await],
        };
        let with = |id: &str, email: &str| {
            let mut user = user(id, id);
            user.email = Some(email.to_owned());
            user
        };
        let all = async |name: &str, email: &'static str| {
            let tasks: Vec<_> = (0..16)
                .map(|i| {
                    let store = servers[i % servers.len()].clone();
                    let user = with(&format!("{name}{i}"), email);
                    tokio::spawn(async move {
                        let mut batch = Batch::new();
                        batch.push(store.insert_user("r", &user, None).unwrap());
                        store.commit(batch).await
                    })
                })
                .collect();
            let mut done = 0;
            for task in tasks {
                match task.await.unwrap() {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error.to_string(), EMAIL_TAKEN),
                }
            }
            done
        };
        assert_eq!(all("a", "A@Example.test").await, 1);
        let insert = async |user: &UserRepresentation| {
            let mut batch = Batch::new();
            batch.push(store.insert_user("r", user, None).unwrap());
            store.commit(batch).await.map(|_| ())
        };
        let update = async |user: &UserRepresentation| {
            let mut batch = Batch::new();
            batch.push(store.update_user("r", user, None).unwrap());
            store.commit(batch).await.map(|_| ())
        };
        let taken = |result: Result<(), StoreError>| {
            assert_eq!(result.unwrap_err().to_string(), EMAIL_TAKEN);
        };
        insert(&with("b", "b@example.test")).await.unwrap();
        taken(update(&with("b", "a@example.test")).await);
        update(&with("b", "b@example.test")).await.unwrap();
        // Nobody's address is nobody else's.
        for id in ["n1", "n2"] {
            insert(&with(id, "")).await.unwrap();
            update(&with(id, "")).await.unwrap();
        }

        let allow = async |allowed: bool| {
            let settings = RealmRepresentation {
                id: Some("r".into()),
                realm: Some("r".into()),
                duplicate_emails_allowed: Some(allowed),
                ..Default::default()
            };
            let mut batch = Batch::new();
            batch.push(store.update_realm(&settings).unwrap());
            batch.touch(Touch::Realm("r".into()));
            store.commit(batch).await.unwrap();
        };
        allow(true).await;
        assert_eq!(all("s", "shared@example.test").await, 16);
        update(&with("b", "shared@example.test")).await.unwrap();
        allow(false).await;
        for id in ["s1", "s2", "b", "s1"] {
            update(&with(id, "shared@example.test")).await.unwrap();
        }
        taken(insert(&with("late", "shared@example.test")).await);
        assert!(
            store
                .others_have_email("r", "Shared@example.test", "b")
                .await
                .unwrap()
        );
        assert!(
            !store
                .others_have_email("r", "a@example.test", &holder(&store).await)
                .await
                .unwrap()
        );
        // A username that is taken is told apart.
        let mut same = with("c", "c@example.test");
        same.username = Some("b".to_owned());
        assert_eq!(insert(&same).await.unwrap_err().to_string(), USERNAME_TAKEN);
    }
}

/// The id of the one who has `a@example.test`.
async fn holder(store: &Store) -> String {
    let found = store.find_user_by_email("r", "a@example.test").await;
    found.unwrap().unwrap().id.unwrap()
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
        claim.push(Store::set_owner("r", "clients/c", "mine", 1));
        claim.push(Store::set_owner("r", "clients/c/part", "mine", 1));
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

fn named(id: usize) -> UserRepresentation {
    let mut user = user(&format!("id-{id:07}"), &format!("user{id:07}"));
    user.email = Some(format!("mail{id:07}@example.test"));
    user.first_name = Some(format!("First{}", id % 1_000));
    user.last_name = Some(format!("L\u{e4}st{id:07}"));
    user.created_timestamp = Some(i64::try_from(id).unwrap());
    let badge = vec![format!("B{id:07}")];
    user.attributes = Some([("badge".to_owned(), badge)].into());
    user
}

async fn add_users(store: &Store, count: usize) {
    for from in (0..count).step_by(1_000) {
        let mut batch = Batch::new();
        for id in from..(from + 1_000).min(count) {
            batch.push(store.insert_user("r", &named(id), None).unwrap());
        }
        store.commit(batch).await.unwrap();
    }
}

fn anywhere(word: &str) -> UserSearch {
    UserSearch {
        anywhere: Some(word.to_owned()),
        ..UserSearch::default()
    }
}

/// Searches find by the beginning or the whole of any name, whatever the case, by attribute and by a piece
/// of a name, and give the page that is asked for, in order.
#[tokio::test(flavor = "multi_thread")]
async fn users_are_found_by_what_is_known_of_them() {
    for (_place, store) in stores().await {
        realm(&store).await;
        add_users(&store, 1_200).await;
        let found = async |search: &UserSearch, first: i64, max: i64| {
            let page = Page::new(Some(first), Some(max));
            let users = store.search_users("r", search, page).await.unwrap();
            let names = users.into_iter().filter_map(|u| u.username);
            names.map(|n| n.replace("user0000", "")).collect::<Vec<_>>()
        };
        let all = async |search: &UserSearch| found(search, 0, -1).await;
        assert_eq!(all(&anywhere("USER0000012")).await, ["012"]);
        assert_eq!(all(&anywhere("user000001")).await.len(), 10);
        assert_eq!(found(&anywhere("user000001*"), 3, 2).await, ["013", "014"]);
        assert_eq!(all(&anywhere("mail0000007")).await, ["007"]);
        assert_eq!(all(&anywhere("first7")).await.len(), 122);
        assert_eq!(all(&anywhere("\"First7\"")).await, ["007", "user0001007"]);
        assert_eq!(all(&anywhere("L\u{c4}ST0000009")).await, ["009"]);
        assert_eq!(
            all(&anywhere("*er000112*")).await,
            [
                "user0001120",
                "user0001121",
                "user0001122",
                "user0001123",
                "user0001124",
                "user0001125",
                "user0001126",
                "user0001127",
                "user0001128",
                "user0001129"
            ]
        );
        assert_eq!(all(&anywhere("ser0000012")).await.len(), 0);
        assert_eq!(
            store.count_users("r", &anywhere("first7")).await.unwrap(),
            122
        );
        let exactly = |email: &str| UserSearch {
            email: Some(email.to_owned()),
            exact: true,
            ..UserSearch::default()
        };
        assert_eq!(all(&exactly("Mail0000011@example.test")).await, ["011"]);
        assert_eq!(all(&exactly("mail000001")).await.len(), 0);
        let badge = |value: &str| UserSearch {
            attribute: Some(("badge".to_owned(), value.to_owned())),
            ..UserSearch::default()
        };
        assert_eq!(all(&badge("B0000500")).await, ["500"]);
        assert_eq!(all(&badge("b0000500")).await, ["500"]);
        assert_eq!(all(&badge("b000050")).await.len(), 0);
        assert_eq!(store.count_users("r", &badge("B0000500")).await.unwrap(), 1);
        let created = UserSearch {
            created_after: Some(10),
            created_before: Some(13),
            ..UserSearch::default()
        };
        assert_eq!(all(&created).await, ["011", "012"]);
        let after = store
            .search_users_after("r", &UserSearch::default(), Some("user0000998"), 2)
            .await
            .unwrap();
        assert_eq!(after[0].username.as_deref(), Some("user0000999"));
        assert_eq!(after.len(), 2);
        // An attribute that was changed is found by what it is now.
        let mut changed = named(500);
        changed.attributes = Some([("badge".to_owned(), vec!["new".to_owned()])].into());
        let mut batch = Batch::new();
        batch.push(store.update_user("r", &changed, None).unwrap());
        store.commit(batch).await.unwrap();
        assert_eq!(all(&badge("B0000500")).await.len(), 0);
        assert_eq!(all(&badge("new")).await, ["500"]);
        let mut batch = Batch::new();
        batch.push(Store::delete_user("r", "id-0000500"));
        store.commit(batch).await.unwrap();
        assert_eq!(all(&badge("new")).await.len(), 0);
    }
}

/// How long searches take among many users: `REALMKEEP_USERS=1000000 cargo test --release --test store --
/// --ignored --nocapture among_many`. It prints medians and asserts nothing about them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn searches_among_many_users() {
    let count = std::env::var("REALMKEEP_USERS").map_or(100_000, |n| n.parse().unwrap());
    for (_place, store) in stores().await {
        realm(&store).await;
        let started = std::time::Instant::now();
        add_users(&store, count).await;
        println!("{count} users written in {:?}", started.elapsed());
        let exact = |id: usize| UserSearch {
            username: Some(format!("user{id:07}")),
            exact: true,
            ..UserSearch::default()
        };
        let badge = |id: usize| UserSearch {
            attribute: Some(("badge".to_owned(), format!("B{id:07}"))),
            ..UserSearch::default()
        };
        let search = |kind: &str, id: usize| match kind {
            "exact username" => exact(id),
            "attribute" => badge(id),
            "prefix, 10 hits" => anywhere(&format!("user{:06}", id / 10)),
            "prefix, 10000 hits" => anywhere(&format!("user{:03}", id / 10_000)),
            "prefix of last name" => anywhere(&format!("l\u{e4}st{:06}", id / 10)),
            _ => anywhere(&format!("*{id:07}*")),
        };
        for name in [
            "exact username",
            "attribute",
            "prefix, 10 hits",
            "prefix, 10000 hits",
            "prefix of last name",
            "infix",
        ] {
            let mut times = Vec::new();
            for i in 0..51_usize {
                let id = i.wrapping_mul(7_919_111) % count;
                let started = std::time::Instant::now();
                let page = Page::new(Some(0), Some(100));
                store
                    .search_users("r", &search(name, id), page)
                    .await
                    .unwrap();
                times.push(started.elapsed());
                if name == "infix" && i == 4 {
                    break;
                }
            }
            times.sort();
            println!("{name}: median {:?}", times[times.len() / 2]);
        }
    }
}
