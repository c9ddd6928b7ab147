//! Configuration files for applications.

use serde_json::{Value, json};

use crate::support::{Caller, Server};

async fn client(admin: &Caller<'_>, given: Value) -> String {
    let id = admin.post("/r/clients", given).await.is(201).id();
    format!("/r/clients/{id}/installation/providers")
}

/// The three formats of OpenID Connect adapters, for each kind of client.
///
/// spec: ADP-01, ADP-02, ADP-03
#[tokio::test]
async fn adapters_get_their_configuration() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let url = format!("{}/", server.base);
    let conf = client(
        &admin,
        json!({"clientId": "c", "secret": "canary&\"secret"}),
    )
    .await;
    let json_of = async |path: &str| {
        let file = format!("{path}/keycloak-oidc-keycloak-json");
        let (kind, bytes) = admin.download(&file).await;
        assert_eq!(kind, "text/plain");
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let xml_of = async |path: &str| {
        let file = format!("{path}/keycloak-oidc-jboss-subsystem");
        admin.get(&file).await.is(200).text
    };
    let cli_of = async |path: &str| {
        let file = format!("{path}/keycloak-oidc-jboss-subsystem-cli");
        admin.get(&file).await.is(200).text
    };
    assert_eq!(
        json_of(&conf).await,
        json!({
            "realm": "r", "auth-server-url": url, "ssl-required": "external", "resource": "c",
            "credentials": {"secret": "canary&\"secret"}, "confidential-port": 0,
        })
    );
    let xml = xml_of(&conf).await;
    for line in [
        "<secure-deployment name=\"WAR MODULE NAME.war\">".to_owned(),
        "    <realm>r</realm>".to_owned(),
        format!("    <auth-server-url>{url}</auth-server-url>"),
        "    <ssl-required>EXTERNAL</ssl-required>".to_owned(),
        "    <resource>c</resource>".to_owned(),
        "    <credential name=\"secret\">canary&amp;&quot;secret</credential>".to_owned(),
        "</secure-deployment>".to_owned(),
    ] {
        assert!(xml.lines().any(|l| l == line), "{line} in {xml}");
    }
    let cli = cli_of(&conf).await;
    assert!(cli.contains("realm=\"r\", \\\n"), "{cli}");
    assert!(
        cli.contains("credential=secret:add(value=\"canary&\\\"secret\")"),
        "{cli}"
    );

    let public = client(&admin, json!({"clientId": "p", "publicClient": true})).await;
    let json = json_of(&public).await;
    assert_eq!(json["public-client"], true);
    assert!(json.get("credentials").is_none(), "{json}");
    assert!(
        xml_of(&public)
            .await
            .contains("<public-client>true</public-client>")
    );
    assert!(cli_of(&public).await.contains("public-client=true"));
    let bearer = client(&admin, json!({"clientId": "b", "bearerOnly": true})).await;
    let json = json_of(&bearer).await;
    assert_eq!(json["bearer-only"], true);
    assert!(json.get("credentials").is_none(), "{json}");

    let kind = "clientAuthenticatorType";
    let jwt = client(&admin, json!({"clientId": "j", kind: "client-jwt"})).await;
    let json = json_of(&jwt).await;
    assert_eq!(
        json["credentials"]["jwt"]["client-key-alias"], "j",
        "{json}"
    );
    assert!(
        xml_of(&jwt)
            .await
            .contains("        <token-timeout>10</token-timeout>")
    );
    let signed = json!({"clientId": "s", kind: "client-secret-jwt", "secret": "abc"});
    let signed = client(&admin, signed).await;
    let json = json_of(&signed).await;
    assert_eq!(
        json["credentials"],
        json!({"secret-jwt": {"secret": "abc"}})
    );
    assert!(
        cli_of(&signed)
            .await
            .contains("credential=secret-jwt:add(value={secret=abc})")
    );

    // A client with roles is one that tokens may be meant for.
    let role = conf.replace("installation/providers", "roles");
    admin.post(&role, json!({"name": "reader"})).await.is(201);
    assert_eq!(json_of(&conf).await["verify-token-audience"], true);
    assert!(
        xml_of(&conf)
            .await
            .contains("<use-resource-role-mappings>true")
    );
}

