//! A browser that keeps cookies and follows nothing, and a realm with an application and a user.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::support::Server;

pub const CALLBACK: &str = "http://127.0.0.1:9/cb";
pub const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// A server with the user `alice` (password `pw`) and the client `app`, which may use all flows.
pub async fn server() -> Server {
    let server = Server::start().await;
    fill(&server).await;
    server
}

/// Adds what [`server`] has.
#[allow(dead_code)]
pub async fn fill(server: &Server) {
    add_app(server, "app", json!({})).await;
    server
        .add_user("alice", "pw", json!({"email": "alice@example.test"}))
        .await;
}

/// Adds a confidential client that may use all flows, with what `given` says.
pub async fn add_app(server: &Server, client_id: &str, given: Value) {
    let mut all = json!({
        "clientId": client_id,
        "secret": SECRET,
        "redirectUris": [CALLBACK],
        "standardFlowEnabled": true,
        "implicitFlowEnabled": true,
    });
    let more = given.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(more);
    server.add_client(all).await;
}

/// Sets attributes of the client.
pub async fn set(server: &Server, client_id: &str, attributes: &[(&str, &str)]) {
    server
        .change_client(client_id, |client| {
            let all = client.attributes.get_or_insert_default();
            for (name, value) in attributes {
                all.insert((*name).to_owned(), (*value).to_owned());
            }
        })
        .await;
}

/// The address of an authorization request of `app`: the usual parameters with those of `more`;
/// `-` leaves one out.
pub fn authorize(server: &Server, more: &[(&str, &str)]) -> String {
    let mut fields = BTreeMap::from([
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "st&1"),
    ]);
    for (name, value) in more {
        if *value == "-" {
            fields.remove(name);
        } else {
            fields.insert(name, value);
        }
    }
    Url::parse_with_params(&server.url("auth"), fields)
        .unwrap()
        .into()
}

/// Redeems a code of `app`.
pub async fn redeem(server: &Server, code: &str) -> crate::support::Answer {
    server
        .token(&[
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("client_secret", SECRET),
            ("redirect_uri", CALLBACK),
            ("code", code),
        ])
        .await
}

#[derive(Default)]
pub struct Browser {
    cookies: Mutex<BTreeMap<String, String>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Seen {
    pub status: StatusCode,
    pub location: Option<Url>,
    pub policy: String,
    pub text: String,
}

impl Browser {
    /// As the header has them.
    #[allow(dead_code)]
    pub fn cookies(&self) -> String {
        let jar = self.cookies.lock().unwrap();
        let cookies: Vec<String> = jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
        cookies.join("; ")
    }

    /// Loses the cookie.
    #[allow(dead_code)]
    pub fn forget(&self, name: &str) {
        self.cookies.lock().unwrap().remove(name);
    }

    /// Takes the other's cookies.
    #[allow(dead_code)]
    pub fn copy_from(&self, other: &Self) {
        let cookies = other.cookies.lock().unwrap().clone();
        *self.cookies.lock().unwrap() = cookies;
    }

    pub async fn send(
        &self,
        server: &Server,
        method: Method,
        url: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Seen {
        let mut request = server
            .http
            .request(method, url)
            .header(COOKIE, self.cookies());
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let mut jar = self.cookies.lock().unwrap();
            if cookie.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let header = |name| {
            let value = answer.headers().get(name);
            value.map_or(String::new(), |v| v.to_str().unwrap().to_owned())
        };
        Seen {
            status: answer.status(),
            location: Some(header(LOCATION))
                .filter(|l| !l.is_empty())
                .map(|l| Url::parse(&l).unwrap()),
            policy: header(CONTENT_SECURITY_POLICY),
            text: answer.text().await.unwrap(),
        }
    }

    pub async fn get(&self, server: &Server, url: &str) -> Seen {
        self.send(server, Method::GET, url, None).await
    }

    pub async fn post(&self, server: &Server, url: &str, form: &[(&str, &str)]) -> Seen {
        self.send(server, Method::POST, url, Some(form)).await
    }

    /// Opens the address and signs in as alice.
    pub async fn login_at(&self, server: &Server, url: &str) -> Seen {
        let page = self.get(server, url).await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let form = [("username", "alice"), ("password", "pw")];
        self.post(server, &page.action(server), &form).await
    }

    /// Asks as `app` with the parameters and signs in as alice.
    pub async fn login(&self, server: &Server, more: &[(&str, &str)]) -> Seen {
        self.login_at(server, &authorize(server, more)).await
    }
}

impl Seen {
    /// Where the page's form goes.
    #[track_caller]
    pub fn action(&self, server: &Server) -> String {
        let after = self.text.split("action=\"").nth(1).expect(&self.text);
        let action = after.split('"').next().unwrap().replace("&amp;", "&");
        if action.starts_with("http") {
            action
        } else {
            format!("{}{action}", server.base)
        }
    }

    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> Option<String> {
        let after = self
            .text
            .split(&format!("name=\"{name}\" value=\""))
            .nth(1)?;
        let value = after.split('"').next().unwrap();
        Some(value.replace("&amp;", "&"))
    }

    /// The parameters of the answer to the application; None when there is none.
    #[allow(dead_code)]
    pub fn answer_or_none(&self) -> Option<BTreeMap<String, String>> {
        let location = self.location.as_ref()?;
        location
            .as_str()
            .starts_with(CALLBACK)
            .then(|| self.answer())
    }

    /// The parameters of the answer, from wherever the application finds them.
    #[track_caller]
    pub fn answer(&self) -> BTreeMap<String, String> {
        let location = self.location.as_ref().expect(&self.text);
        let encoded = location.fragment().or(location.query()).unwrap_or_default();
        let mut found = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
            let before = found.insert(name.into_owned(), value.into_owned());
            assert_eq!(before, None, "a parameter comes twice: {location}");
        }
        found
    }

    /// The application has to be told this, with the state and the issuer.
    #[track_caller]
    pub fn refused(&self, server: &Server, error: &str) -> String {
        let answer = self.answer();
        assert_eq!(
            answer.get("error").map(String::as_str),
            Some(error),
            "{answer:?}"
        );
        assert_eq!(answer.get("state").map(String::as_str), Some("st&1"));
        assert_eq!(answer.get("iss"), Some(&server.issuer()));
        for secret in ["code", "access_token", "id_token"] {
            assert!(!answer.contains_key(secret), "{answer:?}");
        }
        answer.get("error_description").cloned().unwrap_or_default()
    }

    /// The person has to be told, and nobody is sent anywhere.
    #[track_caller]
    pub fn on_a_page(&self) {
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{self:?}");
        assert!(self.location.is_none(), "{self:?}");
        assert!(self.policy.contains("default-src 'none'"));
    }
}
