//! TLS: of our own listener, and towards targets.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use arc_swap::ArcSwap;
use realmkeep_token_verifier::certificate_thumbprint;
use realmkeep_workload_identity::spiffe::SpiffeId;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{ClientCertificates, Tls};
use crate::decision::Peer;

/// The certificate in use, replaced when its file is.
pub struct TlsListener {
    current: ArcSwap<ServerConfig>,
    /// Client certificates were verified by an authority of ours.
    verified: bool,
}

impl TlsListener {
    pub fn new(config: &Tls) -> anyhow::Result<Self> {
        Ok(Self {
            current: ArcSwap::from_pointee(server_config(config)?),
            verified: config.client_ca_file.is_some(),
        })
    }

    /// Reads the files again; connections that are open keep what they began with.
    pub fn reload(&self, config: &Tls) -> anyhow::Result<()> {
        self.current.store(Arc::new(server_config(config)?));
        Ok(())
    }

    /// The handshake. Returns who is there, and whether HTTP/2 was agreed on.
    pub async fn accept(
        &self,
        stream: TcpStream,
    ) -> std::io::Result<(TlsStream<TcpStream>, Peer, bool)> {
        let acceptor = TlsAcceptor::from(self.current.load_full());
        let stream = acceptor.accept(stream).await?;
        let (_, session) = stream.get_ref();
        let http2 = session.alpn_protocol() == Some(b"h2");
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let peer = certificate.map_or_else(Peer::default, |certificate| Peer {
            thumbprint: Some(certificate_thumbprint(certificate)),
            spiffe_id: SpiffeId::of_certificate(certificate)
                .ok()
                .filter(|_| self.verified)
                .map(|id| id.to_string()),
        });
        Ok((stream, peer, http2))
    }
}

fn server_config(config: &Tls) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let required = config.client_certificates == ClientCertificates::Require;
    let builder = match (config.client_certificates, &config.client_ca_file) {
        (ClientCertificates::None, _) => builder.with_no_client_auth(),
        (_, Some(path)) => {
            let roots = Arc::new(roots(path).context("tls.clientCaFile")?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            let verifier = if required {
                verifier
            } else {
                verifier.allow_unauthenticated()
            };
            builder.with_client_cert_verifier(verifier.build()?)
        }
        (_, None) => {
            builder.with_client_cert_verifier(Arc::new(AnyCertificate { provider, required }))
        }
    };
    let chain = certificates(&config.cert_file).context("tls.certFile")?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file)
        .map_err(|error| anyhow!("{}: {error}", config.key_file.display()))
        .context("tls.keyFile")?;
    let mut config = builder
        .with_single_cert(chain, key)
        .context("tls: certificate and key cannot be used together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// For requests to a target. `ca_file`: the system's authorities where not given.
pub fn client_config(ca_file: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = match ca_file {
        Some(path) => roots(path)?,
        None => {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            store
        }
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(path: &Path) -> anyhow::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store
            .add(certificate)
            .with_context(|| format!("{} holds no usable authority", path.display()))?;
    }
    Ok(store)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| anyhow!("{}: {error}", path.display()))?;
    ensure!(
        !found.is_empty(),
        "{} holds no PEM certificate",
        path.display()
    );
    Ok(found)
}

/// Takes any certificate whose key the client proves to hold. It names nobody: a token that is bound
/// to it does (RFC 8705 section 3).
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
    required: bool,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
