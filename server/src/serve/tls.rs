//! TLS with the configured certificate, which is read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::limits;

/// The certificate in its two files.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// # Errors
    /// When a file cannot be read, or key and certificate do not belong together.
    pub fn load(chain: &Path, key: &Path) -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            chain: chain.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(read(chain, key)?),
        }))
    }

    /// Accepts TLS 1.2 and 1.3, and certificates of clients from the authorities in `client_ca`.
    ///
    /// # Errors
    /// When the file of authorities cannot be read, or the cryptographic library refuses.
    pub fn acceptor(self: &Arc<Self>, client_ca: Option<&Path>) -> anyhow::Result<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
        let builder = match client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = Arc::new(authorities(file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .allow_unauthenticated()
                    .build()
                    .with_context(|| format!("https-client-ca-file {}", file.display()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files from time to time, for ever; a bad new certificate leaves the old one.
    pub async fn follow(self: Arc<Self>) {
        let mut seen = self.changed_at();
        loop {
            tokio::time::sleep(limits::CERTIFICATE_CHECK).await;
            let now = self.changed_at();
            if now == seen {
                continue;
            }
            seen = now;
            match read(&self.chain, &self.key) {
                Ok(certificate) => {
                    self.current.store(Arc::new(certificate));
                    tracing::info!(file = %self.chain.display(), "the certificate was read again");
                }
                Err(e) => {
                    tracing::error!(
                        error = format!("{e:#}"),
                        "the certificate has changed, but cannot be used; the old one stays"
                    );
                }
            }
        }
    }

    fn changed_at(&self) -> [Option<SystemTime>; 2] {
        [&self.chain, &self.key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn authorities(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("https-client-ca-file {}", file.display()))?;
    anyhow::ensure!(
        !found.is_empty(),
        "https-client-ca-file {} holds no PEM certificate",
        file.display()
    );
    for certificate in found {
        roots
            .add(certificate)
            .with_context(|| format!("https-client-ca-file {}", file.display()))?;
    }
    Ok(roots)
}

fn read(chain_file: &Path, key_file: &Path) -> anyhow::Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(chain_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("https-certificate-file {}", chain_file.display()))?;
    anyhow::ensure!(
        !chain.is_empty(),
        "https-certificate-file {} holds no PEM certificate",
        chain_file.display()
    );
    let key = PrivateKeyDer::from_pem_file(key_file)
        .with_context(|| format!("https-certificate-key-file {}", key_file.display()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).with_context(|| {
        format!(
            "{} and {} are not a certificate and its key",
            chain_file.display(),
            key_file.display()
        )
    })
}