/// The formats that server info lists are those that exist, each for the clients of its protocol; who
/// may only look sees no secret, and who may not look sees nothing.
///
/// spec: ADP-02
#[tokio::test]
async fn every_listed_format_can_be_downloaded() {
    let server = Server::start_featured("docker").await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let secret = json!({"clientId": "c", "secret": "canary-secret"});
    let viewer = server
        .user_with("r", "viewer", "realm-management", &["view-clients"])
        .await;
    let nobody = server
        .user_with("r", "nobody", "realm-management", &["view-users"])
        .await;
    let of = |protocol: &str| match protocol {
        "openid-connect" => secret.clone(),
        other => json!({"clientId": other, "protocol": other}),
    };
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    let all = info["clientInstallations"].as_object().unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    for (protocol, formats) in all {
        let path = client(&admin, of(protocol)).await;
        for format in formats.as_array().unwrap() {
            let file = format!("{path}/{}", format["id"].as_str().unwrap());
            let answer = admin.get(&file).await.is(200);
            assert!(!answer.text.is_empty(), "{file}");
            assert!(!viewer.get(&file).await.is(200).text.contains("canary"));
            nobody.get(&file).await.is(403);
        }
        for other in all.keys().filter(|other| *other != protocol) {
            let id = &all[other][0]["id"];
            let file = format!("{path}/{}", id.as_str().unwrap());
            let answer = admin.get(&file).await.is(400);
            assert!(answer.text.contains(other.as_str()), "{}", answer.text);
        }
        admin.get(&format!("{path}/nope")).await.is(404);
    }
}

/// A registry's configuration names the realm's endpoint and issuer, the archive holds the certificate
/// of the key that signs.
///
/// spec: DOCK-02, DOCK-05
#[tokio::test]
async fn registries_get_their_configuration() {
    let server = Server::start_featured("docker").await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let docker = json!({"clientId": "registry", "protocol": "docker-v2"});
    let path = client(&admin, docker).await;
    let own = path.replace("/installation/providers", "");
    let mappers = &admin.get(&own).await.is(200).body["protocolMappers"];
    assert_eq!(mappers[0]["protocolMapper"], "docker-v2-allow-all-mapper");
    let issuer = format!("{}/realms/r", server.base);
    let file = format!("{path}/docker-v2-registry-config-file");
    assert_eq!(
        admin.get(&file).await.is(200).text,
        format!(
            "auth:\n  token:\n    realm: {issuer}/protocol/docker-v2/auth\n    service: registry\n    issuer: {issuer}\n"
        )
    );
    let file = format!("{path}/docker-v2-variable-override");
    let text = admin.get(&file).await.is(200).text;
    let line = format!("-e REGISTRY_AUTH_TOKEN_ISSUER={issuer} \\");
    assert!(text.lines().any(|l| l == line), "{text}");

    let file = format!("{path}/docker-v2-compose-yaml");
    let (kind, bytes) = admin.download(&file).await;
    assert_eq!(kind, "application/zip");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut read = |name: &str| {
        let file = archive.by_name(&format!("docker-compose-yaml/{name}"));
        std::io::read_to_string(file.unwrap()).unwrap()
    };
    let compose = read("docker-compose.yaml");
    assert!(compose.contains("REGISTRY_AUTH_TOKEN_SERVICE: registry"));
    assert!(compose.contains(&format!("REGISTRY_AUTH_TOKEN_ISSUER: {issuer}\n")));
    let pem = read("certs/realm.pem").replace('\n', "");
    let keys = admin.get("/r/keys").await.is(200).body;
    let signs = |key: &&Value| key["algorithm"] == "RS256" && key["status"] == "ACTIVE";
    let key = keys["keys"].as_array().unwrap().iter().find(signs).unwrap();
    assert!(pem.contains(key["certificate"].as_str().unwrap()), "{pem}");

    // Names that mean something to YAML or a shell stay names.
    let odd = json!({"clientId": "a: 'b' $(c)", "protocol": "docker-v2"});
    let path = client(&admin, odd).await;
    let file = format!("{path}/docker-v2-registry-config-file");
    let text = admin.get(&file).await.is(200).text;
    assert!(text.contains("service: \"a: 'b' $(c)\"\n"), "{text}");
    let file = format!("{path}/docker-v2-variable-override");
    let text = admin.get(&file).await.is(200).text;
    assert!(text.contains("SERVICE='a: '\\''b'\\'' $(c)' "), "{text}");
}

/// Without the feature no client of its protocol can be made.
///
/// spec: DOCK-01
#[tokio::test]
async fn docker_clients_need_the_feature() {
    let server = Server::start().await;
    let admin = server.admin().await;
    admin.new_realm("r").await;
    let docker = json!({"clientId": "registry", "protocol": "docker-v2"});
    let answer = admin.post("/r/clients", docker).await.is(400);
    assert_eq!(
        answer.body["error_description"],
        "Invalid protocol: docker-v2"
    );
    let other = admin
        .post("/r/clients", json!({"clientId": "c"}))
        .await
        .is(201)
        .id();
    let change = json!({"clientId": "c", "protocol": "docker-v2"});
    admin
        .put(&format!("/r/clients/{other}"), change)
        .await
        .is(400);
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    let docker = |info: &Value| {
        let features = info["features"].as_array().unwrap();
        let found = features.iter().find(|f| f["name"] == "DOCKER").unwrap();
        (found["type"].clone(), found["enabled"].clone())
    };
    assert_eq!(docker(&info), (json!("DISABLED_BY_DEFAULT"), json!(false)));
    let server = Server::start_featured("docker").await;
    let admin = server.admin().await;
    let info = admin.get("/admin/serverinfo").await.is(200).body;
    assert_eq!(docker(&info).1, json!(true));
}
