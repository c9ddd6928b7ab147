//! Getting tokens: by password, client secret, signed JWT or a workload's own token.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use realmkeep_jose::{Algorithm, SigningKey};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::Common;
use crate::configuration::{self, Configuration, Session};
use crate::connection;

/// The client that administrators log in with.
const DEFAULT_CLIENT: &str = "admin-cli";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds that a signed client assertion is good for.
const ASSERTION_LIFESPAN: i64 = 60;
/// A token that ends within this many milliseconds is not sent any more.
const LEEWAY: i64 = 5_000;

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: i64,
    refresh_expires_in: Option<i64>,
}

/// `config credentials`: logs in and writes the session down.
pub(crate) async fn keep(common: &Common) -> anyhow::Result<()> {
    if common.no_config {
        bail!("`config credentials` is there to keep a login: leave --no-config out");
    }
    let path = configuration::path(common.config.as_deref())?;
    let mut configuration = Configuration::load(&path)?;
    let Some(server) = common
        .server
        .as_deref()
        .map(|url| url.trim_end_matches('/').to_owned())
    else {
        bail!("name the server: --server https://id.example.com");
    };
    let realm = common
        .realm
        .clone()
        .context("name the realm to log in to: --realm master")?;
    let http = connection::http(common, &configuration)?;
    let session = authenticate(&http, &server, &realm, common).await?;
    configuration.server_url = Some(server.clone());
    configuration.realm = Some(realm.clone());
    configuration
        .endpoints
        .entry(server)
        .or_default()
        .insert(realm, session);
    configuration.store(&path)
}

/// A login with what the options say.
pub(crate) async fn authenticate(
    http: &reqwest::Client,
    server: &str,
    realm: &str,
    common: &Common,
) -> anyhow::Result<Session> {
    if common.user.is_none() && common.client.is_none() && common.assertion_file.is_none() {
        bail!(
            "say who you are: --user NAME, or --client CLIENT with --secret, --key or --assertion-file"
        );
    }
    let client_id = match (&common.client, &common.user) {
        (Some(client), _) => client.clone(),
        (None, Some(_)) => DEFAULT_CLIENT.to_owned(),
        // The assertion names its client by its subject.
        (None, None) => String::new(),
    };
    let mut session = Session {
        client_id,
        ..Session::default()
    };
    session.secret = match common.secret.as_deref() {
        Some("-") => Some(prompt("Enter client secret: ")?),
        other => other.map(str::to_owned),
    };
    session.key = common
        .key
        .as_deref()
        .map(fs::canonicalize)
        .transpose()
        .context("--key")?;
    session.kid.clone_from(&common.kid);
    session.assertion_file = common
        .assertion_file
        .as_deref()
        .map(fs::canonicalize)
        .transpose()
        .context("--assertion-file")?;
    let proves_client =
        session.secret.is_some() || session.key.is_some() || session.assertion_file.is_some();
    let mut form = Vec::new();
    match &common.user {
        Some(user) => {
            let password = match common.password.as_deref() {
                None | Some("-") => prompt("Enter password: ")?,
                Some(password) => password.to_owned(),
            };
            form.push(("grant_type", "password".to_owned()));
            form.push(("username", user.clone()));
            form.push(("password", password));
        }
        None => {
            if !proves_client {
                session.secret = Some(prompt("Enter client secret: ")?);
            }
            form.push(("grant_type", "client_credentials".to_owned()));
        }
    }
    request(http, server, realm, form, session).await
}

/// The session with a token that can be sent; a new one where the old has ended.
pub(crate) async fn renewed(
    http: &reqwest::Client,
    server: &str,
    realm: &str,
    session: &Session,
) -> anyhow::Result<Option<Session>> {
    let now = now_milliseconds();
    if session.expires_at - LEEWAY > now {
        return Ok(None);
    }
    let form = match &session.refresh_token {
        Some(token)
            if session
                .refresh_expires_at
                .is_none_or(|end| end == 0 || end - LEEWAY > now) =>
        {
            vec![
                ("grant_type", "refresh_token".to_owned()),
                ("refresh_token", token.clone()),
            ]
        }
        None if session.secret.is_some()
            || session.key.is_some()
            || session.assertion_file.is_some() =>
        {
            vec![("grant_type", "client_credentials".to_owned())]
        }
        _ => bail!("the login has ended: log in again with `realmkeep admin config credentials`"),
    };
    request(http, server, realm, form, session.clone())
        .await
        .context("the login has ended: log in again with `realmkeep admin config credentials`")
        .map(Some)
}

