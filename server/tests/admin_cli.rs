//! `realmkeep admin`, as the guide's Admin CLI chapter uses it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Output;

use realmkeep_jose::{Algorithm, SigningKey};
use serde_json::{Value, json};
use support::{Server, realmkeep, serve_args, stderr, stdout};

struct Shell<'a> {
    server: &'a Server,
    config: &'a Path,
}

impl Shell<'_> {
    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let output = realmkeep()
            .arg("admin")
            .args(arguments)
            .args(["--config", self.config.to_str().unwrap()])
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert!(!stdout(&output).contains("panicked"), "{}", stderr(&output));
        output
    }

    /// What it prints; it must succeed.
    fn out(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, &[]);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            stderr(&output)
        );
        stdout(&output).trim_end().to_owned()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.out(arguments)).unwrap()
    }

    /// What it complains of; it must fail.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments, &[]);
        assert!(
            !output.status.success(),
            "{arguments:?}: {}",
            stdout(&output)
        );
        stderr(&output)
    }
}

fn start(data: &Path) -> Server {
    Server::spawn(
        realmkeep()
            .args(serve_args(data))
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "first-password"),
    )
}

/// spec: CLI-02, CLI-03, CLI-04, CLI-05, CLI-06, CLI-09, CLI-10, CLI-11, CLI-12, CLI-13
#[test]
fn objects_from_a_shell() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let config = data.path().join("admin.config");
    let shell = Shell {
        server: &server,
        config: &config,
    };
    let url = shell.server.url.clone();

    // Without a login nothing goes.
    assert!(
        shell
            .refused(&["get", "realms"])
            .contains("config credentials")
    );
    // A wrong password is told in the server's words, a right one by variable.
    let login = [
        "config",
        "credentials",
        "--server",
        &url,
        "--realm",
        "master",
        "--user",
        "root",
    ];
    let wrong = shell.run(&login, &[("KC_CLI_PASSWORD", "wrong")]);
    assert!(!wrong.status.success());
    assert!(
        stderr(&wrong).contains("Invalid user credentials [invalid_grant]"),
        "{}",
        stderr(&wrong)
    );
    assert!(!config.exists());
    let right = shell.run(&login, &[("KC_CLI_PASSWORD", "first-password")]);
    assert!(right.status.success(), "{}", stderr(&right));
    // The session is kept for its owner alone, the password is not.
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&config).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        !std::fs::read_to_string(&config)
            .unwrap()
            .contains("first-password")
    );

    let made = shell.json(&[
        "create",
        "realms",
        "-s",
        "realm=demorealm",
        "-s",
        "enabled=true",
        "-o",
    ]);
    assert_eq!(made["realm"], "demorealm");
    assert_eq!(made["enabled"], true);
    let uris = "redirectUris=[\"http://localhost:8980/myapp/*\"]";
    let id = shell.out(&[
        "create",
        "clients",
        "-r",
        "demorealm",
        "-s",
        "clientId=my_client",
        "-s",
        uris,
        "-i",
    ]);
    let client = shell.json(&[
        "get",
        &format!("clients/{id}"),
        "-r",
        "demorealm",
        "--fields",
        "clientId,redirectUris",
    ]);
    assert_eq!(
        client,
        json!({"clientId": "my_client", "redirectUris": ["http://localhost:8980/myapp/*"]})
    );
    let again = shell.refused(&[
        "create",
        "clients",
        "-r",
        "demorealm",
        "-s",
        "clientId=my_client",
    ]);
    assert!(again.contains("my_client already exists"), "{again}");
    let installation = format!("clients/{id}/installation/providers/keycloak-oidc-keycloak-json");
    assert_eq!(
        shell.json(&["get", &installation, "-r", "demorealm"])["resource"],
        "my_client"
    );

    // Changes are merged into what is there.
    let at = format!("clients/{id}");
    shell.out(&[
        "update",
        &at,
        "-r",
        "demorealm",
        "-s",
        "description=mine",
        "-s",
        "redirectUris+=https://b.example.test/*",
    ]);
    let changed = shell.json(&["get", &at, "-r", "demorealm"]);
    assert_eq!(changed["description"], "mine");
    assert_eq!(changed["redirectUris"].as_array().unwrap().len(), 2);
    assert_eq!(
        shell.out(&[
            "get",
            "clients",
            "-r",
            "demorealm",
            "-q",
            "clientId=my_client",
            "--fields",
            "id,clientId",
            "--format",
            "csv",
            "--noquotes"
        ]),
        format!("{id},my_client")
    );

    // Users, roles, passwords.
    let created = shell.run(
        &[
            "create",
            "users",
            "-r",
            "demorealm",
            "-s",
            "username=alice",
            "-s",
            "enabled=true",
            "-s",
            "firstName=A",
            "-s",
            "lastName=L",
            "-s",
            "email=alice@example.test",
        ],
        &[],
    );
    assert!(
        stderr(&created).contains("Created new user with id '"),
        "{}",
        stderr(&created)
    );
    shell.out(&["create", "roles", "-r", "demorealm", "-s", "name=reader"]);
    shell.out(&[
        "add-roles",
        "-r",
        "demorealm",
        "--uusername",
        "alice",
        "--rolename",
        "reader",
    ]);
    shell.out(&[
        "add-roles",
        "-r",
        "demorealm",
        "--uusername",
        "alice",
        "--cclientid",
        "realm-management",
        "--rolename",
        "view-clients",
    ]);
    let names = |value: &Value| -> Vec<String> {
        let mut names: Vec<String> = value
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&shell.json(&["get-roles", "-r", "demorealm", "--uusername", "alice"])),
        ["default-roles-demorealm", "reader"]
    );
    let management = shell.json(&[
        "get-roles",
        "-r",
        "demorealm",
        "--uusername",
        "alice",
        "--cclientid",
        "realm-management",
        "--effective",
    ]);
    assert_eq!(names(&management), ["query-clients", "view-clients"]);
    shell.out(&[
        "remove-roles",
        "-r",
        "demorealm",
        "--uusername",
        "alice",
        "--rolename",
        "reader",
    ]);
    assert_eq!(
        names(&shell.json(&["get-roles", "-r", "demorealm", "--uusername", "alice"])),
        ["default-roles-demorealm"]
    );
    assert!(
        shell
            .refused(&[
                "add-roles",
                "-r",
                "demorealm",
                "--uusername",
                "alice",
                "--rolename",
                "none"
            ])
            .contains("Role not found for name: none")
    );
    shell.out(&[
        "set-password",
        "-r",
        "demorealm",
        "--username",
        "alice",
        "--new-password",
        "correct horse",
    ]);

    // Alice may do what her roles let her do, without a login that is kept.
    let as_alice = |more: &[&str]| {
        let mut command = realmkeep();
        command.args(["admin"]).args(more).args([
            "--no-config",
            "--server",
            &url,
            "--realm",
            "demorealm",
            "--user",
            "alice",
            "--password",
            "correct horse",
        ]);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    let list = as_alice(&["get", "clients", "--fields", "clientId"]);
    assert!(list.status.success(), "{}", stderr(&list));
    let denied = as_alice(&["get", "users"]);
    assert!(
        !denied.status.success() && stderr(&denied).contains("403"),
        "{}",
        stderr(&denied)
    );

    shell.out(&["delete", &at, "-r", "demorealm"]);
    assert!(
        shell
            .refused(&["get", &at, "-r", "demorealm"])
            .contains("Resource not found for url")
    );
}

