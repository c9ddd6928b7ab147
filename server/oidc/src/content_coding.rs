//! Compressed answers (RFC 9110 section 8.4).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, header};

/// Whether the client takes this content coding (RFC 9110 section 12.5.3).
pub fn takes(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next() == Some(coding) && !parts.any(|part| part.replace(' ', "") == "q=0")
        })
}

/// The bytes in the coding `gzip`.
pub fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).ok()?;
    out.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coding_is_sent_to_who_takes_it() {
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(
                header::ACCEPT_ENCODING,
                http::HeaderValue::from_static(value),
            )])
        };
        assert!(takes(&headers("br, gzip;q=0.5"), "gzip"));
        assert!(takes(&headers("gzip, deflate, br"), "br"));
        assert!(!takes(&headers("gzip; q=0, br"), "gzip"));
        assert!(!takes(&headers("gzip"), "br"));
        assert!(!takes(&HeaderMap::new(), "gzip"));
    }
}
