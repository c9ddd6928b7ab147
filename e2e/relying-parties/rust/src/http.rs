//! HTTP without TLS; nothing is followed, no status is an error.

use anyhow::{Context, Result, ensure};
use openidconnect::{HttpRequest, HttpResponse};
use serde_json::Value;

pub struct Http(ureq::Agent);

impl Http {
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .build();
        Self(config.into())
    }

    pub fn send(&self, request: HttpRequest) -> Result<HttpResponse, ureq::Error> {
        let (mut parts, body) = request.into_parts();
        if parts.uri.scheme_str() == Some("https") {
            parts.uri = parts
                .uri
                .to_string()
                .replacen("https:", "http:", 1)
                .parse()
                .map_err(|_| ureq::Error::BadUri(parts.uri.to_string()))?;
        }
        // A GET has no body, not even an empty one.
        let answer = if body.is_empty() && parts.method != "POST" {
            self.0
                .run(openidconnect::http::Request::from_parts(parts, ()))?
        } else {
            self.0
                .run(openidconnect::http::Request::from_parts(parts, body))?
        };
        let (parts, mut body) = answer.into_parts();
        let body = body.read_to_vec()?;
        Ok(HttpResponse::from_parts(parts, body))
    }

    /// Posts JSON to the Admin API.
    pub fn post_json(&self, url: &str, token: &str, body: &Value) -> Result<Value> {
        let request = openidconnect::http::Request::post(url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(serde_json::to_vec(body)?)?;
        self.json(request)
    }

    pub fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Value> {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = openidconnect::http::Request::post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into_bytes())?;
        self.json(request)
    }

    /// The JSON of an answer that is none of an error; null where there is no body.
    fn json(&self, request: HttpRequest) -> Result<Value> {
        let url = request.uri().clone();
        let answer = self.send(request)?;
        let text = String::from_utf8_lossy(answer.body());
        ensure!(
            answer.status().is_success(),
            "{url}: {} {text}",
            answer.status()
        );
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("no JSON from {url}"))
    }
}
