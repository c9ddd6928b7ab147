//! Request objects (RFC 9101, OpenID Connect Core §6): the parameters as a token that the client has
//! signed, so that nobody on the way can change them.

use std::borrow::Cow;

use realmkeep_jose::validate::{Audience, Checks};
use realmkeep_jose::{Algorithm, EncryptedJwt, UnverifiedJwt, Verified, VerifyingKey, verify};
use realmkeep_representations::ClientRepresentation;
use realmkeep_store::Client;
use serde_json::{Map, Value};

use crate::client_auth;
use crate::context::Context;
use crate::error::OAuthError;
use crate::form::Form;
use crate::policies::SignedObject;

use super::request::Refused;
use super::{attribute, pushed};

/// Explicit type of a request object (RFC 9101 §10.8).
const TYPE: &str = "oauth-authz-req+jwt";
/// Clock skew that is forgiven, in seconds.
const LEEWAY: u32 = 15;
/// Longest life of an object that says when it was made, in seconds.
const MAX_LIFETIME: u32 = 3_600;
/// Client attribute: objects have to say for whom and for when they are, as FAPI 2.0 Message Signing
/// section 5.3.1 asks.
const BOUNDED: &str = "request.object.lifetime.required";
/// Claims of the token itself, which are no parameters.
const OF_TOKEN: [&str; 7] = ["iss", "aud", "exp", "iat", "nbf", "jti", "sub"];
/// Most bytes of one parameter.
const MAX_VALUE: usize = 16 * 1024;

/// What the client attribute `request.object.required` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Required {
    Nothing,
    Either,
    ByValue,
    ByReference,
}

/// The parameters of the request object, and the object; None when none was sent, and need not be.
///
/// # Errors
/// What the application is to be told when the object is not good, or has to be there.
pub(super) async fn resolve(
    context: &Context,
    client: &Client,
    form: &Form,
) -> Result<Option<(Form, SignedObject)>, Refused> {
    let required = required(&client.representation);
    let token: Cow<'_, str> = match (form.value("request"), form.value("request_uri")) {
        (None, None) if required == Required::Nothing => return Ok(None),
        (None, None) => {
            return Err(Refused::invalid(
                "The client has to send its parameters in a request object",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(Refused::invalid(
                "Only one of request and request_uri may be sent",
            ));
        }
        (Some(_), None) if required == Required::ByReference => {
            return Err(Refused::invalid("The client has to use request_uri"));
        }
        (None, Some(_)) if required == Required::ByValue => {
            return Err(Refused::invalid("The client has to use request"));
        }
        (Some(token), None) => Cow::Borrowed(token),
        (None, Some(uri)) => Cow::Owned(fetch(context, client, uri).await?),
    };
    let object = verified(context, client, &token).await?;
    let form = merge(client, form, &object, required)?;
    let object = SignedObject {
        claims: object.claims().clone(),
        encrypted: is_encrypted(&token),
    };
    Ok(Some((form, object)))
}

fn is_encrypted(token: &str) -> bool {
    token.split('.').take(6).count() == 5
}

fn required(client: &ClientRepresentation) -> Required {
    match attribute(client, "request.object.required") {
        Some("request or request_uri") => Required::Either,
        Some("request only") => Required::ByValue,
        Some("request_uri only") => Required::ByReference,
        _ => Required::Nothing,
    }
}

/// Gets the object from an address that the client has registered.
async fn fetch(context: &Context, client: &Client, uri: &str) -> Result<String, Refused> {
    if uri.starts_with(pushed::PREFIX) {
        // Only the authorization endpoint takes references, and it did so before.
        return Err(Refused::new("invalid_request_uri", None));
    }
    // OpenID Connect Core §6.2: a fragment is a hash of the content, there to make the address new.
    let address = uri.split('#').next().unwrap_or_default();
    let registered = attribute(&client.representation, "request.uris").unwrap_or_default();
    let mut registered = registered.split("##").filter(|entry| !entry.is_empty());
    if !registered.any(|entry| entry == uri || entry == address) {
        return Err(Refused::new(
            "invalid_request_uri",
            Some("request_uri is not one that the client has registered"),
        ));
    }
    let unreadable = || {
        Refused::new(
            "invalid_request_uri",
            Some("The request object cannot be fetched from request_uri"),
        )
    };
    let http = context.services.remote_keys.http();
    let accept = "application/oauth-authz-req+jwt, application/jwt";
    let fetched = http.get(address, accept, None).await.map_err(|e| {
        tracing::info!(realm = context.realm.name, cause = %e, "a request object was not fetched");
        unreadable()
    })?;
    if fetched.status != 200 {
        return Err(unreadable());
    }
    let text = std::str::from_utf8(&fetched.body).map_err(|_| unreadable())?;
    Ok(text.trim().to_owned())
}

/// The object, once it is certain that the client has made it for this server and for now.
async fn verified(context: &Context, client: &Client, token: &str) -> Result<Verified, Refused> {
    let representation = &client.representation;
    let signed = decrypted(context, representation, token).await?;
    let jwt = UnverifiedJwt::parse(&signed).map_err(|e| bad(format!("Request object: {e}")))?;
    let algorithm = jwt.unverified_algorithm();
    let pinned = attribute(representation, "request.object.signature.alg")
        .filter(|algorithm| *algorithm != "any");
    if pinned.is_some_and(|pinned| pinned != algorithm.as_str()) {
        return Err(bad(
            "The request object is not signed with the algorithm the client is bound to",
        ));
    }
    // An assertion or an ID token of the same client is no request object.
    if jwt
        .unverified_typ()
        .is_some_and(|typ| !typ.eq_ignore_ascii_case(TYPE) && !typ.eq_ignore_ascii_case("JWT"))
    {
        return Err(bad("The type of the token is not that of a request object"));
    }
    let key = key(context, client, &jwt, algorithm).await?;
    let object = verify(&jwt, &key).map_err(|e| bad(format!("Request object: {e}")))?;
    check(context, representation, &object)?;
    Ok(object)
}

/// The signed token inside an encrypted one.
async fn decrypted<'a>(
    context: &Context,
    client: &ClientRepresentation,
    token: &'a str,
) -> Result<Cow<'a, str>, Refused> {
    let pinned = attribute(client, "request.object.encryption.alg").filter(|alg| *alg != "any");
    match (is_encrypted(token), pinned) {
        (false, None) => Ok(Cow::Borrowed(token)),
        (false, Some(_)) => Err(bad("The client has to encrypt its request objects")),
        (true, pinned) => decrypt(context, client, token, pinned)
            .await
            .map(Cow::Owned),
    }
}

