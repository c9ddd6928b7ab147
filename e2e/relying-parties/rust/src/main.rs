//! The crate `openidconnect` as a relying party: discovery, dynamic registration, every grant that it
//! knows, userinfo, introspection, revocation and the logout address.
//!
//!   BASE_URL=... ADMIN_PASSWORD=... openidconnect-client
//!
//! The last line is 'N passed, M failed'.

mod http;
mod person;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient,
    CoreClientAuthMethod, CoreClientRegistrationRequest, CoreDeviceAuthorizationResponse,
    CoreGrantType, CoreIdTokenVerifier, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken,
    CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, DeviceAuthorizationUrl, EndSessionUrl, HttpRequest, IntrospectionUrl,
    IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PostLogoutRedirectUrl,
    ProviderMetadata, RedirectUrl, ResourceOwnerPassword, ResourceOwnerUsername, ResponseTypes,
    RevocationUrl, Scope, TokenIntrospectionResponse, TokenResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use http::Http;
use person::{PASSWORD, Person, USERNAME};

const REALM: &str = "openidconnect";
/// Nothing listens here: no redirect to it is followed.
const CALLBACK: &str = "http://127.0.0.1:9/callback";

/// What the discovery document has beside OpenID Connect Discovery's own members.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Endpoints {
    device_authorization_endpoint: DeviceAuthorizationUrl,
    end_session_endpoint: EndSessionUrl,
    introspection_endpoint: IntrospectionUrl,
    revocation_endpoint: RevocationUrl,
}

impl AdditionalProviderMetadata for Endpoints {}

type Metadata = ProviderMetadata<
    Endpoints,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

#[derive(Default)]
struct Steps {
    passed: u32,
    failed: u32,
}

impl Steps {
    fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        match work() {
            Ok(value) => {
                self.passed += 1;
                println!("ok: openidconnect: {name}");
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                println!("FAIL: openidconnect: {name}: {error:#}");
                None
            }
        }
    }
}

fn main() -> ExitCode {
    let mut steps = Steps::default();
    let http = Http::new();
    // What cannot go on without a step before it is counted as one failure.
    if let Err(error) = run(&mut steps, &http) {
        steps.failed += 1;
        println!("FAIL: openidconnect: {error:#}");
    }
    println!("{} passed, {} failed", steps.passed, steps.failed);
    ExitCode::from(u8::from(steps.failed > 0))
}