async fn request(
    http: &reqwest::Client,
    server: &str,
    realm: &str,
    mut form: Vec<(&'static str, String)>,
    mut session: Session,
) -> anyhow::Result<Session> {
    let url = connection::joined(
        server,
        &["realms", realm, "protocol", "openid-connect", "token"],
    )?;
    if !session.client_id.is_empty() {
        form.push(("client_id", session.client_id.clone()));
    }
    if let Some(file) = &session.assertion_file {
        let token =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        form.push(("client_assertion_type", JWT_BEARER.to_owned()));
        form.push(("client_assertion", token.trim().to_owned()));
    } else if session.key.is_some() {
        form.push(("client_assertion_type", JWT_BEARER.to_owned()));
        form.push((
            "client_assertion",
            assertion(&format!("{server}/realms/{realm}"), &session)?,
        ));
    } else if let Some(secret) = &session.secret {
        form.push(("client_secret", secret.clone()));
    }
    let answer = http
        .post(url.clone())
        .form(&form)
        .send()
        .await
        .with_context(|| format!("no answer from {server}"))?;
    let status = answer.status();
    let body = answer.bytes().await?;
    if !status.is_success() {
        bail!("{} [{url}]", connection::reason(status, &body));
    }
    let answer: TokenAnswer = serde_json::from_slice(&body)
        .with_context(|| format!("{url} answers with something else than a token"))?;
    let now = now_milliseconds();
    session.token = answer.access_token;
    session.expires_at = now + answer.expires_in * 1_000;
    session.refresh_expires_at = answer
        .refresh_expires_in
        .filter(|seconds| *seconds > 0)
        .map(|seconds| now + seconds * 1_000);
    session.refresh_token = answer.refresh_token;
    Ok(session)
}

/// A JWT of the client's own (RFC 7523 section 3), for the realm's issuer alone.
fn assertion(issuer: &str, session: &Session) -> anyhow::Result<String> {
    let file = session.key.as_deref().context("there is no key")?;
    let key = PrivateKeyDer::from_pem_file(file)
        .with_context(|| format!("{} holds no PEM private key", file.display()))?;
    let kid = session.kid.as_deref();
    let candidates = [
        Algorithm::Rs256,
        Algorithm::Es256,
        Algorithm::EdDsa,
        Algorithm::Es384,
        Algorithm::Es512,
    ];
    let key = candidates
        .into_iter()
        .find_map(|algorithm| signing_key(&key, algorithm, kid))
        .with_context(|| {
            format!(
                "{} is neither an RSA, P-256, P-384, P-521 nor Ed25519 key",
                file.display()
            )
        })?;
    let now = now_milliseconds() / 1_000;
    let claims = json!({
        "iss": session.client_id, "sub": session.client_id, "aud": issuer,
        "iat": now, "exp": now + ASSERTION_LIFESPAN, "jti": uuid::Uuid::new_v4().to_string(),
    });
    Ok(key.sign("JWT", &claims)?)
}

fn signing_key(
    key: &PrivateKeyDer<'_>,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Option<SigningKey> {
    let parse = |kid: &str| match key {
        PrivateKeyDer::Pkcs8(der) => {
            SigningKey::from_pkcs8(algorithm, kid, der.secret_pkcs8_der()).ok()
        }
        PrivateKeyDer::Pkcs1(der) => {
            SigningKey::from_pkcs1(algorithm, kid, der.secret_pkcs1_der()).ok()
        }
        _ => None,
    };
    let first = parse(kid.unwrap_or("key"))?;
    if kid.is_some() {
        return Some(first);
    }
    let thumbprint = first.public_jwk()?.thumbprint().ok()?;
    parse(&thumbprint)
}

fn prompt(question: &str) -> anyhow::Result<String> {
    let answer = Zeroizing::new(
        rpassword::prompt_password(question)
            .context("there is no terminal to ask on: give the value by option or environment")?,
    );
    Ok(answer.to_string())
}

pub(crate) fn now_milliseconds() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
