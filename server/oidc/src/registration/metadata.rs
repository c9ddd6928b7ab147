//! Client metadata (RFC 7591 section 2, OpenID Connect Dynamic Client Registration section 2) as a
//! client's settings, and back.

use std::collections::BTreeMap;

use realmkeep_model::redirect_uri::RedirectPattern;
use realmkeep_representations::{ClientRepresentation, ProtocolMapperRepresentation};
use serde_json::{Map, Value, json};

use super::problem;
use crate::error::OAuthError;

/// Most entries of a list, and longest text, of metadata.
const MAX_ENTRIES: usize = 100;
const MAX_TEXT: usize = 4_096;
const MAX_KEYS: usize = 64 * 1024;

const PAIRWISE: &str = "oidc-sha256-pairwise-sub-mapper";

/// Texts that stand in an attribute of their own.
const TEXTS: &[(&str, &str)] = &[
    ("logo_uri", "logoUri"),
    ("policy_uri", "policyUri"),
    ("tos_uri", "tosUri"),
    (
        "token_endpoint_auth_signing_alg",
        "token.endpoint.auth.signing.alg",
    ),
    (
        "id_token_signed_response_alg",
        "id.token.signed.response.alg",
    ),
    (
        "id_token_encrypted_response_alg",
        "id.token.encrypted.response.alg",
    ),
    (
        "id_token_encrypted_response_enc",
        "id.token.encrypted.response.enc",
    ),
    (
        "userinfo_signed_response_alg",
        "user.info.response.signature.alg",
    ),
    (
        "userinfo_encrypted_response_alg",
        "user.info.encrypted.response.alg",
    ),
    (
        "userinfo_encrypted_response_enc",
        "user.info.encrypted.response.enc",
    ),
    ("request_object_signing_alg", "request.object.signature.alg"),
    (
        "request_object_encryption_alg",
        "request.object.encryption.alg",
    ),
    (
        "request_object_encryption_enc",
        "request.object.encryption.enc",
    ),
    (
        "authorization_signed_response_alg",
        "authorization.signed.response.alg",
    ),
    (
        "authorization_encrypted_response_alg",
        "authorization.encrypted.response.alg",
    ),
    (
        "authorization_encrypted_response_enc",
        "authorization.encrypted.response.enc",
    ),
    ("tls_client_auth_subject_dn", "x509.subjectdn"),
    ("backchannel_logout_uri", "backchannel.logout.url"),
    ("frontchannel_logout_uri", "frontchannel.logout.url"),
    (
        "backchannel_token_delivery_mode",
        "ciba.backchannel.token.delivery.mode",
    ),
    (
        "backchannel_client_notification_endpoint",
        "ciba.backchannel.client.notification.endpoint",
    ),
    (
        "backchannel_authentication_request_signing_alg",
        "ciba.backchannel.auth.request.signing.alg",
    ),
];

/// Switches that stand in an attribute of their own.
const SWITCHES: &[(&str, &str)] = &[
    (
        "backchannel_logout_session_required",
        "backchannel.logout.session.required",
    ),
    (
        "frontchannel_logout_session_required",
        "frontchannel.logout.session.required",
    ),
    (
        "require_pushed_authorization_requests",
        "require.pushed.authorization.requests",
    ),
    (
        "tls_client_certificate_bound_access_tokens",
        "tls.client.certificate.bound.access.tokens",
    ),
    ("dpop_bound_access_tokens", "dpop.bound.access.tokens"),
];

/// Lists that stand in an attribute of their own, with `##` between the entries.
const LISTS: &[(&str, &str)] = &[
    ("request_uris", "request.uris"),
    ("post_logout_redirect_uris", "post.logout.redirect.uris"),
    ("default_acr_values", "default.acr.values"),
];

/// Authentication methods with the client authenticator of each.
const METHODS: &[(&str, &str)] = &[
    ("client_secret_basic", "client-secret"),
    ("client_secret_post", "client-secret"),
    ("client_secret_jwt", "client-secret-jwt"),
    ("private_key_jwt", "client-jwt"),
    ("tls_client_auth", "client-x509"),
];

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CIBA: &str = "urn:openid:params:grant-type:ciba";

