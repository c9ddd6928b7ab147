//! Certificates of clients (RFC 8705).

use realmkeep_jose::{base64url, sha256};
use serde_json::json;

use crate::support::{Answer, Server, claims};
use crate::{CONF, form, get_with, next, post_with, server};

const HEADER: &str = crate::support::CERTIFICATE;

/// A certificate of its own, base64, as the listener would have found it.
fn certificate(parts: &[(rcgen::DnType, &str)]) -> (String, String) {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in parts {
        params.distinguished_name.push(kind.clone(), *value);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    let der: &[u8] = made.der();
    (base64url(der), base64url(sha256(der)))
}

fn example(name: &str) -> (String, String) {
    certificate(&[
        (rcgen::DnType::CountryName, "DE"),
        (rcgen::DnType::OrganizationName, "Example, Inc."),
        (rcgen::DnType::CommonName, name),
    ])
}

async fn token(server: &Server, own: &[(&str, &str)], certificate: Option<&str>) -> Answer {
    let headers: Vec<(&str, &str)> = certificate.map(|c| (HEADER, c)).into_iter().collect();
    post_with(server, "token", own, &headers).await
}

/// Tokens of such a client are bound to the certificate, which has to be there at every use.
///
/// spec: OCA-10, OCA-11, OCA-12
#[tokio::test]
async fn tokens_are_bound_to_the_certificate() {
    let server = server().await;
    server
        .change_client("conf", |client| {
            client.attributes.as_mut().unwrap().insert(
                "tls.client.certificate.bound.access.tokens".to_owned(),
                "true".to_owned(),
            );
        })
        .await;
    let (own, thumbprint) = example("client");
    let (other, _) = example("client");
    let login = form(&[
        &[
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "pw"),
            ("scope", "openid"),
        ],
        &CONF,
    ]);
    token(&server, &login, None).await.refused(
        400,
        "invalid_request",
        "The client's tokens are bound to its certificate, and none was presented",
    );
    let answer = token(&server, &login, Some(&own)).await;
    assert_eq!(answer.granted()["token_type"], "Bearer");
    let access = answer.text("access_token").to_owned();
    let bound = json!({"x5t#S256": thumbprint});
    assert_eq!(claims(&access)["cnf"], bound);
    assert_eq!(claims(&next(&answer))["cnf"], bound);

    let bearer = format!("Bearer {access}");
    for (certificate, status) in [(None, 401), (Some(&other), 401), (Some(&own), 200)] {
        let mut headers = vec![("Authorization", bearer.as_str())];
        headers.extend(certificate.map(|c| (HEADER, c.as_str())));
        let seen = get_with(&server, "userinfo", &headers).await;
        assert_eq!(seen.status, status, "{certificate:?}");
    }
    let refresh = next(&answer);
    let again = form(&[
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.as_str()),
        ],
        &CONF,
    ]);
    token(&server, &again, Some(&other)).await.refused(
        400,
        "invalid_grant",
        "Token binding verification failed",
    );
    let answer = token(&server, &again, Some(&own)).await;
    let last = next(&answer);
    let gone = form(&[&[("refresh_token", last.as_str())], &CONF]);
    let headers = [(HEADER, other.as_str())];
    let refused = post_with(&server, "logout", &gone, &headers).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let headers = [(HEADER, own.as_str())];
    let answer = post_with(&server, "logout", &gone, &headers).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// A client that authenticates by its certificate's subject.
///
/// spec: CCRED-09, CCRED-10, CCRED-11
#[tokio::test]
async fn a_certificate_is_a_credential() {
    let server = server().await;
    let attributes = |subject: &str, pattern: &str| json!({"x509.subjectdn": subject, "x509.allow.regex.pattern.comparison": pattern});
    for (client_id, attributes) in [
        ("any", attributes("(.*?)(?:$)", "true")),
        ("pattern", attributes("CN=[a-z]+-\\d+, .*", "true")),
        (
            "exact",
            attributes("CN=app-1,O=Example\\, Inc.,C=DE", "false"),
        ),
        ("empty", json!({})),
        ("broken", attributes("(", "true")),
    ] {
        server
            .add_client(json!({
                "clientId": client_id, "clientAuthenticatorType": "client-x509",
                "serviceAccountsEnabled": true, "secret": "s3cret", "attributes": attributes,
            }))
            .await;
    }
    let (first, _) = example("app-1");
    let (second, _) = example("app-2");
    let (third, _) = example("other");
    let (short, _) = certificate(&[(rcgen::DnType::CommonName, "app-1")]);
    for (client_id, certificate, good) in [
        ("any", &first, true),
        ("any", &third, true),
        ("pattern", &first, true),
        ("pattern", &second, true),
        ("pattern", &third, false),
        ("pattern", &short, false),
        ("exact", &first, true),
        ("exact", &second, false),
        ("exact", &short, false),
        ("empty", &first, false),
        ("broken", &first, false),
    ] {
        let own = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
        ];
        let answer = token(&server, &own, Some(certificate)).await;
        if good {
            answer.granted();
        } else {
            answer.refused(
                401,
                "unauthorized_client",
                "Invalid client or Invalid client credentials",
            );
        }
        // Not without, and not by a secret.
        let none = token(&server, &own, None).await;
        assert_eq!(none.status, 401, "{client_id}");
        let secret = form(&[&own, &[("client_secret", "s3cret")]]);
        assert_eq!(token(&server, &secret, None).await.status, 401);
    }
    // Expired, and no certificate at all.
    let own = [("grant_type", "client_credentials"), ("client_id", "any")];
    assert_eq!(token(&server, &own, Some("AAAA")).await.status, 401);
    server.services.clock.advance(3_000 * 366 * 86_400);
    assert_eq!(token(&server, &own, Some(&first)).await.status, 401);
}