/// What is inside has to be signed: anybody can encrypt for this realm.
async fn decrypt(
    context: &Context,
    client: &ClientRepresentation,
    token: &str,
    alg: Option<&str>,
) -> Result<String, Refused> {
    let message = EncryptedJwt::parse(token).map_err(|e| bad(format!("Request object: {e}")))?;
    let enc = attribute(client, "request.object.encryption.enc").filter(|enc| *enc != "any");
    let is_as_pinned = alg.is_none_or(|alg| alg == message.algorithm().as_str())
        && enc.is_none_or(|enc| enc == message.encryption().as_str());
    if !is_as_pinned {
        return Err(bad(
            "The request object is not encrypted with the algorithms the client is bound to",
        ));
    }
    let keys = context
        .services
        .keys
        .of(&context.realm)
        .await
        .map_err(|e| Refused::from(OAuthError::from(e)))?;
    keys.decrypt(&message)
        .ok()
        .and_then(|content| String::from_utf8(content).ok())
        .ok_or_else(|| bad("The request object cannot be decrypted with a key of this realm"))
}

/// The key that the client signs with: one of its key set, or its secret.
async fn key(
    context: &Context,
    client: &Client,
    jwt: &UnverifiedJwt,
    algorithm: Algorithm,
) -> Result<VerifyingKey, Refused> {
    if !algorithm.is_symmetric() {
        return client_auth::client_key(context, client, jwt)
            .await
            .map_err(|e| {
                let reason = e.reason.unwrap_or_default();
                bad(format!("Request object: {reason}"))
            });
    }
    let representation = &client.representation;
    let secret = representation
        .secret
        .as_ref()
        .filter(|_| representation.public_client != Some(true))
        .ok_or_else(|| bad("The client has no secret to sign request objects with"))?;
    let kid = jwt.unverified_kid().unwrap_or_default();
    VerifyingKey::from_secret(algorithm, kid, secret.expose().as_bytes())
        .map_err(|e| bad(format!("Request object: {e}")))
}