/// Writes the metadata over a client: what is absent is what a new client has.
///
/// # Errors
/// `invalid_redirect_uri` or `invalid_client_metadata`, naming the member.
pub(super) fn apply(
    metadata: &Map<String, Value>,
    client: &mut ClientRepresentation,
) -> Result<(), OAuthError> {
    let read = Reader(metadata);
    client.name = read.text("client_name")?;
    client.base_url = read.text("client_uri")?;
    let redirect_uris = read.list("redirect_uris")?.unwrap_or_default();
    check_addresses("redirect_uris", "invalid_redirect_uri", &redirect_uris)?;
    let after_logout = read.list("post_logout_redirect_uris")?.unwrap_or_default();
    check_addresses(
        "post_logout_redirect_uris",
        "invalid_client_metadata",
        &after_logout,
    )?;
    if let Some(mode) = read.text("backchannel_token_delivery_mode")?
        && !matches!(mode.as_str(), "poll" | "ping")
    {
        return Err(problem(
            "invalid_client_metadata",
            format!("backchannel_token_delivery_mode: {mode:.50} is not supported"),
        ));
    }
    let responses = read.list("response_types")?;
    let grants = read.list("grant_types")?;
    flows(client, responses, grants, &redirect_uris)?;
    client.redirect_uris = Some(redirect_uris);
    if client.web_origins.as_ref().is_none_or(Vec::is_empty) {
        client.web_origins = Some(vec!["+".to_owned()]);
    }
    authentication(&read, client)?;
    if let Some(scope) = read.text("scope")? {
        client.optional_client_scopes = Some(scope.split_whitespace().map(str::to_owned).collect());
    }

    let attributes = client.attributes.get_or_insert_default();
    for (name, attribute) in TEXTS {
        set(attributes, attribute, read.text(name)?);
    }
    for (name, attribute) in SWITCHES {
        set(
            attributes,
            attribute,
            read.switch(name)?.map(|on| on.to_string()),
        );
    }
    for (name, attribute) in LISTS {
        set(
            attributes,
            attribute,
            read.list(name)?.map(|list| list.join("##")),
        );
    }
    set(
        attributes,
        "default.max.age",
        read.number("default_max_age")?.map(|age| age.to_string()),
    );
    keys(&read, attributes)?;
    if read.text("frontchannel_logout_uri")?.is_some() {
        client.frontchannel_logout = Some(true);
    }
    subject_type(&read, client)
}

/// Addresses that browsers are sent to: absolute ones without a wildcard.
fn check_addresses(
    member: &str,
    error: &'static str,
    addresses: &[String],
) -> Result<(), OAuthError> {
    for uri in addresses {
        if uri.starts_with('/') || RedirectPattern::parse(uri, None).is_err() || uri.ends_with('*')
        {
            let text = format!("{member}: {uri:.200} cannot be registered");
            return Err(problem(error, text));
        }
    }
    Ok(())
}

/// The client's settings as metadata.
pub(super) fn of(client: &ClientRepresentation) -> Map<String, Value> {
    let mut metadata = Map::new();
    let attribute = |name: &str| client.attributes.as_ref().and_then(|all| all.get(name));
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            metadata.insert(name.to_owned(), value);
        }
    };
    put("client_id", json!(client.client_id));
    put("client_name", json!(client.name));
    put("client_uri", json!(client.base_url));
    put("redirect_uris", json!(client.redirect_uris));
    put("grant_types", json!(grant_types(client)));
    put("response_types", json!(response_types(client)));
    let public = client.public_client == Some(true);
    let authenticator = client.client_authenticator_type.as_deref();
    let chosen = attribute("token.endpoint.auth.method").map(String::as_str);
    let method = if public {
        Some("none")
    } else {
        chosen.or_else(|| {
            let fits = |(_, id): &&(&str, &str)| Some(*id) == authenticator;
            METHODS.iter().find(fits).map(|(name, _)| *name)
        })
    };
    put("token_endpoint_auth_method", json!(method));
    let scopes = client.optional_client_scopes.as_ref();
    put("scope", json!(scopes.map(|list| list.join(" "))));
    for (name, key) in TEXTS {
        put(name, json!(attribute(key)));
    }
    for (name, key) in SWITCHES {
        put(name, json!(attribute(key).is_some_and(|on| on == "true")));
    }
    for (name, key) in LISTS {
        let list = attribute(key).map(|text| text.split("##").collect::<Vec<_>>());
        put(name, json!(list));
    }
    let age = attribute("default.max.age").and_then(|age| age.parse::<i64>().ok());
    put("default_max_age", json!(age));
    put("jwks_uri", json!(attribute("jwks.url")));
    let jwks = attribute("jwks.string").and_then(|text| serde_json::from_str::<Value>(text).ok());
    put("jwks", jwks.unwrap_or(Value::Null));
    let mappers = client.protocol_mappers.iter().flatten();
    let pairwise = mappers
        .clone()
        .find(|mapper| mapper.protocol_mapper.as_deref() == Some(PAIRWISE));
    put(
        "subject_type",
        json!(if pairwise.is_some() {
            "pairwise"
        } else {
            "public"
        }),
    );
    let sector = pairwise.and_then(|mapper| mapper.config.as_ref()?.get("sectorIdentifierUri"));
    put("sector_identifier_uri", json!(sector));
    if !public && let Some(secret) = &client.secret {
        put("client_secret", json!(secret.expose()));
        put("client_secret_expires_at", json!(0));
    }
    metadata
}

