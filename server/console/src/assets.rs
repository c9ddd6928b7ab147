//! The files of the two applications, compressed, as they were embedded.

use std::io::Read as _;
use std::sync::OnceLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use realmkeep_oidc::content_coding::takes;
use serde::Deserialize;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Which bundles start an application.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    /// Names the build: part of every address, so that browsers may keep files for good.
    pub(crate) version: String,
    pub(crate) admin: Entry,
    pub(crate) account: Entry,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    pub(crate) script: String,
    pub(crate) styles: Vec<String>,
    /// Scripts that the first one loads at once.
    pub(crate) preload: Vec<String>,
}

/// None when the consoles were not built.
pub(crate) fn manifest() -> Option<&'static Manifest> {
    static MANIFEST: OnceLock<Option<Manifest>> = OnceLock::new();
    MANIFEST
        .get_or_init(|| serde_json::from_slice(&plain(find("manifest.json.gz")?)?).ok())
        .as_ref()
}

/// A file that is stored under `name` with `.gz`, decompressed.
pub(crate) fn text(name: &str) -> Option<Vec<u8>> {
    plain(find(&format!("{name}.gz"))?)
}

pub(crate) async fn file(
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let current = manifest().is_some_and(|manifest| manifest.version == version);
    let common = [
        (header::CONTENT_TYPE, content_type(&name)),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
    ];
    if current {
        for (coding, ending) in [("br", "br"), ("gzip", "gz")] {
            if let Some(bytes) = find(&format!("{name}.{ending}"))
                && takes(&headers, coding)
            {
                return (common, [(header::CONTENT_ENCODING, coding)], bytes).into_response();
            }
        }
        if let Some(bytes) = find(&name) {
            return (common, bytes).into_response();
        }
        if let Some(bytes) = text(&name) {
            return (common, bytes).into_response();
        }
    }
    (StatusCode::NOT_FOUND, "There is no such file.").into_response()
}

fn find(name: &str) -> Option<&'static [u8]> {
    let at = FILES.binary_search_by(|(other, _)| other.cmp(&name)).ok()?;
    FILES.get(at).map(|(_, bytes)| *bytes)
}

fn plain(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(compressed)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(bytes)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_in_the_order_that_they_are_searched_in() {
        assert!(
            FILES
                .windows(2)
                .all(|pair| matches!(pair, [(a, _), (b, _)] if a < b))
        );
    }
}