/// spec: CLI-11
#[test]
fn a_service_account_by_secret_and_by_signed_jwt() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let config = data.path().join("admin.config");
    let shell = Shell {
        server: &server,
        config: &config,
    };
    let url = shell.server.url.clone();
    let login = shell.run(
        &[
            "config",
            "credentials",
            "--server",
            &url,
            "--realm",
            "master",
            "--user",
            "root",
        ],
        &[("KC_CLI_PASSWORD", "first-password")],
    );
    assert!(login.status.success(), "{}", stderr(&login));

    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let pem = rustls_pem(&key.to_pkcs8().unwrap());
    let file = data.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    let mut jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    jwk["kid"] = json!(key.public_jwk().unwrap().thumbprint().unwrap());
    let body = |id: &str, authenticator: &str| {
        json!({
            "clientId": id, "secret": "a-secret", "serviceAccountsEnabled": true, "clientAuthenticatorType": authenticator,
            "attributes": {"use.jwks.string": "true", "jwks.string": json!({"keys": [jwk]}).to_string()}
        })
        .to_string()
    };
    for (id, authenticator) in [("robot", "client-secret"), ("signer", "client-jwt")] {
        shell.out(&["create", "clients", "-b", &body(id, authenticator)]);
        shell.out(&[
            "add-roles",
            "--uusername",
            &format!("service-account-{id}"),
            "--rolename",
            "admin",
        ]);
    }
    let own = data.path().join("robot.config");
    let robot = Shell {
        server: &server,
        config: &own,
    };
    robot.out(&[
        "config",
        "credentials",
        "--server",
        &url,
        "--realm",
        "master",
        "--client",
        "robot",
        "--secret",
        "a-secret",
    ]);
    assert_eq!(
        robot.json(&["get", "realms/master", "--fields", "realm"]),
        json!({"realm": "master"})
    );
    robot.out(&[
        "config",
        "credentials",
        "--server",
        &url,
        "--realm",
        "master",
        "--client",
        "signer",
        "--key",
        file.to_str().unwrap(),
    ]);
    assert_eq!(
        robot.json(&["get", "realms/master", "--fields", "realm"]),
        json!({"realm": "master"})
    );
}