/// Which flows the response and grant types stand for; they have to agree (RFC 7591 section 2.1).
fn flows(
    client: &mut ClientRepresentation,
    responses: Option<Vec<String>>,
    grants: Option<Vec<String>>,
    redirect_uris: &[String],
) -> Result<(), OAuthError> {
    let invalid = |text: String| problem("invalid_client_metadata", text);
    let responses = responses.unwrap_or_else(|| {
        let code = grants
            .as_ref()
            .is_none_or(|all| all.iter().any(|g| g == "authorization_code"));
        if code {
            vec!["code".to_owned()]
        } else {
            Vec::new()
        }
    });
    let (mut code, mut implicit) = (false, false);
    for response in &responses {
        for part in response.split(' ') {
            match part {
                "code" => code = true,
                "token" | "id_token" => implicit = true,
                "none" => {}
                other => return Err(invalid(format!("response_types: {other:.50} is not known"))),
            }
        }
    }
    let grants = grants.unwrap_or_else(|| {
        let mut all = Vec::new();
        if code {
            all.extend(["authorization_code".to_owned(), "refresh_token".to_owned()]);
        }
        if implicit {
            all.push("implicit".to_owned());
        }
        all
    });
    let has = |name: &str| grants.iter().any(|grant| grant == name);
    for grant in &grants {
        let known = [
            "authorization_code",
            "implicit",
            "password",
            "client_credentials",
            "refresh_token",
            DEVICE,
            CIBA,
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ];
        if !known.contains(&grant.as_str()) {
            return Err(invalid(format!("grant_types: {grant:.100} is not known")));
        }
    }
    if code && !has("authorization_code") {
        return Err(invalid(
            "grant_types: authorization_code is missing for a response type with code".to_owned(),
        ));
    }
    if implicit && !has("implicit") {
        return Err(invalid(
            "grant_types: implicit is missing for a response type with a token".to_owned(),
        ));
    }
    if (code || implicit) && redirect_uris.is_empty() {
        return Err(problem(
            "invalid_redirect_uri",
            "redirect_uris: at least one is needed for a flow with a browser".to_owned(),
        ));
    }
    client.standard_flow_enabled = Some(code || has("authorization_code"));
    client.implicit_flow_enabled = Some(implicit);
    client.direct_access_grants_enabled = Some(has("password"));
    client.service_accounts_enabled = Some(has("client_credentials"));
    let attributes = client.attributes.get_or_insert_default();
    let mut switch = |name: &str, on: bool| attributes.insert(name.to_owned(), on.to_string());
    switch("use.refresh.tokens", has("refresh_token"));
    switch("oauth2.device.authorization.grant.enabled", has(DEVICE));
    switch("oidc.ciba.grant.enabled", has(CIBA));
    Ok(())
}

fn grant_types(client: &ClientRepresentation) -> Vec<&'static str> {
    let on = |name: &str| {
        let attributes = client.attributes.as_ref();
        attributes.and_then(|all| all.get(name)).map(String::as_str)
    };
    let all = [
        (
            client.standard_flow_enabled == Some(true),
            "authorization_code",
        ),
        (client.implicit_flow_enabled == Some(true), "implicit"),
        (
            client.direct_access_grants_enabled == Some(true),
            "password",
        ),
        (
            client.service_accounts_enabled == Some(true),
            "client_credentials",
        ),
        (on("use.refresh.tokens") != Some("false"), "refresh_token"),
        (
            on("oauth2.device.authorization.grant.enabled") == Some("true"),
            DEVICE,
        ),
        (on("oidc.ciba.grant.enabled") == Some("true"), CIBA),
    ];
    all.into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| name)
        .collect()
}

fn response_types(client: &ClientRepresentation) -> Vec<&'static str> {
    let mut all = Vec::new();
    let code = client.standard_flow_enabled == Some(true);
    let implicit = client.implicit_flow_enabled == Some(true);
    if code {
        all.extend(["code", "none"]);
    }
    if implicit {
        all.extend(["id_token", "token", "id_token token"]);
    }
    if code && implicit {
        all.extend(["code id_token", "code token", "code id_token token"]);
    }
    all
}

fn authentication(read: &Reader<'_>, client: &mut ClientRepresentation) -> Result<(), OAuthError> {
    let method = read.text("token_endpoint_auth_method")?;
    let attributes = client.attributes.get_or_insert_default();
    attributes.remove("token.endpoint.auth.method");
    client.public_client = Some(method.as_deref() == Some("none"));
    match method.as_deref() {
        None => client.client_authenticator_type = Some("client-secret".to_owned()),
        Some("none") => {}
        Some(name) => {
            let known = METHODS.iter().find(|(known, _)| *known == name);
            let (_, authenticator) = known.ok_or_else(|| {
                problem(
                    "invalid_client_metadata",
                    format!("token_endpoint_auth_method: {name:.50} is not supported"),
                )
            })?;
            client.client_authenticator_type = Some((*authenticator).to_owned());
            attributes.insert("token.endpoint.auth.method".to_owned(), name.to_owned());
        }
    }
    Ok(())
}