// spec: OIDC-09, OEP-10
fn run(steps: &mut Steps, http: &Http) -> Result<()> {
    let base = env::var("BASE_URL").context("BASE_URL is not set")?;
    let send = |request: HttpRequest| http.send(request);
    let initial = set_up(http, &base)?;

    let issuer = IssuerUrl::new(format!("{base}/realms/{REALM}"))?;
    let metadata = steps
        .step("discovery and keys", || {
            let metadata = Metadata::discover(&issuer, &send)?;
            ensure!(!metadata.jwks().keys().is_empty(), "no keys");
            Ok(metadata)
        })
        .context("nothing without discovery")?;
    let endpoints = metadata.additional_metadata().clone();
    let registered = steps.step("dynamic registration", || {
        let registration = metadata
            .registration_endpoint()
            .context("no registration endpoint")?;
        let answer = CoreClientRegistrationRequest::new(
            vec![RedirectUrl::new(CALLBACK.to_owned())?],
            Default::default(),
        )
        .set_initial_access_token(Some(AccessToken::new(initial)))
        .set_response_types(Some(vec![ResponseTypes::new(vec![CoreResponseType::Code])]))
        .set_grant_types(Some(vec![
            CoreGrantType::AuthorizationCode,
            CoreGrantType::RefreshToken,
        ]))
        .register(registration, &send)?;
        let secret = answer.client_secret().context("no secret")?;
        Ok((answer.client_id().clone(), secret.clone()))
    });

    // The library revokes over HTTPS only: here TLS ends in `Http`.
    let revocation = endpoints
        .revocation_endpoint
        .as_str()
        .replacen("http:", "https:", 1);
    let revocation = RevocationUrl::new(revocation)?;
    let client_of = |id: ClientId, secret: Option<ClientSecret>| -> Result<_> {
        Ok(
            CoreClient::from_provider_metadata(metadata.clone(), id, secret)
                .set_device_authorization_url(endpoints.device_authorization_endpoint.clone())
                .set_introspection_url(endpoints.introspection_endpoint.clone())
                .set_revocation_url(revocation.clone())
                .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned())?),
        )
    };
    let client = client_of(
        ClientId::new("app".to_owned()),
        Some(ClientSecret::new("app-secret".to_owned())),
    )?;
    let public = client_of(ClientId::new("device".to_owned()), None)?;

    let mut person = Person::default();
    let signed_in = steps.step("code with PKCE", || {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scope(Scope::new("profile".to_owned()))
            .add_scope(Scope::new("email".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let back = person.visit(http, url, Some(CALLBACK))?;
        ensure!(
            parameter(&back, "state")? == *state.secret(),
            "another state"
        );
        let code = AuthorizationCode::new(parameter(&back, "code")?);
        let tokens = client
            .exchange_code(code)?
            .set_pkce_verifier(verifier)
            .request(&send)?;
        check_id_token(&client.id_token_verifier(), &tokens, &nonce)?;
        Ok(tokens)
    });
    if let Some(tokens) = &signed_in {
        logged_in(steps, http, &client, tokens)?;
    }
    steps.step("client credentials", || {
        let tokens = client.exchange_client_credentials()?.request(&send)?;
        ensure!(tokens.refresh_token().is_none(), "a refresh token");
        Ok(())
    });
    steps.step("password", || {
        let (username, password) = (
            ResourceOwnerUsername::new(USERNAME.to_owned()),
            ResourceOwnerPassword::new(PASSWORD.to_owned()),
        );
        let tokens = client
            .exchange_password(&username, &password)?
            .add_scope(Scope::new("openid".to_owned()))
            .request(&send)?;
        ensure!(tokens.id_token().is_some(), "no ID token");
        Ok(())
    });
    steps.step("device", || {
        let details: CoreDeviceAuthorizationResponse =
            public.exchange_device_code().request(&send)?;
        let page = details
            .verification_uri_complete()
            .context("no complete address")?;
        Person::default().visit(http, Url::parse(page.secret())?, None)?;
        let tokens = public.exchange_device_access_token(&details)?.request(
            &send,
            std::thread::sleep,
            Some(Duration::from_secs(60)),
        )?;
        ensure!(tokens.id_token().is_some(), "no ID token");
        Ok(())
    });
    if let Some((id, secret)) = registered {
        let own = client_of(id, Some(secret))?;
        steps.step("code for the registered client", || {
            let (url, _, nonce) = own
                .authorize_url(
                    CoreAuthenticationFlow::AuthorizationCode,
                    CsrfToken::new_random,
                    Nonce::new_random,
                )
                .url();
            let back = Person::default().visit(http, url, Some(CALLBACK))?;
            let code = AuthorizationCode::new(parameter(&back, "code")?);
            let tokens = own.exchange_code(code)?.request(&send)?;
            check_id_token(&own.id_token_verifier(), &tokens, &nonce)
        });
    }
    if let Some(tokens) = &signed_in {
        steps.step("logout in the browser", || {
            let hint = tokens.id_token().context("no ID token")?;
            let url = LogoutRequest::from(endpoints.end_session_endpoint.clone())
                .set_id_token_hint(hint)
                .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(CALLBACK.to_owned())?)
                .set_state(CsrfToken::new("bye".to_owned()))
                .http_get_url();
            let back = person.visit(http, url, Some(CALLBACK))?;
            ensure!(parameter(&back, "state")? == "bye", "another state");
            Ok(())
        });
    }
    Ok(())
}

/// The type of a client whose endpoints are all set.
type Client = CoreClient<
    openidconnect::EndpointSet,
    openidconnect::EndpointSet,
    openidconnect::EndpointSet,
    openidconnect::EndpointSet,
    openidconnect::EndpointMaybeSet,
    openidconnect::EndpointMaybeSet,
>;

