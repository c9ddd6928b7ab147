//! Forms with a file in them (RFC 7578), as far as the Admin API takes them: small, read as a whole.

use std::collections::BTreeMap;

use crate::error::{ApiError, ApiResult};

/// Parts of a form, at most.
const MAX_PARTS: usize = 20;

/// One part of a form.
#[derive(Debug, Default)]
pub struct Part<'a> {
    pub is_file: bool,
    pub content: &'a [u8],
}

/// The parts of a form, by name.
///
/// # Errors
/// 400 when the body is no such form.
pub fn parts<'a>(content_type: &str, body: &'a [u8]) -> ApiResult<BTreeMap<String, Part<'a>>> {
    let wrong = |what: &str| ApiError::bad_request(format!("the form cannot be read: {what}"));
    let boundary = parameter(content_type, "boundary").ok_or_else(|| wrong("no boundary"))?;
    if boundary.is_empty() || boundary.len() > 70 {
        return Err(wrong("a boundary has 1 to 70 characters"));
    }
    let delimiter = format!("--{boundary}");
    let mut rest = find(body, delimiter.as_bytes())
        .and_then(|at| body.get(at + delimiter.len()..))
        .ok_or_else(|| wrong("no part"))?;
    let next = format!("\r\n{delimiter}");
    let mut found = BTreeMap::new();
    while !rest.starts_with(b"--") {
        rest = rest
            .strip_prefix(b"\r\n")
            .ok_or_else(|| wrong("no line break after a boundary"))?;
        let end = find(rest, next.as_bytes()).ok_or_else(|| wrong("a part without an end"))?;
        let part = rest.get(..end).unwrap_or_default();
        rest = rest.get(end + next.len()..).unwrap_or_default();
        let head_end = find(part, b"\r\n\r\n").ok_or_else(|| wrong("a part without a head"))?;
        let head = std::str::from_utf8(part.get(..head_end).unwrap_or_default())
            .map_err(|_| wrong("a head that is not UTF-8"))?;
        let disposition = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"))
            .map(|(_, value)| value)
            .ok_or_else(|| wrong("a part without Content-Disposition"))?;
        let name = parameter(disposition, "name").ok_or_else(|| wrong("a part without a name"))?;
        found.insert(
            name,
            Part {
                is_file: parameter(disposition, "filename").is_some(),
                content: part.get(head_end + 4..).unwrap_or_default(),
            },
        );
        if found.len() > MAX_PARTS {
            return Err(wrong("too many parts"));
        }
    }
    Ok(found)
}

/// The file of a form that has one.
///
/// # Errors
/// 400 when there is none.
pub fn file<'a>(content_type: &str, body: &'a [u8]) -> ApiResult<&'a [u8]> {
    let parts = parts(content_type, body)?;
    parts
        .iter()
        .find(|(name, part)| part.is_file || name.as_str() == "file")
        .map(|(_, part)| part.content)
        .ok_or_else(|| ApiError::bad_request("the form has no file"))
}

fn parameter(header: &str, name: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=xx";

    #[test]
    fn parts_are_found_by_name() {
        let body = b"--xx\r\nContent-Disposition: form-data; name=\"keystoreFormat\"\r\n\r\nJWKS\r\n--xx\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\na\r\nb\r\n--xx--\r\n";
        let parts = parts(KIND, body).unwrap();
        assert_eq!(parts["keystoreFormat"].content, b"JWKS");
        assert_eq!(file(KIND, body).unwrap(), b"a\r\nb");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in [
            &b""[..],
            b"x",
            b"--xx",
            b"--xx\r\n\r\n--xx--",
            b"--xx\r\na: b\r\n\r\n\r\n--xx--",
        ] {
            assert!(parts(KIND, body).is_err());
        }
        assert!(parts("multipart/form-data", b"--xx--").is_err());
    }
}
