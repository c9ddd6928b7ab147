//! `realmkeep import` and `realmkeep export`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use serde_json::{Value, json};
use support::{Server, realmkeep, run, stderr, stdout};

#[test]
fn a_realm_goes_from_one_server_to_another() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let file = folder.path().join("realm.json");
    let realm = json!({
        "realm": "moved",
        "enabled": true,
        "displayName": "Moved",
        "clients": [{"clientId": "app", "secret": "kept-secret", "redirectUris": ["https://app.example/cb"]}],
        "roles": {"realm": [{"name": "reader"}]},
        "users": [{"username": "ada", "enabled": true, "realmRoles": ["reader"]}],
        "flavour": "vanilla",
    });
    std::fs::write(&file, realm.to_string()).unwrap();
    let import = |data: &std::path::Path, file: &std::path::Path| {
        realmkeep()
            .args(["import", file.to_str().unwrap(), "--create-master-key"])
            .args(["--data-dir", data.to_str().unwrap()])
            .output()
            .unwrap()
    };
    let output = import(&first, &file);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("flavour: unknown field"),
        "{}",
        stderr(&output)
    );
    assert!(stdout(&output).contains("realm moved imported, with 1 users"));

    let export = |data: &std::path::Path| {
        let output = run(&[
            "export",
            "--realm",
            "moved",
            "--data-dir",
            data.to_str().unwrap(),
        ]);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()
    };
    let exported = export(&first);
    assert_eq!(exported["displayName"], "Moved");
    let app = |realm: &Value| {
        let clients = realm["clients"].as_array().unwrap();
        clients
            .iter()
            .find(|c| c["clientId"] == "app")
            .unwrap()
            .clone()
    };
    assert_eq!(app(&exported)["secret"], "kept-secret");

    let moved = folder.path().join("moved.json");
    let output = run(&[
        "export",
        "--realm",
        "moved",
        "--data-dir",
        first.to_str().unwrap(),
        "-o",
        moved.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&moved).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let output = import(&second, &moved);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(app(&export(&second)), app(&exported));

    // What is there is not overwritten.
    let output = import(&second, &moved);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("already exists"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn bad_files_and_a_running_server_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("realm.json");
    std::fs::write(&file, "{\"realm\": ").unwrap();
    let import = || {
        run(&[
            "import",
            file.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "--create-master-key",
        ])
    };
    assert!(stderr(&import()).contains("is not JSON"));
    std::fs::write(
        &file,
        "{\"realm\": \"r\", \"accessTokenLifespan\": \"long\"}",
    )
    .unwrap();
    let output = import();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("accessTokenLifespan"),
        "{}",
        stderr(&output)
    );
    let output = run(&[
        "export",
        "--realm",
        "none",
        "--data-dir",
        data.to_str().unwrap(),
    ]);
    assert!(
        stderr(&output).contains("there is no realm"),
        "{}",
        stderr(&output)
    );

    let _server = Server::start(&data, &[]);
    let output = import();
    assert!(
        stderr(&output).contains("in use by another"),
        "{}",
        stderr(&output)
    );
}
