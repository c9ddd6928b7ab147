use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Installation;
use super::docker_registry::{Settings, yaml};
use crate::error::{ApiError, ApiResult};

const FOLDER: &str = "docker-compose-yaml";
/// Letters in a line of PEM (RFC 7468 section 2).
const LINE: usize = 64;

/// An archive with all that `docker compose up` needs for a registry on this machine, to try it out.
pub(super) fn write(installation: &Installation<'_>) -> ApiResult<Vec<u8>> {
    let certificate = installation.certificate.as_deref().ok_or_else(|| {
        ApiError::bad_request(
            "the realm's active RS256 key has no certificate, by which a registry could know it",
        )
    })?;
    let settings = Settings::of(installation);
    let files = [
        ("docker-compose.yaml", compose(&settings)?),
        ("certs/realm.pem", pem(certificate)?),
        ("data/.gitignore", "*\n".to_owned()),
        ("README.md", readme(&settings)),
    ];
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .unix_permissions(0o644);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        archive
            .start_file(format!("{FOLDER}/{name}"), options)
            .map_err(ApiError::internal)?;
        archive
            .write_all(text.as_bytes())
            .map_err(ApiError::internal)?;
    }
    Ok(archive.finish().map_err(ApiError::internal)?.into_inner())
}

fn compose(settings: &Settings) -> ApiResult<String> {
    Ok(format!(
        "services:
  registry:
    image: registry:2
    ports:
      - 127.0.0.1:5000:5000
    environment:
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: /data
      REGISTRY_AUTH_TOKEN_REALM: {}
      REGISTRY_AUTH_TOKEN_SERVICE: {}
      REGISTRY_AUTH_TOKEN_ISSUER: {}
      REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: /opt/certs/realm.pem
    volumes:
      - ./data:/data:z
      - ./certs:/opt/certs:ro,z
",
        yaml(&settings.realm)?,
        yaml(&settings.service)?,
        yaml(&settings.issuer)?
    ))
}

fn readme(settings: &Settings) -> String {
    format!(
        "# A registry to try out

It listens on this machine only, without TLS, and takes the tokens of {}.
Nothing for production.

1. The server has to run with the feature `docker`.
2. `docker compose up`
3. `docker login 127.0.0.1:5000`, as a user of the realm
4. `docker tag IMAGE 127.0.0.1:5000/IMAGE` and `docker push 127.0.0.1:5000/IMAGE`

When the realm's key or the client changes, take the archive anew.
",
        settings.issuer
    )
}

/// `certificate` is DER in base64.
fn pem(certificate: &str) -> ApiResult<String> {
    let der = STANDARD.decode(certificate).map_err(ApiError::internal)?;
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(LINE)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    Ok(format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    ))
}