/// What an application does with the tokens of a person.
fn logged_in(
    steps: &mut Steps,
    http: &Http,
    client: &Client,
    tokens: &CoreTokenResponse,
) -> Result<()> {
    let send = |request: HttpRequest| http.send(request);
    steps.step("userinfo", || {
        let claims = tokens.id_token().context("no ID token")?;
        let subject = claims
            .claims(&client.id_token_verifier(), |_: Option<&Nonce>| Ok(()))?
            .subject()
            .clone();
        let info: CoreUserInfoClaims = client
            .user_info(tokens.access_token().clone(), Some(subject))?
            .request(&send)?;
        let name = info.preferred_username().context("no name")?;
        ensure!(name.as_str() == USERNAME, "{name:?}");
        Ok(())
    });
    steps.step("introspection", || {
        let answer = client.introspect(tokens.access_token()).request(&send)?;
        ensure!(answer.active(), "not active");
        ensure!(
            answer.username() == Some(USERNAME),
            "{:?}",
            answer.username()
        );
        Ok(())
    });
    let renewed = steps.step("refresh", || {
        let refresh = tokens.refresh_token().context("no refresh token")?;
        let renewed = client.exchange_refresh_token(refresh)?.request(&send)?;
        ensure!(
            renewed.access_token().secret() != tokens.access_token().secret(),
            "the same token"
        );
        Ok(renewed)
    });
    if let Some(renewed) = renewed {
        steps.step("revocation", || {
            let token = CoreRevocableToken::AccessToken(renewed.access_token().clone());
            client.revoke_token(token)?.request(&send)?;
            let answer = client.introspect(renewed.access_token()).request(&send)?;
            ensure!(!answer.active(), "still active");
            Ok(())
        });
    }
    Ok(())
}

fn check_id_token(
    verifier: &CoreIdTokenVerifier<'_>,
    tokens: &CoreTokenResponse,
    nonce: &Nonce,
) -> Result<()> {
    let token = tokens.id_token().context("no ID token")?;
    let claims = token.claims(verifier, nonce)?;
    let expected = claims.access_token_hash().context("no at_hash")?;
    let actual = AccessTokenHash::from_token(
        tokens.access_token(),
        token.signing_alg()?,
        token.signing_key(verifier)?,
    )?;
    ensure!(*expected == actual, "at_hash of another token");
    Ok(())
}

fn parameter(url: &Url, name: &str) -> Result<String> {
    let found = url.query_pairs().find(|(known, _)| known == name);
    let (_, value) = found.with_context(|| format!("no {name} in {url}"))?;
    Ok(value.into_owned())
}

/// A realm with two clients and a person; the answer is an initial access token.
fn set_up(http: &Http, base: &str) -> Result<String> {
    let password = env::var("ADMIN_PASSWORD").context("ADMIN_PASSWORD is not set")?;
    let token = http.post_form(
        &format!("{base}/realms/master/protocol/openid-connect/token"),
        &[
            ("grant_type", "password"),
            ("client_id", "admin-cli"),
            (
                "username",
                &env::var("ADMIN").unwrap_or_else(|_| "admin".to_owned()),
            ),
            ("password", &password),
        ],
    )?;
    let token = token["access_token"]
        .as_str()
        .context("no token for the administrator")?
        .to_owned();
    let post =
        |path: &str, body| http.post_json(&format!("{base}/admin/realms{path}"), &token, &body);
    post("", json!({"realm": REALM, "enabled": true}))?;
    post(
        &format!("/{REALM}/clients"),
        json!({
            "clientId": "app", "secret": "app-secret", "redirectUris": [CALLBACK],
            "serviceAccountsEnabled": true, "directAccessGrantsEnabled": true,
            "attributes": {"post.logout.redirect.uris": "+"},
            // Who may introspect a token is in its audience.
            "protocolMappers": [{
                "name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
                "config": {"included.client.audience": "app", "access.token.claim": "true"},
            }],
        }),
    )?;
    post(
        &format!("/{REALM}/clients"),
        json!({
            "clientId": "device", "publicClient": true, "redirectUris": [CALLBACK],
            "attributes": {"oauth2.device.authorization.grant.enabled": "true"},
        }),
    )?;
    post(
        &format!("/{REALM}/users"),
        json!({
            "username": USERNAME, "enabled": true, "email": "alice@example.test", "emailVerified": true,
            "firstName": "Alice", "lastName": "Liddell",
            "credentials": [{"type": "password", "value": PASSWORD, "temporary": false}],
        }),
    )?;
    let access = post(
        &format!("/{REALM}/clients-initial-access"),
        json!({"count": 1, "expiration": 600}),
    )?;
    Ok(access["token"]
        .as_str()
        .context("no initial access token")?
        .to_owned())
}
