//! Configuration as a user meets it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::{realmkeep, run, stderr, stdout};

/// The value of an option and where it came from.
fn effective(text: &str, name: &str) -> (String, String) {
    let line = text
        .lines()
        .find(|l| l.split(' ').next() == Some(name))
        .unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
    let (setting, source) = line.split_once('#').unwrap();
    let (_, value) = setting.split_once('=').unwrap();
    (value.trim().to_owned(), source.trim().to_owned())
}

#[test]
fn flags_win_over_variables_over_aliases_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("realmkeep.toml");
    let text = "http-port = 1001\nhttps-port = 1001\nmanagement-port = 1001\nlog-level = 'debug'\n";
    std::fs::write(&file, text).unwrap();
    let output = realmkeep()
        .args(["config", "--http-port", "1004"])
        .env("REALMKEEP_CONFIG", &file)
        .env("KC_HTTP_PORT", "1002")
        .env("KC_HTTPS_PORT", "1002")
        .env("KC_HTTP_MANAGEMENT_PORT", "1002")
        .env("REALMKEEP_HTTP_PORT", "1003")
        .env("REALMKEEP_HTTPS_PORT", "1003")
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "hunter2")
        .env("KC_FEATURES", "docker")
        .env("KC_CACHE", "local")
        .output()
        .unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    let is = |name: &str, value: &str, source: &str| {
        assert_eq!(
            effective(&text, name),
            (value.into(), source.into()),
            "{name}"
        );
    };
    is("http-port", "1004", "--http-port");
    is("https-port", "1003", "REALMKEEP_HTTPS_PORT");
    is("management-port", "1002", "KC_HTTP_MANAGEMENT_PORT");
    is("log-level", "debug", &file.display().to_string());
    is("data-dir", "data", "default");
    is(
        "bootstrap-admin-username",
        "root",
        "KC_BOOTSTRAP_ADMIN_USERNAME",
    );
    is(
        "bootstrap-admin-password",
        "**********",
        "KC_BOOTSTRAP_ADMIN_PASSWORD",
    );
    assert!(!text.contains("hunter2"));
    is("features", "docker", "KC_FEATURES");
    assert!(stderr(&output).contains("KC_CACHE has no effect"));
}

#[test]
fn unknown_names_are_errors_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(&file, "data-dri = 'x'\n").unwrap();
    let output = run(&["config", "--config", file.to_str().unwrap()]);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("did you mean data-dir?"),
        "{}",
        stderr(&output)
    );
    let output = realmkeep()
        .arg("serve")
        .env("REALMKEEP_HTTP_PROT", "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("did you mean REALMKEEP_HTTP_PORT?"), "{said}");
    let output = run(&["serve", "--htpp-port", "1"]);
    assert!(
        stderr(&output).contains("--http-port"),
        "{}",
        stderr(&output)
    );
}

/// The reference page is the one this program would print.
#[test]
fn the_reference_page_is_current() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/reference/configuration.md"
    );
    let now = stdout(&run(&["config", "--markdown"]));
    let kept = std::fs::read_to_string(page).unwrap_or_default();
    assert_eq!(
        kept, now,
        "run: cargo run -- config --markdown > docs/reference/configuration.md"
    );
}
