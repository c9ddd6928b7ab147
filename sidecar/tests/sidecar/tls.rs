//! TLS on our own listener, client certificates, and tokens that are bound to them (RFC 8705).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use realmkeep_token_verifier::certificate_thumbprint;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{AUDIENCE, Issuer, Sidecar, block_on, echo, http2_over, until};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn issue(&self, name: SanType) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), key)
    }

    fn server(&self, directory: &Path) {
        let (certificate, key) = self.issue(SanType::DnsName("orders.example".try_into().unwrap()));
        std::fs::write(directory.join("tls.crt"), pem(&certificate)).unwrap();
        std::fs::write(directory.join("tls.key"), key.serialize_pem()).unwrap();
    }
}

fn pem(der: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in base64(der).as_bytes().chunks(64) {
        writeln!(text, "{}", std::str::from_utf8(line).unwrap()).unwrap();
    }
    text + "-----END CERTIFICATE-----\n"
}

fn base64(bytes: &[u8]) -> String {
    // The URL-safe alphabet is the one at hand.
    let mut text = realmkeep_jose::base64url(bytes)
        .replace('-', "+")
        .replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

async fn connect(
    address: SocketAddr,
    authority: &Authority,
    own: Option<(&CertificateDer<'static>, &KeyPair)>,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![certificate.clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap(),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("orders.example").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

/// The status, and what the application saw.
async fn ask(
    address: SocketAddr,
    authority: &Authority,
    own: Option<(&CertificateDer<'static>, &KeyPair)>,
    path: &str,
    token: &str,
) -> (u16, Value) {
    let stream = connect(address, authority, own).await.unwrap();
    let mut connection = http2_over(stream).await;
    let request = Request::get(format!("https://orders.example{path}"))
        .header("authorization", format!("Bearer {token}"))
        .body(Full::default())
        .unwrap();
    let answer = connection.send_request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn sidecar(issuer: &Issuer, directory: &Path, tls: &str, more: &str) -> Sidecar {
    let directory = directory.display();
    Sidecar::start(&format!(
        "
admin: {{listen: 127.0.0.1:0}}
reloadSeconds: 1
inbound:
  listen: 127.0.0.1:0
  upstream: http://{}
  tls: {{certFile: {directory}/tls.crt, keyFile: {directory}/tls.key, {tls}}}
  issuers: [{{issuer: '{}', allowHttp: true, audiences: [{AUDIENCE}]}}]
{more}",
        echo(),
        issuer.url
    ))
}

#[test]
fn a_new_certificate_is_taken_from_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (Authority::new(), Authority::new());
    first.server(directory.path());
    let issuer = Issuer::start();
    let sidecar = sidecar(&issuer, directory.path(), "", "");
    let inbound = sidecar.address("inbound");
    let token = issuer.token(json!({}));
    assert_eq!(block_on(ask(inbound, &first, None, "/", &token)).0, 200);
    assert!(block_on(connect(inbound, &second, None)).is_err());

    second.server(directory.path());
    until(|| block_on(connect(inbound, &second, None)).is_ok());
    assert_eq!(block_on(ask(inbound, &second, None, "/", &token)).0, 200);

    // A broken one is not taken.
    std::fs::write(directory.path().join("tls.crt"), "nonsense").unwrap();
    until(|| sidecar.log().contains("the new configuration is not used"));
    assert_eq!(block_on(ask(inbound, &second, None, "/", &token)).0, 200);
}

#[test]
fn a_token_that_is_bound_to_a_certificate_needs_it() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.server(directory.path());
    let issuer = Issuer::start();
    let sidecar = sidecar(
        &issuer,
        directory.path(),
        "clientCertificates: accept",
        "
  senderConstraint: {mtls: accept}
  rules:
    - {name: bound, match: {paths: [/bound]}, requireMtls: true}
    - {name: any}
",
    );
    let inbound = sidecar.address("inbound");
    let name = SanType::DnsName("caller".try_into().unwrap());
    // Of an authority that nobody here knows: the token says whose it is.
    let strangers = Authority::new();
    let (own, key) = strangers.issue(name.clone());
    let (other, other_key) = strangers.issue(name);
    let bound = issuer.token(json!({"cnf": {"x5t#S256": certificate_thumbprint(&own)}}));
    let free = issuer.token(json!({}));
    for (what, certificate, path, token, status) in [
        ("its certificate", Some((&own, &key)), "/", &bound, 200),
        (
            "its certificate, required",
            Some((&own, &key)),
            "/bound",
            &bound,
            200,
        ),
        (
            "another certificate",
            Some((&other, &other_key)),
            "/",
            &bound,
            401,
        ),
        ("no certificate", None, "/", &bound, 401),
        ("not bound", Some((&own, &key)), "/", &free, 200),
        (
            "not bound, required",
            Some((&own, &key)),
            "/bound",
            &free,
            401,
        ),
    ] {
        let (answer, _) = block_on(ask(inbound, &authority, certificate, path, token));
        assert_eq!(answer, status, "{what}");
    }
}

/// A name in a certificate counts when an authority of ours has signed it; a header counts never
/// (CVE-2025-66220 and the harvested certificates of uaa#3972).
#[test]
fn peers_are_known_by_certificates_of_a_trusted_authority() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.server(directory.path());
    std::fs::write(directory.path().join("ca.crt"), pem(authority.0.der())).unwrap();
    let issuer = Issuer::start();
    let tls = format!(
        "clientCertificates: accept, clientCaFile: {}/ca.crt",
        directory.path().display()
    );
    let sidecar = sidecar(
        &issuer,
        directory.path(),
        &tls,
        "
  rules:
    - {name: peer, match: {paths: [/peer]}, peers: ['spiffe://shop/billing']}
    - {name: any, condition: \"peer.spiffe_id.startsWith('spiffe://shop/')\"}
",
    );
    let inbound = sidecar.address("inbound");
    let spiffe =
        |authority: &Authority, id: &str| authority.issue(SanType::URI(id.try_into().unwrap()));
    let (billing, billing_key) = spiffe(&authority, "spiffe://shop/billing");
    let (orders, orders_key) = spiffe(&authority, "spiffe://shop/orders");
    let (bad, bad_key) = spiffe(&authority, "spiffe://Shop/billing");
    let token = issuer.token(json!({}));
    for (what, certificate, path, status) in [
        ("billing", Some((&billing, &billing_key)), "/peer", 200),
        ("orders", Some((&orders, &orders_key)), "/peer", 403),
        ("orders elsewhere", Some((&orders, &orders_key)), "/x", 200),
        ("no SPIFFE ID", Some((&bad, &bad_key)), "/peer", 403),
        ("nobody", None, "/peer", 403),
        ("nobody elsewhere", None, "/x", 403),
    ] {
        let (answer, _) = block_on(ask(inbound, &authority, certificate, path, &token));
        assert_eq!(answer, status, "{what}");
    }
    let (stranger, stranger_key) = spiffe(&Authority::new(), "spiffe://shop/billing");
    let outcome = block_on(async {
        let stream = connect(inbound, &authority, Some((&stranger, &stranger_key)))
            .await
            .ok()?;
        let mut connection = http2_over(stream).await;
        let request = Request::get("https://orders.example/peer")
            .header("authorization", format!("Bearer {token}"))
            .header("x-forwarded-client-cert", "URI=spiffe://shop/billing")
            .body(Full::default())
            .unwrap();
        connection.send_request(request).await.ok()
    });
    assert!(outcome.is_none(), "{outcome:?}");
}
