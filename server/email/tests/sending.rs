//! Mails to a real SMTP server on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use realmkeep_email::testing::SmtpServer;
use realmkeep_email::{EmailError, Mailer, Message, SmtpSettings};
use realmkeep_workload_identity::{OutboundConfig, OutboundHttp};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

fn mailer(origins: Vec<String>, authorities: &[Vec<u8>]) -> Mailer {
    let config = OutboundConfig {
        http_origins: origins,
        allow_private_addresses: true,
        ..OutboundConfig::default()
    };
    Mailer::new(OutboundHttp::new(&config).unwrap(), authorities).unwrap()
}

fn message() -> Message {
    Message {
        to: "alice@example.test".to_owned(),
        subject: "Grüße".to_owned(),
        text: "Hällo\n.dot\nhttps://example.test/x?a=b\n".to_owned(),
        html: "<p>Hällo</p>".to_owned(),
    }
}

fn settings(server: &SmtpServer, more: &[(&str, &str)]) -> SmtpSettings {
    let mut all: BTreeMap<String, String> = server.settings();
    for (name, value) in more {
        all.insert((*name).to_owned(), (*value).to_owned());
    }
    SmtpSettings::read(&all).unwrap()
}

/// spec: EMAIL-03, EMAIL-04, EMAIL-05, EMAIL-06, EMAIL-07
#[tokio::test]
async fn a_mail_has_the_realm_s_headers() {
    let server = SmtpServer::start().await.unwrap();
    let mailer = mailer(vec![], &[]);
    mailer
        .send(&settings(&server, &[]), &message())
        .await
        .unwrap();
    let plain = server.next().await.unwrap();
    assert_eq!(plain.from, "realm@example.test");
    assert_eq!(plain.to, ["alice@example.test"]);
    assert_eq!(plain.header("From").unwrap(), "realm@example.test");
    assert_eq!(plain.header("Reply-To"), None);
    assert_eq!(plain.auth, None);
    assert!(plain.text().starts_with("Hällo\n.dot\n"), "{}", plain.data);
    assert!(plain.html().contains("<p>Hällo</p>"));
    assert_eq!(plain.link("example").unwrap(), "https://example.test/x?a=b");
    assert!(plain.header("Message-ID").is_some() && plain.header("Date").is_some());

    let full = settings(
        &server,
        &[
            ("fromDisplayName", "The realm"),
            ("replyTo", "help@example.test"),
            ("replyToDisplayName", "Help"),
            ("envelopeFrom", "bounces@example.test"),
        ],
    );
    mailer.send(&full, &message()).await.unwrap();
    let mail = server.next().await.unwrap();
    assert_eq!(mail.from, "bounces@example.test");
    assert_eq!(
        mail.header("From").unwrap(),
        "\"The realm\" <realm@example.test>"
    );
    assert_eq!(mail.header("Reply-To").unwrap(), "Help <help@example.test>");
}

/// spec: EMAIL-11
#[tokio::test]
async fn a_password_is_sent_only_where_asked_for() {
    let server = SmtpServer::start().await.unwrap();
    let mailer = mailer(vec![], &[]);
    let with = |password| {
        settings(
            &server,
            &[("auth", "true"), ("user", "u"), ("password", password)],
        )
    };
    mailer.send(&with("secret"), &message()).await.unwrap();
    // RFC 4616: NUL, user, NUL, password.
    assert_eq!(
        server.next().await.unwrap().auth.unwrap(),
        "PLAIN AHUAc2VjcmV0"
    );
    let off = settings(
        &server,
        &[("auth", "false"), ("user", "u"), ("password", "secret")],
    );
    mailer.send(&off, &message()).await.unwrap();
    assert_eq!(server.next().await.unwrap().auth, None);
    // Three bytes before it, so that Base64 keeps the word in one piece.
    let error = settings(
        &server,
        &[("auth", "true"), ("user", "x"), ("password", "wrong")],
    );
    let refused = mailer.send(&error, &message()).await.unwrap_err();
    assert!(matches!(refused, EmailError::Smtp { .. }), "{refused}");
    assert!(!refused.to_string().contains("d3Jvbmc"), "{refused}");
}

#[tokio::test]
async fn a_token_is_got_and_sent() {
    let tokens = axum::Router::new().route(
        "/token",
        axum::routing::post(|body: String| async move {
            assert!(body.contains("grant_type=client_credentials") && body.contains("scope=mail"));
            axum::Json(serde_json::json!({"access_token": "the-token", "token_type": "Bearer"}))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move { axum::serve(listener, tokens).await.unwrap() });
    let server = SmtpServer::start().await.unwrap();
    let settings = settings(
        &server,
        &[
            ("auth", "true"),
            ("authType", "token"),
            ("user", "u"),
            ("authTokenUrl", &format!("{origin}/token")),
            ("authTokenScope", "mail"),
            ("authTokenClientId", "c"),
            ("authTokenClientSecret", "s"),
        ],
    );
    mailer(vec![origin], &[])
        .send(&settings, &message())
        .await
        .unwrap();
    let auth = server.next().await.unwrap().auth.unwrap();
    // user=u^Aauth=Bearer the-token^A^A
    assert_eq!(auth, "XOAUTH2 dXNlcj11AWF1dGg9QmVhcmVyIHRoZS10b2tlbgEB");
    task.abort();
}

fn tls() -> (TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key)
    .unwrap();
    (
        TlsAcceptor::from(Arc::new(config)),
        made.cert.pem().into_bytes(),
    )
}

/// spec: EMAIL-10
#[tokio::test]
async fn encryption_is_used_or_nothing_is_sent() {
    for (wrapped, flag) in [(true, "ssl"), (false, "starttls")] {
        let (acceptor, pem) = tls();
        let server = SmtpServer::start_tls(acceptor, wrapped).await.unwrap();
        let settings = settings(&server, &[(flag, "true")]);
        mailer(vec![], &[pem])
            .send(&settings, &message())
            .await
            .unwrap();
        assert!(server.next().await.unwrap().encrypted, "{flag}");
        // A certificate that nobody vouches for.
        let error = mailer(vec![], &[])
            .send(&settings, &message())
            .await
            .unwrap_err();
        assert!(matches!(error, EmailError::Smtp { .. }), "{error}");
    }
    // A server that does not offer STARTTLS gets nothing in the clear.
    let server = SmtpServer::start().await.unwrap();
    let settings = settings(&server, &[("starttls", "true")]);
    assert!(
        mailer(vec![], &[])
            .send(&settings, &message())
            .await
            .is_err()
    );
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn what_is_not_taken_is_told() {
    let server = SmtpServer::start().await.unwrap();
    let mailer = mailer(vec![], &[]);
    let mut nobody = message();
    nobody.to = "nobody@example.test".to_owned();
    let error = mailer
        .send(&settings(&server, &[]), &nobody)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no such mailbox"), "{error}");
    let mut injected = message();
    injected.to = "a@b.test\r\nBcc: c@d.test".to_owned();
    let error = mailer
        .send(&settings(&server, &[]), &injected)
        .await
        .unwrap_err();
    assert!(matches!(error, EmailError::Address(_)));
    let mut subject = message();
    subject.subject = "x\r\nBcc: c@d.test".to_owned();
    mailer
        .send(&settings(&server, &[]), &subject)
        .await
        .unwrap();
    assert_eq!(server.next().await.unwrap().header("Bcc"), None);
    mailer.post(settings(&server, &[]), message()).unwrap();
    assert!(server.next().await.is_some());
}