/// Whose it is, for whom, and when. Time is judged where the object says something about it, as
/// OpenID Connect does not ask for it.
fn check(
    context: &Context,
    client: &ClientRepresentation,
    object: &Verified,
) -> Result<(), Refused> {
    let client_id = client.client_id.as_deref().unwrap_or_default();
    if object.iss().is_some_and(|issuer| issuer != client_id) {
        return Err(bad("`iss` of the request object is not the client"));
    }
    // RFC 9101 §10.8: what a client asserts about itself must not be taken for a request.
    if object.sub() == Some(client_id) {
        return Err(bad("`sub` of a request object must not be the client"));
    }
    if object
        .str("client_id")
        .is_some_and(|named| named != client_id)
    {
        return Err(bad("`client_id` of the request object is another client"));
    }
    let audience = [context.issuer.clone()];
    let checks = Checks {
        leeway: LEEWAY,
        audience: Audience::AnyOf(&audience),
        max_lifetime: Some(MAX_LIFETIME),
        ..Checks::new(context.now)
    };
    if attribute(client, BOUNDED) == Some("true") {
        check_bounds(context, client_id, object)?;
    }
    if object.claim("aud").is_some() {
        checks
            .check_audience(object)
            .map_err(|e| bad(format!("Request object: {e}")))?;
    }
    if object.exp().is_some() {
        checks
            .check_time(object)
            .map_err(|e| bad(format!("Request object: {e}")))?;
    } else if object
        .nbf()
        .into_iter()
        .chain(object.iat())
        .any(|time| time > context.now + i64::from(LEEWAY))
    {
        return Err(bad("The request object is not valid yet"));
    }
    Ok(())
}

/// `nbf` is at most an hour old, `exp` at most an hour after it, and `iss` and `aud` are there.
fn check_bounds(context: &Context, client_id: &str, object: &Verified) -> Result<(), Refused> {
    let lifetime = i64::from(MAX_LIFETIME);
    let (Some(nbf), Some(exp)) = (object.nbf(), object.exp()) else {
        return Err(bad("The request object has to have `nbf` and `exp`"));
    };
    if nbf < context.now.saturating_sub(lifetime) {
        return Err(bad("`nbf` of the request object is more than an hour ago"));
    }
    if exp.saturating_sub(nbf) > lifetime {
        return Err(bad(
            "`exp` of the request object is more than an hour after `nbf`",
        ));
    }
    if object.iss() != Some(client_id) || object.claim("aud").is_none() {
        return Err(bad("The request object has to have `iss` and `aud`"));
    }
    Ok(())
}

/// The object's parameters, and no others (RFC 9101 §6.3). Only an OpenID Connect request whose
/// client is free not to use objects may have parameters beside it (OpenID Connect Core §6.1).
fn merge(
    client: &Client,
    form: &Form,
    object: &Verified,
    required: Required,
) -> Result<Form, Refused> {
    let mut parameters = parameters(object.claims())?;
    let has = |parameters: &[(String, String)], name: &str| {
        parameters.iter().any(|(known, _)| known == name)
    };
    for name in ["client_id", "response_type"] {
        let inside = parameters.iter().find(|(known, _)| known == name);
        if let (Some((_, inside)), Some(outside)) = (inside, form.value(name))
            && inside != outside
        {
            return Err(bad(format!(
                "`{name}` of the request object is not that of the request"
            )));
        }
    }
    let is_core = form
        .value("scope")
        .is_some_and(|scope| scope.split(' ').any(|name| name == "openid"))
        && form.value("response_type").is_some();
    let is_typed = object
        .typ()
        .is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE));
    if is_core && !is_typed && required == Required::Nothing {
        for (name, value) in form.pairs() {
            if name != "request" && name != "request_uri" && !has(&parameters, name) {
                parameters.push((name.clone(), value.clone()));
            }
        }
    }
    if !has(&parameters, "client_id") {
        let own = client.representation.client_id.clone().unwrap_or_default();
        parameters.push(("client_id".to_owned(), own));
    }
    Ok(Form::from_pairs(parameters))
}

/// Claims as parameters: text as it is, other values as their JSON.
fn parameters(claims: &Map<String, Value>) -> Result<Vec<(String, String)>, Refused> {
    let mut parameters = Vec::new();
    for (name, value) in claims {
        if OF_TOKEN.contains(&name.as_str()) {
            continue;
        }
        if name == "request" || name == "request_uri" {
            return Err(bad("A request object cannot hold another"));
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if text.len() > MAX_VALUE || text.contains('\0') || name.contains('\0') {
            return Err(bad(
                "A parameter of the request object is too long or holds NUL",
            ));
        }
        parameters.push((name.clone(), text));
    }
    Ok(parameters)
}

fn bad(description: impl Into<Cow<'static, str>>) -> Refused {
    Refused::described("invalid_request_object", description)
}