fn rustls_pem(der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

impl Shell<'_> {
    /// Runs it at a terminal, types `answer` when it asks `question`; what was on the screen.
    fn asked(&self, arguments: &[&str], question: &str, answer: &str) -> (bool, String) {
        let config = self.config.to_str().unwrap();
        let words = [&["admin"], arguments, &["--config", config]].concat();
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let line = format!("{} {}", env!("CARGO_BIN_EXE_realmkeep"), words.join(" "));
        let mut terminal = std::process::Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env_remove("KC_CLI_PASSWORD")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = terminal.stdin.take().unwrap();
        let mut output = terminal.stdout.take().unwrap();
        let mut screen = Vec::new();
        let mut typed = false;
        let mut some = [0; 512];
        loop {
            let count = output.read(&mut some).unwrap();
            if count == 0 {
                break;
            }
            screen.extend_from_slice(&some[..count]);
            if !typed && String::from_utf8_lossy(&screen).contains(question) {
                // It asks, and hides what is typed from just after that: nobody types that fast.
                std::thread::sleep(std::time::Duration::from_secs(1));
                writeln!(keyboard, "{answer}").unwrap();
                typed = true;
            }
        }
        let status = terminal.wait().unwrap();
        let screen = String::from_utf8_lossy(&screen).into_owned();
        assert!(typed, "it did not ask: {screen}");
        (status.success(), screen)
    }
}

/// What is secret is asked for where it is not given, or where `-` stands for it, and is not shown.
///
/// spec: CLI-01, CLI-08
#[test]
fn secrets_are_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let server = start(data.path());
    let config = data.path().join("admin.config");
    let shell = Shell {
        server: &server,
        config: &config,
    };
    let url = shell.server.url.clone();
    let login = [
        "config",
        "credentials",
        "--server",
        &url,
        "--realm",
        "master",
        "--user",
        "root",
    ];
    let (good, screen) = shell.asked(&login, "Enter password: ", "wrong");
    assert!(!good, "{screen}");
    assert!(!screen.contains("wrong\r\n"), "{screen}");
    let with_dash = [&login[..], &["--password", "-"]].concat();
    for login in [&login[..], &with_dash] {
        let (good, screen) = shell.asked(login, "Enter password: ", "first-password");
        assert!(good, "{screen}");
        assert!(!screen.contains("first-password"), "{screen}");
        shell.out(&["get", "realms/master", "--fields", "realm"]);
        std::fs::remove_file(&config).unwrap();
    }
    // Without a terminal it says what to do.
    assert!(shell.refused(&login).contains("give the value by option"));
}

/// A server whose certificate no usual authority has issued is trusted once its authority is.
///
/// spec: CLI-07
#[test]
fn an_authority_is_trusted_by_name() {
    let data = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let file = |name: &str, text: &str| {
        let path = data.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let chain = file("tls.crt", &made.cert.pem());
    let key = file("tls.key", &made.signing_key.serialize_pem());
    let server = Server::spawn(
        realmkeep()
            .args(serve_args(&data.path().join("data")))
            .args(["--https-certificate-file", &chain])
            .args(["--https-certificate-key-file", &key])
            .env("KC_BOOTSTRAP_ADMIN_USERNAME", "root")
            .env("KC_BOOTSTRAP_ADMIN_PASSWORD", "first-password"),
    );
    let config = data.path().join("admin.config");
    let shell = Shell {
        server: &server,
        config: &config,
    };
    let port = server.url.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let login = [
        "config",
        "credentials",
        "--server",
        &url,
        "--realm",
        "master",
        "--user",
        "root",
        "--password",
        "first-password",
    ];
    shell.refused(&login);
    let store = ["config", "truststore", "--trustpass", "unused", &chain];
    shell.out(&store);
    shell.out(&login);
    shell.out(&["get", "realms/master", "--fields", "realm"]);
    shell.out(&["config", "truststore", "--delete"]);
    shell.refused(&["get", "realms/master"]);
    // A key is no certificate, and a Java key store is not read.
    let store = file("truststore.jks", "\u{feed}");
    assert!(
        shell
            .refused(&["config", "truststore", &store])
            .contains("keytool -exportcert")
    );
}
