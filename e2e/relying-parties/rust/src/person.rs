//! A person with a browser without a screen: keeps cookies, follows the server's redirects, fills in forms.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use openidconnect::http::{Method, Request, header};
use url::Url;

use crate::http::Http;

pub const USERNAME: &str = "alice";
pub const PASSWORD: &str = "correct horse";

#[derive(Default)]
pub struct Person {
    cookies: BTreeMap<String, String>,
}

impl Person {
    /// Opens the address and does what the pages ask for, until one leads to `until` or, without
    /// that, until a page has no form any more; the last address.
    pub fn visit(&mut self, http: &Http, url: Url, until: Option<&str>) -> Result<Url> {
        let mut at = url;
        let mut form: Option<String> = None;
        for _ in 0..20 {
            if until.is_some_and(|end| at.as_str().starts_with(end)) {
                return Ok(at);
            }
            let method = if form.is_some() {
                Method::POST
            } else {
                Method::GET
            };
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let mut request = Request::builder().method(method).uri(at.as_str());
            if !cookies.is_empty() {
                request = request.header(header::COOKIE, cookies.join("; "));
            }
            if form.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            }
            let answer = http.send(request.body(form.take().unwrap_or_default().into_bytes())?)?;
            for cookie in answer.headers().get_all(header::SET_COOKIE) {
                let (pair, _) = cookie
                    .to_str()?
                    .split_once(';')
                    .context("a cookie's attributes")?;
                let (name, value) = pair.split_once('=').context("a cookie's value")?;
                if value.is_empty() {
                    self.cookies.remove(name);
                } else {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
            if answer.status().is_redirection() {
                let to = answer
                    .headers()
                    .get(header::LOCATION)
                    .context("a redirect without address")?;
                at = at.join(to.to_str()?)?;
                continue;
            }
            let page = String::from_utf8_lossy(answer.body()).into_owned();
            ensure!(
                answer.status().is_success(),
                "{}: {}",
                at.path(),
                answer.status()
            );
            match filled_in(&page) {
                Some((action, fields)) => {
                    at = at.join(&action)?;
                    form = Some(fields);
                }
                None if until.is_none() => return Ok(at),
                None => bail!("no form to fill in at {}", at.path()),
            }
        }
        bail!("redirects without end at {at}")
    }
}

/// The address of the page's first form, and its fields with what the person types.
fn filled_in(page: &str) -> Option<(String, String)> {
    let form = page.split("<form").nth(1)?.split("</form>").next()?;
    let action = attribute(form.split('>').next()?, "action")?;
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    for tag in form
        .split('<')
        .filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
    {
        let tag = tag.split('>').next()?;
        let Some(name) = attribute(tag, "name") else {
            continue;
        };
        let hidden = attribute(tag, "type").as_deref() == Some("hidden");
        match name.as_str() {
            "username" => drop(fields.append_pair(&name, USERNAME)),
            "password" => drop(fields.append_pair(&name, PASSWORD)),
            "accept" => drop(fields.append_pair(&name, "Yes")),
            _ if hidden => {
                fields.append_pair(&name, &attribute(tag, "value").unwrap_or_default());
            }
            _ => {}
        }
    }
    Some((action, fields.finish()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag
        .split(&format!(" {name}=\""))
        .nth(1)?
        .split('"')
        .next()?;
    let value = value
        .replace("&quot;", "\"")
        .replace("&#x2f;", "/")
        .replace("&#x27;", "'");
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