fn keys(read: &Reader<'_>, attributes: &mut BTreeMap<String, String>) -> Result<(), OAuthError> {
    let url = read.text("jwks_uri")?;
    let set = match read.0.get("jwks") {
        None | Some(Value::Null) => None,
        Some(set @ Value::Object(_)) => Some(set.to_string()).filter(|t| t.len() <= MAX_KEYS),
        Some(_) => None,
    };
    let given = read.0.get("jwks").is_some_and(|set| !set.is_null());
    if given && (set.is_none() || url.is_some()) {
        return Err(problem(
            "invalid_client_metadata",
            "jwks: it has to be a key set, and not beside jwks_uri".to_owned(),
        ));
    }
    set_pair(attributes, "use.jwks.url", "jwks.url", url);
    set_pair(attributes, "use.jwks.string", "jwks.string", set);
    Ok(())
}

fn set_pair(
    attributes: &mut BTreeMap<String, String>,
    switch: &str,
    name: &str,
    value: Option<String>,
) {
    attributes.insert(switch.to_owned(), value.is_some().to_string());
    set(attributes, name, value);
}

fn subject_type(read: &Reader<'_>, client: &mut ClientRepresentation) -> Result<(), OAuthError> {
    let kind = read.text("subject_type")?;
    let sector = read.text("sector_identifier_uri")?;
    let mappers = client.protocol_mappers.get_or_insert_default();
    let is_pairwise =
        |m: &ProtocolMapperRepresentation| m.protocol_mapper.as_deref() == Some(PAIRWISE);
    match kind.as_deref() {
        None | Some("public") => mappers.retain(|mapper| !is_pairwise(mapper)),
        Some("pairwise") => {
            let sector = sector.unwrap_or_default();
            if let Some(mapper) = mappers.iter_mut().find(|mapper| is_pairwise(mapper)) {
                let config = mapper.config.get_or_insert_default();
                config.insert("sectorIdentifierUri".to_owned(), sector);
            } else {
                mappers.push(ProtocolMapperRepresentation {
                    id: Some(uuid::Uuid::new_v4().to_string()),
                    name: Some("pairwise subject identifier".to_owned()),
                    protocol: Some("openid-connect".to_owned()),
                    protocol_mapper: Some(PAIRWISE.to_owned()),
                    config: Some(BTreeMap::from([
                        ("sectorIdentifierUri".to_owned(), sector),
                        (
                            crate::claims::PAIRWISE_SALT.to_owned(),
                            realmkeep_authn::random::token(18),
                        ),
                    ])),
                    ..ProtocolMapperRepresentation::default()
                });
            }
        }
        Some(other) => {
            return Err(problem(
                "invalid_client_metadata",
                format!("subject_type: {other:.50} is not known"),
            ));
        }
    }
    Ok(())
}

fn set(attributes: &mut BTreeMap<String, String>, name: &str, value: Option<String>) {
    match value {
        Some(value) => attributes.insert(name.to_owned(), value),
        None => attributes.remove(name),
    };
}

/// Members of the metadata by type.
struct Reader<'a>(&'a Map<String, Value>);

impl Reader<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, OAuthError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= MAX_TEXT && !text.contains('\0') => {
                Ok(Some(text.clone()).filter(|text| !text.is_empty()))
            }
            Some(_) => Err(wrong(name, "a text")),
        }
    }

    fn switch(&self, name: &str) -> Result<Option<bool>, OAuthError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(on)) => Ok(Some(*on)),
            Some(_) => Err(wrong(name, "true or false")),
        }
    }

    fn number(&self, name: &str) -> Result<Option<i64>, OAuthError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(n)) => n
                .as_i64()
                .filter(|n| *n >= 0)
                .map(Some)
                .ok_or_else(|| wrong(name, "a number of seconds")),
            Some(_) => Err(wrong(name, "a number of seconds")),
        }
    }

    fn list(&self, name: &str) -> Result<Option<Vec<String>>, OAuthError> {
        let list = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(list)) if list.len() <= MAX_ENTRIES => list,
            Some(_) => return Err(wrong(name, "a list of texts")),
        };
        list.iter()
            .map(|item| match item {
                Value::String(text) if text.len() <= MAX_TEXT && !text.contains('\0') => {
                    Ok(text.clone())
                }
                _ => Err(wrong(name, "a list of texts")),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

fn wrong(name: &str, expected: &str) -> OAuthError {
    problem(
        "invalid_client_metadata",
        format!("{name}: it has to be {expected}"),
    )
}
