//! Entity tags and what requests ask of them (RFC 9110 sections 8.8.3 and 13).

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use realmkeep_store::Store;

use super::exchange::Exchange;
use super::secret_digests::SecretDigests;
use crate::error::{ApiError, ApiResult};

/// Answers beyond this size have no tag.
const LARGEST: u64 = 4 * 1024 * 1024;
/// Bytes of the hash in a tag.
const TAG_BYTES: usize = 18;
/// Tags in one header field, at most.
const MOST: usize = 64;

/// What must hold for a request to be carried out.
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    Any,
    /// Opaque tags with their quotes, and whether each is weak.
    List(Vec<(bool, String)>),
}

impl Preconditions {
    /// # Errors
    /// 400 when a field is no list of entity tags.
    pub fn of(headers: &HeaderMap) -> ApiResult<Self> {
        Self::of_texts(
            joined(headers, &header::IF_MATCH)?.as_deref(),
            joined(headers, &header::IF_NONE_MATCH)?.as_deref(),
        )
    }

    /// # Errors
    /// As [`Preconditions::of`].
    pub fn of_texts(if_match: Option<&str>, if_none_match: Option<&str>) -> ApiResult<Self> {
        let tags = |name: &str, text: Option<&str>| {
            text.map(|text| {
                Tags::parse(text).ok_or_else(|| {
                    ApiError::bad_request(format!(
                        "{name}: \"*\" or entity tags in double quotes were expected"
                    ))
                })
            })
            .transpose()
        };
        Ok(Self {
            if_match: tags("If-Match", if_match)?,
            if_none_match: tags("If-None-Match", if_none_match)?,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether a change may be made to what has this tag now; None: nothing is there.
    ///
    /// # Errors
    /// 412 when it may not.
    pub fn allow_change(&self, current: Option<&str>) -> ApiResult<()> {
        let failed = |text: &str| Err(ApiError::message(StatusCode::PRECONDITION_FAILED, text));
        if let Some(wanted) = &self.if_match
            && !wanted.contains(current, true)
        {
            return failed(match current {
                Some(_) => "If-Match: the object was changed since; read it again",
                None => "If-Match: there is no such object, or it has no entity tag",
            });
        }
        if let Some(unwanted) = &self.if_none_match
            && unwanted.contains(current, false)
        {
            return failed("If-None-Match: there is such an object");
        }
        Ok(())
    }
}

impl Tags {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        if rest == "*" {
            return Some(Self::Any);
        }
        let mut list = Vec::new();
        while !rest.is_empty() {
            let (weak, after) = match rest.strip_prefix("W/") {
                Some(after) => (true, after),
                None => (false, rest),
            };
            let (opaque, after) = after.strip_prefix('"')?.split_once('"')?;
            let good = |b: u8| b == 0x21 || (0x23..=0x7e).contains(&b) || b >= 0x80;
            if !opaque.bytes().all(good) || list.len() == MOST {
                return None;
            }
            list.push((weak, format!("\"{opaque}\"")));
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(more) => more.trim_start(),
                None if after.is_empty() => after,
                None => return None,
            };
        }
        (!list.is_empty()).then_some(Self::List(list))
    }

    /// Strong comparison takes no weak tag for the same; ours are all strong.
    fn contains(&self, current: Option<&str>, strong: bool) -> bool {
        let Some(current) = current else {
            return false;
        };
        match self {
            Self::Any => true,
            Self::List(list) => list
                .iter()
                .any(|(weak, tag)| tag == current && !(strong && *weak)),
        }
    }
}

/// Several fields of one name are one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> ApiResult<Option<String>> {
    let mut all = Vec::new();
    for value in headers.get_all(name) {
        let text = value
            .to_str()
            .map_err(|_| ApiError::bad_request(format!("{name}: it is not ASCII")))?;
        all.push(text);
    }
    Ok((!all.is_empty()).then(|| all.join(",")))
}

/// The answer to a GET with its tag, its owner and the digests of its secrets; or 304, or 412.
pub async fn answer(
    exchange: &Exchange,
    store: &Store,
    preconditions: &Preconditions,
    response: Response,
) -> Response {
    let (mut response, tag) = tagged(response).await;
    let Some(tag) = tag else {
        return response;
    };
    super::owner::show(exchange, store, response.headers_mut()).await;
    let matches = |tags: &Option<Tags>, strong| {
        tags.as_ref()
            .is_some_and(|tags| tags.contains(Some(&tag), strong))
    };
    if preconditions.if_match.is_some() && !matches(&preconditions.if_match, true) {
        let text = "If-Match: the object was changed since";
        return ApiError::message(StatusCode::PRECONDITION_FAILED, text).into_response();
    }
    if matches(&preconditions.if_none_match, false) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_TYPE);
    }
    response
}

/// The response with its tag, where it is a JSON document that can have one.
pub async fn tagged(response: Response) -> (Response, Option<String>) {
    let (mut parts, body) = response.into_parts();
    let is_json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let small = body.size_hint().upper().is_some_and(|size| size <= LARGEST);
    if parts.status != StatusCode::OK || !is_json || !small {
        return (Response::from_parts(parts, body), None);
    }
    let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
        let failed = ApiError::internal("an answer could not be put together");
        return (failed.into_response(), None);
    };
    let digests = parts.extensions.get::<SecretDigests>();
    let tag = tag(&bytes, digests);
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    if let Some(value) = digests.and_then(SecretDigests::header) {
        parts.headers.insert(SecretDigests::HEADER, value);
    }
    (Response::from_parts(parts, Body::from(bytes)), Some(tag))
}

/// Strong: it changes with every byte that is shown, and with every secret that is not.
fn tag(body: &Bytes, digests: Option<&SecretDigests>) -> String {
    let mut all = body.to_vec();
    if let Some(digests) = digests {
        digests.append_to(&mut all);
    }
    let hash = realmkeep_jose::sha256(&all);
    let short = hash.get(..TAG_BYTES).unwrap_or(&hash);
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<Tags> {
        Tags::parse(text)
    }

    /// RFC 9110 sections 8.8.3 and 13.1.1.
    #[test]
    fn lists_of_tags_are_read_as_the_rfc_has_them() {
        assert_eq!(list("*"), Some(Tags::Any));
        let two = Tags::List(vec![(false, "\"a,b\"".into()), (true, "\"c\"".into())]);
        assert_eq!(list("\"a,b\" , W/\"c\""), Some(two));
        for bad in [
            "",
            "a",
            "\"a",
            "\"a\" \"b\"",
            "w/\"a\"",
            "\"a b\"",
            "*, \"a\"",
        ] {
            assert_eq!(list(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_change_is_allowed_for_the_tag_it_was_made_for() {
        let of = |m: Option<&str>, n: Option<&str>| Preconditions::of_texts(m, n).unwrap();
        let tag = Some("\"a\"");
        assert!(of(Some("\"a\""), None).allow_change(tag).is_ok());
        assert!(of(Some("\"b\", \"a\""), None).allow_change(tag).is_ok());
        assert!(of(Some("*"), None).allow_change(tag).is_ok());
        assert!(of(Some("W/\"a\""), None).allow_change(tag).is_err());
        assert!(of(Some("*"), None).allow_change(None).is_err());
        assert!(of(None, Some("*")).allow_change(None).is_ok());
        assert!(of(None, Some("*")).allow_change(tag).is_err());
        assert!(of(None, Some("W/\"a\"")).allow_change(tag).is_err());
    }
}
