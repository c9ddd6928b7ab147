//! The user profile, as administrators define it.

use serde_json::{Value, json};

use crate::support::Server;

const PROFILE: &str = "/r/users/profile";

/// Attributes, their validators and annotations, and groups of them are added, changed and removed, as
/// one JSON document; a group that attributes refer to stays.
///
/// spec: UPROF-20, UPROF-31, UPROF-36, UPROF-37, UPROF-39, UPROF-49
#[tokio::test]
async fn attributes_and_groups_come_and_go() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let read = async || admin.get(PROFILE).await.is(200).body;
    let fresh = read().await;
    let with = |attribute: Value, groups: Value| {
        let mut profile = fresh.clone();
        let attributes = profile["attributes"].as_array_mut().unwrap();
        attributes.push(attribute);
        profile["groups"] = groups;
        profile
    };
    let user = |job: &str| {
        json!({"username": format!("user{}", job.len()), "email": format!("u{}@example.test", job.len()),
            "firstName": "A", "lastName": "B", "attributes": {"job": [job]}})
    };
    let annotations = json!({"inputType": "text", "inputHelperTextAfter": "What you do"});
    let job = json!({
        "name": "job", "displayName": "Job", "group": "work",
        "permissions": {"view": ["admin", "user"], "edit": ["admin"]},
        "validations": {"length": {"min": 3, "max": 20}, "pattern": {"pattern": "[a-z]+"}},
        "annotations": annotations,
    });
    let work = json!([{"name": "work", "displayHeader": "Work", "annotations": {"a": "b"}}]);
    let profile = with(job.clone(), work.clone());
    admin.put(PROFILE, profile.clone()).await.is(200);
    assert_eq!(read().await, profile, "as it was given");
    let metadata = admin.get(&format!("{PROFILE}/metadata")).await.is(200).body;
    let shown = metadata["attributes"].as_array().unwrap();
    let shown = shown.iter().find(|a| a["name"] == "job").unwrap();
    assert_eq!(shown["annotations"], annotations);
    assert_eq!(shown["group"], "work");
    assert_eq!(metadata["groups"][0]["annotations"], json!({"a": "b"}));

    // Validators that are there hold, and no others.
    admin.post("/r/users", user("ab")).await.is(400);
    admin.post("/r/users", user("ABCD")).await.is(400);
    admin.post("/r/users", user("smith")).await.is(201);
    let mut without = job.clone();
    without["validations"] = json!({"length": {"min": 3, "max": 20}});
    admin
        .put(PROFILE, with(without.clone(), work.clone()))
        .await
        .is(200);
    admin.post("/r/users", user("ABCD")).await.is(201);
    admin.post("/r/users", user("ab")).await.is(400);
    let mut unknown = job.clone();
    unknown["validations"] = json!({"nope": {}});
    admin
        .put(PROFILE, with(unknown, work.clone()))
        .await
        .is(400);

    // A group in use is not removed, an unused one is.
    let refused = admin
        .put(PROFILE, with(without.clone(), json!([])))
        .await
        .is(400);
    assert!(refused.text.contains("work"), "{}", refused.text);
    without.as_object_mut().unwrap().remove("group");
    let renamed = json!([{"name": "work", "displayHeader": "Working"}]);
    admin
        .put(PROFILE, with(without.clone(), renamed))
        .await
        .is(200);
    admin.put(PROFILE, with(without, json!([]))).await.is(200);
    admin.put(PROFILE, fresh.clone()).await.is(200);
    assert_eq!(read().await, fresh);
    let mut broken = fresh.clone();
    broken["attributes"] = json!("all of them");
    admin.put(PROFILE, broken).await.is(400);
    assert_eq!(read().await, fresh);
}
