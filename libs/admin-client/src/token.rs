//! Gets and keeps the access token for the Admin API.

use std::time::Duration;

use realmkeep_representations::SecretString;
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use crate::{
    Credentials, Error,
    client::{read_body, unreachable},
};

/// A token is renewed this long before it expires, so that none expires on its way.
const RENEW_AHEAD: Duration = Duration::from_secs(10);
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// One token, fetched by one caller while the others wait for it.
pub(crate) struct TokenCache {
    credentials: Credentials,
    current: Mutex<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    token: SecretString,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct TokenResponse {
    access_token: SecretString,
    #[serde(default)]
    expires_in: u64,
}

#[derive(Deserialize)]
struct TokenError {
    error: Option<String>,
    error_description: Option<String>,
}

impl TokenCache {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            current: Mutex::new(None),
        }
    }

    /// A token that is not `refused`, the one the server has just answered 401 to.
    pub(crate) async fn token(
        &self,
        http: &reqwest::Client,
        base: &Url,
        refused: Option<&SecretString>,
    ) -> Result<SecretString, Error> {
        if let Credentials::StaticToken(token) = &self.credentials {
            return match refused {
                None => Ok(token.clone()),
                Some(_) => Err(Error::Unauthorized {
                    message: "the given access token is not valid or has expired; give a new one"
                        .into(),
                }),
            };
        }
        let mut current = self.current.lock().await;
        if let Some(kept) = current.as_ref()
            && kept.renew_at > Instant::now()
            && refused != Some(&kept.token)
        {
            return Ok(kept.token.clone());
        }
        let response = self.request(http, base).await?;
        let lifetime = Duration::from_secs(response.expires_in);
        let ahead = RENEW_AHEAD.min(lifetime / 2);
        *current = Some(Current {
            token: response.access_token.clone(),
            renew_at: Instant::now() + (lifetime - ahead),
        });
        Ok(response.access_token)
    }

    async fn request(&self, http: &reqwest::Client, base: &Url) -> Result<TokenResponse, Error> {
        let (realm, form) = self.form().await?;
        let url = crate::client::join(
            base,
            &["realms", &realm, "protocol", "openid-connect", "token"],
        );
        let response = http
            .post(url)
            .form(&form)
            .send()
            .await
            .map_err(|e| unreachable(base, &e))?;
        let status = response.status();
        let body = read_body(response, "the token endpoint", base).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|e| Error::Unintelligible {
                object: "the token endpoint".into(),
                reason: e.to_string(),
            });
        }
        let object = format!("the token endpoint of realm {realm:?}");
        if status.as_u16() == 429 {
            return Err(Error::RateLimited {
                object,
                retry_after: None,
            });
        }
        if status.is_server_error() {
            return Err(Error::ServerFailed {
                object,
                status: status.as_u16(),
                message: "no token".into(),
            });
        }
        let said = serde_json::from_slice::<TokenError>(&body).ok();
        let (error, description) = said.map_or((None, None), |e| (e.error, e.error_description));
        Err(Error::Unauthorized {
            message: format!(
                "{object} answered {} {}{}",
                status.as_u16(),
                error.as_deref().unwrap_or("without an OAuth error"),
                description.map(|d| format!(" ({d})")).unwrap_or_default(),
            ),
        })
    }

    async fn form(&self) -> Result<(String, Vec<(&'static str, String)>), Error> {
        Ok(match &self.credentials {
            Credentials::Password {
                realm,
                client_id,
                username,
                password,
            } => (
                realm.clone(),
                vec![
                    ("grant_type", "password".into()),
                    ("client_id", client_id.clone()),
                    ("username", username.clone()),
                    ("password", password.expose().to_owned()),
                ],
            ),
            Credentials::ClientSecret {
                realm,
                client_id,
                secret,
            } => (
                realm.clone(),
                vec![
                    ("grant_type", "client_credentials".into()),
                    ("client_id", client_id.clone()),
                    ("client_secret", secret.expose().to_owned()),
                ],
            ),
            Credentials::Assertion {
                realm,
                client_id,
                source,
            } => {
                let assertion = source
                    .fetch()
                    .await
                    .map_err(|message| Error::Unauthorized { message })?;
                let mut form = vec![
                    ("grant_type", "client_credentials".into()),
                    ("client_assertion_type", JWT_BEARER.into()),
                    ("client_assertion", assertion.expose().to_owned()),
                ];
                if let Some(client_id) = client_id {
                    form.push(("client_id", client_id.clone()));
                }
                (realm.clone(), form)
            }
            Credentials::StaticToken(_) => {
                return Err(Error::Unauthorized {
                    message: "a given access token cannot be renewed".into(),
                });
            }
        })
    }
}
