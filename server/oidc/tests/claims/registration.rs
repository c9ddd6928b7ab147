//! Clients that register themselves, and manage their registration.

use realmkeep_representations::ComponentRepresentation;
use realmkeep_store::initial_access::InitialAccess;
use realmkeep_store::{Batch, Store};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server};

const POLICY: &str = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";

fn url(server: &Server, path: &str) -> String {
    format!("{}/clients-registrations/{path}", server.issuer())
}

async fn send(
    server: &Server,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Value,
) -> Answer {
    let mut request = server.http.request(method.clone(), url(server, path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if method != Method::GET && method != Method::DELETE {
        request = request.json(&body);
    }
    Answer::read(request.send().await.unwrap()).await
}

/// An initial access token for `count` clients.
async fn initial(server: &Server, id: &str, count: i64, expires: i64) -> String {
    let realm = server.realm().await;
    let access = InitialAccess {
        id: id.to_owned(),
        created: server.services.clock.now(),
        expires,
        count,
        remaining: count,
        web_origins: Vec::new(),
    };
    let mut batch = Batch::new();
    batch.push(Store::insert_initial_access(&realm.id, &access).unwrap());
    server.services.store.commit(batch).await.unwrap();
    realmkeep_oidc::registration::initial_access_token(&server.services, &realm, &access)
        .await
        .unwrap()
}

async fn policy(server: &Server, auth: &str, provider: &str, config: Value) {
    let realm = server.realm().await;
    let component: ComponentRepresentation = serde_json::from_value(json!({
        "id": format!("0-{auth}-{provider}"), "name": format!("The {provider}"), "providerId": provider,
        "providerType": POLICY, "subType": auth, "parentId": realm.id, "config": config,
    }))
    .unwrap();
    let mut batch = Batch::new();
    batch.push(server.services.store.insert(&realm.id, &component).unwrap());
    server.services.store.commit(batch).await.unwrap();
}

fn metadata() -> Value {
    json!({
        "client_name": "Self <made>", "redirect_uris": ["https://self.test/cb"],
        "grant_types": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "ES256", "post_logout_redirect_uris": ["https://self.test/bye"],
        "backchannel_logout_uri": "https://self.test/out", "backchannel_logout_session_required": true,
        "subject_type": "pairwise", "default_max_age": 60,
    })
}

/// Registered, read, changed and deleted with the token that comes with the client, which is another
/// one after each change.
#[tokio::test]
async fn a_client_lives_by_its_own_token() {
    let server = Server::start().await;
    let token = initial(&server, "ia-1", 1, 0).await;
    let made = send(
        &server,
        Method::POST,
        "openid-connect",
        Some(&token),
        metadata(),
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.text("client_id").to_owned();
    let own = made.text("registration_access_token").to_owned();
    assert_eq!(
        made.text("registration_client_uri"),
        url(&server, &format!("openid-connect/{id}"))
    );
    assert_eq!(
        made.headers["location"],
        made.text("registration_client_uri")
    );
    assert_eq!(made.headers["cache-control"], "no-store");
    assert_eq!(made.body["client_secret_expires_at"], 0);
    for (name, value) in metadata().as_object().unwrap() {
        if name != "response_types" {
            assert_eq!(made.body[name], *value, "{name}");
        }
    }
    // It works at once.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id.as_str()),
        ("client_secret", made.text("client_secret")),
    ];
    server.token(&form).await.granted();
    // The initial access token was for one client.
    let again = send(
        &server,
        Method::POST,
        "openid-connect",
        Some(&token),
        metadata(),
    )
    .await;
    assert_eq!(again.status, 401);
    assert_eq!(again.body["error"], "invalid_token");
    assert!(
        again.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer")
    );

    let place = format!("openid-connect/{id}");
    let read = send(&server, Method::GET, &place, Some(&own), Value::Null).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.body["client_name"], "Self <made>");
    let mut changed = metadata();
    changed["client_id"] = json!(id);
    changed["client_name"] = json!("New");
    changed["redirect_uris"] = json!(["https://self.test/new"]);
    changed.as_object_mut().unwrap().remove("subject_type");
    let put = send(&server, Method::PUT, &place, Some(&own), changed.clone()).await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(put.body["client_name"], "New");
    assert_eq!(put.body["redirect_uris"], json!(["https://self.test/new"]));
    assert_eq!(put.body["subject_type"], "public");
    assert_eq!(put.body["client_secret"], made.body["client_secret"]);
    let next = put.text("registration_access_token").to_owned();
    // The old token is good for nothing, and another client's never was.
    assert_eq!(
        send(&server, Method::GET, &place, Some(&own), Value::Null)
            .await
            .status,
        401
    );
    assert_eq!(
        send(&server, Method::PUT, &place, Some(&own), changed.clone())
            .await
            .status,
        401
    );
    assert_eq!(
        send(
            &server,
            Method::GET,
            "openid-connect/account",
            Some(&next),
            Value::Null
        )
        .await
        .status,
        401
    );
    assert_eq!(
        send(
            &server,
            Method::GET,
            "openid-connect/nobody",
            Some(&next),
            Value::Null
        )
        .await
        .status,
        401
    );
    changed["client_id"] = json!("account");
    let moved = send(&server, Method::PUT, &place, Some(&next), changed).await;
    moved.refused(
        400,
        "invalid_client_metadata",
        &format!("client_id: it has to be {id}, and cannot be changed"),
    );

    assert_eq!(
        send(&server, Method::DELETE, &place, Some(&next), Value::Null)
            .await
            .status,
        204
    );
    assert_eq!(
        send(&server, Method::GET, &place, Some(&next), Value::Null)
            .await
            .status,
        401
    );
    assert_eq!(server.token(&form).await.status, 401);
}

/// Of many who use the last of a token's clients at once, one gets it.
#[tokio::test]
async fn an_initial_access_token_counts_and_expires() {
    let server = Server::start().await;
    let token = initial(&server, "ia-2", 2, 0).await;
    let attempts = (0..6).map(|_| {
        send(
            &server,
            Method::POST,
            "openid-connect",
            Some(&token),
            metadata(),
        )
    });
    let mut made = 0;
    let mut running = Vec::new();
    for attempt in attempts {
        running.push(attempt);
    }
    for answer in futures_all(running).await {
        match answer.status.as_u16() {
            201 => made += 1,
            401 => {}
            other => panic!("{other} {answer:?}"),
        }
    }
    assert_eq!(made, 2);
    let old = initial(&server, "ia-3", 9, server.services.clock.now() - 1).await;
    assert_eq!(
        send(
            &server,
            Method::POST,
            "openid-connect",
            Some(&old),
            metadata()
        )
        .await
        .status,
        401
    );
    // Tokens of other kinds open nothing.
    server
        .add_client(
            json!({"clientId": "conf", "secret": "s3cret", "directAccessGrantsEnabled": true}),
        )
        .await;
    server.add_user("alice", "pw", json!({})).await;
    let tokens = crate::login(&server, "conf", "openid").await;
    for kind in ["id_token", "refresh_token"] {
        let refused = send(
            &server,
            Method::POST,
            "openid-connect",
            Some(tokens.text(kind)),
            metadata(),
        )
        .await;
        assert_eq!(refused.status, 401, "{kind}");
    }
    // An access token without the role is no permission, and an initial token no access token.
    let refused = send(
        &server,
        Method::POST,
        "openid-connect",
        Some(tokens.text("access_token")),
        metadata(),
    )
    .await;
    assert_eq!(refused.status, 403);
    let more = initial(&server, "ia-4", 9, 0).await;
    assert_eq!(server.get_with("userinfo", &more).await.status, 401);
}

async fn futures_all<F: Future<Output = Answer>>(all: Vec<F>) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut pending: Vec<_> = all.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        pending.retain_mut(|one| match one.as_mut().poll(cx) {
            std::task::Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    answers
}

/// Each policy refuses what it is for, and changes what it is to change.
#[tokio::test]
async fn policies_bind_those_without_a_token() {
    let server = Server::start().await;
    let anonymous =
        async |body: Value| send(&server, Method::POST, "openid-connect", None, body).await;
    // Without a policy nobody may.
    assert_eq!(anonymous(metadata()).await.status, 403);
    policy(&server, "anonymous", "consent-required", json!({})).await;
    policy(&server, "anonymous", "scope", json!({})).await;
    policy(
        &server,
        "anonymous",
        "allowed-protocol-mappers",
        json!({"allowed-protocol-mapper-types": ["oidc-full-name-mapper"]}),
    )
    .await;
    let mut plain = metadata();
    plain.as_object_mut().unwrap().remove("subject_type");
    let made = anonymous(plain.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let realm = server.realm().await;
    let client = server
        .services
        .store
        .client(&realm, made.text("client_id"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.representation.consent_required, Some(true));
    assert_eq!(client.representation.full_scope_allowed, Some(false));
    let refused = anonymous(metadata()).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["error"], "insufficient_scope");
    assert!(
        refused
            .text("error_description")
            .contains("'The allowed-protocol-mappers'"),
        "{refused:?}"
    );
    // What it was registered under binds it later.
    let id = made.text("client_id");
    let own = made.text("registration_access_token");
    let mut changed = serde_json::to_value(&client.representation).unwrap();
    changed["consentRequired"] = json!(false);
    let refused = send(
        &server,
        Method::PUT,
        &format!("default/{id}"),
        Some(own),
        changed.clone(),
    )
    .await;
    assert_eq!(refused.status, 403);
    changed["consentRequired"] = json!(true);
    changed["fullScopeAllowed"] = json!(true);
    let refused = send(
        &server,
        Method::PUT,
        &format!("default/{id}"),
        Some(own),
        changed,
    )
    .await;
    assert_eq!(refused.status, 403);

    policy(
        &server,
        "anonymous",
        "allowed-client-templates",
        json!({"allow-default-scopes": ["false"], "allowed-client-scopes": ["profile"]}),
    )
    .await;
    assert_eq!(anonymous(plain.clone()).await.status, 403);
    drop(server);

    let server = Server::start().await;
    let anonymous =
        async |body: Value| send(&server, Method::POST, "openid-connect", None, body).await;
    let hosts = json!({
        "trusted-hosts": ["127.0.0.1", "*.self.test"],
        "host-sending-registration-request-must-match": ["true"], "client-uris-must-match": ["true"],
    });
    policy(&server, "anonymous", "trusted-hosts", hosts).await;
    let mut body = metadata();
    body["redirect_uris"] = json!(["https://app.self.test/cb"]);
    body["backchannel_logout_uri"] = json!("https://app.self.test/out");
    body["post_logout_redirect_uris"] = json!([]);
    assert_eq!(anonymous(body.clone()).await.status, 201);
    body["redirect_uris"] = json!(["https://evil.test/cb"]);
    assert_eq!(anonymous(body.clone()).await.status, 403);
    body["redirect_uris"] = json!(["https://app.self.test/cb"]);
    body["backchannel_logout_uri"] = json!("https://169.254.169.254/out");
    assert_eq!(anonymous(body.clone()).await.status, 403);
    // Policies for those with a token are others.
    let token = initial(&server, "ia-5", 5, 0).await;
    assert_eq!(
        send(&server, Method::POST, "openid-connect", Some(&token), body)
            .await
            .status,
        201
    );
    policy(
        &server,
        "authenticated",
        "max-clients",
        json!({"max-clients": ["3"]}),
    )
    .await;
    let full = send(
        &server,
        Method::POST,
        "openid-connect",
        Some(&token),
        metadata(),
    )
    .await;
    assert_eq!(full.status, 403);
    drop(server);

    let server = Server::start().await;
    policy(
        &server,
        "anonymous",
        "trusted-hosts",
        json!({"trusted-hosts": ["192.0.2.1"]}),
    )
    .await;
    assert_eq!(
        send(&server, Method::POST, "openid-connect", None, metadata())
            .await
            .status,
        403
    );
}

/// Metadata that makes no client is refused by name, and nothing is written.
#[tokio::test]
async fn bad_metadata_is_refused() {
    let server = Server::start().await;
    policy(&server, "anonymous", "consent-required", json!({})).await;
    let realm = server.realm().await;
    let count = async || {
        let store = &server.services.store;
        store
            .count::<realmkeep_representations::ClientRepresentation>(&realm.id)
            .await
            .unwrap()
    };
    let before = count().await;
    let with = |name: &str, value: Value| {
        let mut body = metadata();
        body[name] = value;
        body
    };
    let cases = [
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (
            with("redirect_uris", json!(["javascript:alert(1)"])),
            "invalid_redirect_uri",
        ),
        (
            with("redirect_uris", json!(["https://a.test/#f"])),
            "invalid_redirect_uri",
        ),
        (
            with("redirect_uris", json!(["https://a.test/*"])),
            "invalid_redirect_uri",
        ),
        (
            with("redirect_uris", json!(["/relative"])),
            "invalid_redirect_uri",
        ),
        (
            with("redirect_uris", json!("https://a.test")),
            "invalid_client_metadata",
        ),
        (
            with("post_logout_redirect_uris", json!(["javascript:alert(1)"])),
            "invalid_client_metadata",
        ),
        (
            with("backchannel_token_delivery_mode", json!("push")),
            "invalid_client_metadata",
        ),
        (
            with("redirect_uris", json!(vec!["https://a.test/"; 101])),
            "invalid_client_metadata",
        ),
        (
            with("client_name", json!("n".repeat(5_000))),
            "invalid_client_metadata",
        ),
        (
            with("client_name", json!({"a": 1})),
            "invalid_client_metadata",
        ),
        (
            with("grant_types", json!(["magic"])),
            "invalid_client_metadata",
        ),
        (
            with("grant_types", json!(["client_credentials"])),
            "invalid_client_metadata",
        ),
        (
            with("response_types", json!(["code magic"])),
            "invalid_client_metadata",
        ),
        (
            with("response_types", json!(["id_token"])),
            "invalid_client_metadata",
        ),
        (
            with("token_endpoint_auth_method", json!("magic")),
            "invalid_client_metadata",
        ),
        (
            with("subject_type", json!("magic")),
            "invalid_client_metadata",
        ),
        (with("jwks", json!("keys")), "invalid_client_metadata"),
        (
            with("default_max_age", json!(-1)),
            "invalid_client_metadata",
        ),
        (
            with("logo_uri", json!("javascript:alert(1)")),
            "invalid_client_metadata",
        ),
        (
            with("scope", json!("nothing-here")),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ];
    for (body, error) in cases {
        let refused = send(&server, Method::POST, "openid-connect", None, body.clone()).await;
        assert_eq!(refused.status, 400, "{body} {refused:?}");
        assert_eq!(refused.body["error"], error, "{body}");
    }
    assert_eq!(count().await, before);
}

/// The server's own representation: what only an administrator may say is left out; a taken clientId
/// is refused; and the adapter's configuration is for the client itself.
///
/// spec: CS-24
#[tokio::test]
async fn own_representations_are_registered_too() {
    let server = Server::start().await;
    let token = initial(&server, "ia-6", 5, 0).await;
    let body = json!({
        "clientId": "mine", "redirectUris": ["https://mine.test/*"], "id": "chosen",
        "attributes": {"jwt.credential.issuer": "cluster", "jwt.credential.sub": "x", "logoUri": "https://mine.test/l"},
    });
    let made = send(&server, Method::POST, "default", Some(&token), body.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["clientId"], "mine");
    assert_ne!(made.body["id"], "chosen");
    assert!(made.body["attributes"].get("jwt.credential.sub").is_none());
    assert_eq!(made.body["attributes"]["logoUri"], "https://mine.test/l");
    let own = made.text("registrationAccessToken").to_owned();
    // The realm's scopes for new clients are linked, and can be unlinked.
    let settings = server.realm().await.settings.clone();
    let of_realm = |names: Option<Vec<String>>| {
        let mut names = names.unwrap();
        names.retain(|name| {
            !matches!(
                name.as_str(),
                "role_list" | "saml_organization" | "AuthnContextClassRef"
            )
        });
        names
    };
    let linked = of_realm(settings.default_default_client_scopes.clone());
    assert_eq!(made.body["defaultClientScopes"], json!(linked));
    assert_eq!(
        made.body["optionalClientScopes"],
        json!(of_realm(settings.default_optional_client_scopes.clone()))
    );
    let mut fewer = made.body.clone();
    fewer["defaultClientScopes"] = json!(["basic"]);
    let put = send(&server, Method::PUT, "default/mine", Some(&own), fewer).await;
    assert_eq!(put.status, 200, "{put:?}");
    assert_eq!(put.body["defaultClientScopes"], json!(["basic"]));
    let own = put.text("registrationAccessToken").to_owned();
    let again = send(&server, Method::POST, "default", Some(&token), body).await;
    again.refused(400, "invalid_client_metadata", "Client Identifier in use");

    let config = send(
        &server,
        Method::GET,
        "install/mine",
        Some(&own),
        Value::Null,
    )
    .await;
    assert_eq!(config.status, 200);
    assert_eq!(config.body["resource"], "mine");
    assert_eq!(config.body["credentials"]["secret"], made.body["secret"]);
    let basic = server
        .http
        .get(url(&server, "install/mine"))
        .basic_auth("mine", made.body["secret"].as_str())
        .send()
        .await
        .unwrap();
    assert_eq!(basic.status(), 200);
    let nobody = send(&server, Method::GET, "install/mine", None, Value::Null).await;
    assert_eq!(nobody.status, 401);

    // Nodes of the client's cluster.
    let nodes = format!("{}/clients-managements", server.issuer());
    let form = |host: &str| {
        vec![
            ("client_id".to_owned(), "mine".to_owned()),
            (
                "client_secret".to_owned(),
                made.body["secret"].as_str().unwrap().to_owned(),
            ),
            ("client_cluster_host".to_owned(), host.to_owned()),
        ]
    };
    let post = async |path: &str, host: &str| {
        let request = server
            .http
            .post(format!("{nodes}/{path}"))
            .form(&form(host));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("register-node", "node-1").await, 204);
    let realm = server.realm().await;
    let client = server
        .services
        .store
        .client(&realm, "mine")
        .await
        .unwrap()
        .unwrap();
    assert!(
        client
            .representation
            .registered_nodes
            .as_ref()
            .unwrap()
            .contains_key("node-1")
    );
    assert_eq!(post("register-node", "").await, 400);
    assert_eq!(post("unregister-node", "node-2").await, 400);
    assert_eq!(post("unregister-node", "node-1").await, 204);
}

/// A client that updates its registration shortly before its secret ends gets the next one with it; the
/// old one is good for a while. It cannot change the rules itself.
///
/// spec: ROT-05, ROT-09
#[tokio::test]
async fn a_secret_rotates_with_an_update_near_its_end() {
    let server = Server::start().await;
    let token = initial(&server, "ia-rot", 1, 0).await;
    let body = json!({
        "clientId": "mine", "redirectUris": ["https://mine.test/cb"], "serviceAccountsEnabled": true,
        "attributes": {"client.secret.rotation.expiration-period": "9999999"},
    });
    let made = send(&server, Method::POST, "default", Some(&token), body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.body.to_string().contains("9999999"));
    let first = made.text("secret").to_owned();
    // As an administrator sets it.
    let end = server.services.clock.now() + 1_000;
    server
        .change_client("mine", |client| {
            let attributes = client.attributes.get_or_insert_default();
            for (name, value) in [
                ("rotation.expiration-period", "1000"),
                ("rotation.rotated-expiration-period", "200"),
                ("rotation.remaining-rotation-period", "300"),
                ("expiration.time", end.to_string().as_str()),
            ] {
                attributes.insert(format!("client.secret.{name}"), value.to_owned());
            }
        })
        .await;
    let mut own = made.text("registrationAccessToken").to_owned();
    let mut update = async || {
        let body = json!({
            "client_id": "mine", "redirect_uris": ["https://mine.test/cb"],
            "grant_types": ["client_credentials"],
        });
        let path = "openid-connect/mine";
        let answer = send(&server, Method::PUT, path, Some(&own), body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        own = answer.text("registration_access_token").to_owned();
        (
            answer.text("client_secret").to_owned(),
            answer.body["client_secret_expires_at"].as_i64().unwrap(),
        )
    };
    let works = async |secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "mine"),
            ("client_secret", secret),
        ];
        server.token(&form).await.status == 200
    };
    server.services.clock.advance(600);
    assert_eq!(update().await, (first.clone(), end));
    server.services.clock.advance(200);
    let (second, next_end) = update().await;
    assert_ne!(second, first);
    assert!(next_end > end);
    assert!(works(&first).await && works(&second).await);
    server.services.clock.advance(201);
    assert!(!works(&first).await && works(&second).await);
}

/// The redirect URIs of a client that knows its users by pseudonyms are those of its sector: listed at
/// the sector identifier URI, or all of one host (OpenID Connect Registration section 5).
#[tokio::test]
async fn sectors_are_checked() {
    let server = Server::start().await;
    let token = initial(&server, "ia-1", 20, 0).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let list = json!([
        "https://a.test/cb",
        "https://b.test/cb",
        "https://c.test/cb"
    ]);
    let app = axum::Router::new()
        .route("/list", axum::routing::get(async move || axum::Json(list)))
        .route("/text", axum::routing::get(async || "no list"));
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let register = async |uris: Value, sector: Option<&str>| {
        let mut given = metadata();
        given["redirect_uris"] = uris;
        if let Some(path) = sector {
            given["sector_identifier_uri"] = json!(format!("{base}{path}"));
        }
        send(&server, Method::POST, "openid-connect", Some(&token), given).await
    };
    let two = json!(["https://a.test/cb", "https://b.test/cb"]);
    let made = register(two.clone(), Some("/list")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(
        made.body["sector_identifier_uri"],
        json!(format!("{base}/list"))
    );
    let other = json!(["https://a.test/cb", "https://evil.test/cb"]);
    for (uris, sector) in [
        (two.clone(), None),
        (other, Some("/list")),
        (two.clone(), Some("/text")),
        (two.clone(), Some("/nothing")),
    ] {
        let refused = register(uris.clone(), sector).await;
        assert_eq!(refused.status, 400, "{uris} {sector:?} {refused:?}");
        assert_eq!(refused.body["error"], "invalid_client_metadata");
    }
    // A change is checked as well.
    let id = made.text("client_id");
    let own = made.text("registration_access_token").to_owned();
    let mut changed = made.body.clone();
    changed["redirect_uris"] = json!(["https://evil.test/cb"]);
    let path = format!("openid-connect/{id}");
    let refused = send(&server, Method::PUT, &path, Some(&own), changed.clone()).await;
    assert_eq!(
        refused.body["error"], "invalid_client_metadata",
        "{refused:?}"
    );
    changed["redirect_uris"] = json!(["https://c.test/cb"]);
    let put = send(&server, Method::PUT, &path, Some(&own), changed).await;
    assert_eq!(put.status, 200, "{put:?}");
    task.abort();
}
