//! Protocol mappers: what ends up in tokens and in the userinfo answer. One file per kind of mapper,
//! one line each in [`MAPPERS`].

mod acr;
mod address;
mod allowed_origins;
mod audience;
mod audience_resolve;
mod full_name;
mod group_membership;
mod hardcoded_claim;
mod hardcoded_role;
mod nonce;
mod path;
mod roles;
mod session_note;
mod sub;
mod user_attribute;
mod user_property;

use std::collections::{BTreeMap, HashMap};

use realmkeep_representations::{
    ClientRepresentation, ProtocolMapperRepresentation, RoleRepresentation,
};
use realmkeep_store::{Realm, Subject};
use serde_json::{Map, Value};

pub use hardcoded_role::granted_roles;

/// What is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    AccessToken,
    IdToken,
    UserInfo,
}

/// All that a mapper may look at.
pub struct Facts<'a> {
    pub realm: &'a Realm,
    pub client: &'a ClientRepresentation,
    pub subject: &'a Subject,
    /// Notes of the user session; for a service account, those of the request.
    pub notes: &'a BTreeMap<String, String>,
    /// The roles the client may see of those the user has.
    pub roles: &'a [&'a RoleRepresentation],
    /// clientIds by id, of every client whose roles are among them.
    pub client_names: &'a HashMap<String, String>,
    pub acr: &'a str,
    pub nonce: Option<&'a str>,
}

/// Claims as they come together.
#[derive(Debug, Default)]
pub struct Claims {
    pub values: Map<String, Value>,
    pub audience: Vec<String>,
}

/// A kind of mapper.
struct Kind {
    id: &'static str,
    targets: &'static [Target],
    /// Whether a mapper without the switches for a target fills it; older exports have none.
    by_default: bool,
    apply: fn(&Mapper<'_>, &Facts<'_>, &mut Claims),
}

const EVERYWHERE: &[Target] = &[Target::AccessToken, Target::IdToken, Target::UserInfo];
const TOKENS: &[Target] = &[Target::AccessToken, Target::IdToken];
const ACCESS: &[Target] = &[Target::AccessToken];

const MAPPERS: &[Kind] = &[
    kind(
        "oidc-usermodel-property-mapper",
        EVERYWHERE,
        false,
        user_property::apply,
    ),
    kind(
        "oidc-usermodel-attribute-mapper",
        EVERYWHERE,
        false,
        user_attribute::apply,
    ),
    kind(
        "oidc-usermodel-realm-role-mapper",
        EVERYWHERE,
        false,
        roles::realm,
    ),
    kind(
        "oidc-usermodel-client-role-mapper",
        EVERYWHERE,
        false,
        roles::client,
    ),
    kind("oidc-full-name-mapper", EVERYWHERE, false, full_name::apply),
    kind("oidc-address-mapper", EVERYWHERE, false, address::apply),
    kind("oidc-audience-mapper", TOKENS, false, audience::apply),
    kind(
        "oidc-audience-resolve-mapper",
        ACCESS,
        true,
        audience_resolve::apply,
    ),
    kind(
        "oidc-allowed-origins-mapper",
        ACCESS,
        true,
        allowed_origins::apply,
    ),
    kind("oidc-acr-mapper", TOKENS, true, acr::apply),
    kind("oidc-sub-mapper", ACCESS, true, sub::apply),
    kind(
        "oidc-usersessionmodel-note-mapper",
        EVERYWHERE,
        false,
        session_note::apply,
    ),
    kind(
        "oidc-hardcoded-claim-mapper",
        EVERYWHERE,
        false,
        hardcoded_claim::apply,
    ),
    kind(
        "oidc-group-membership-mapper",
        EVERYWHERE,
        false,
        group_membership::apply,
    ),
    kind(
        "oidc-nonce-backwards-compatible-mapper",
        ACCESS,
        true,
        nonce::apply,
    ),
];

/// Claims that belong to the server, whatever a mapper is named.
const RESERVED: [&str; 11] = [
    "exp", "iat", "jti", "iss", "typ", "azp", "sid", "nonce", "at_hash", "scope", "cnf",
];

const fn kind(
    id: &'static str,
    targets: &'static [Target],
    by_default: bool,
    apply: fn(&Mapper<'_>, &Facts<'_>, &mut Claims),
) -> Kind {
    Kind {
        id,
        targets,
        by_default,
        apply,
    }
}

/// Runs the mappers that fill `target`.
pub fn map<'a>(
    mappers: impl IntoIterator<Item = &'a ProtocolMapperRepresentation>,
    target: Target,
    facts: &Facts<'_>,
) -> Claims {
    let mut claims = Claims::default();
    for representation in mappers {
        let id = representation
            .protocol_mapper
            .as_deref()
            .unwrap_or_default();
        let Some(kind) = MAPPERS.iter().find(|kind| kind.id == id) else {
            continue;
        };
        let mapper = Mapper(representation);
        if kind.targets.contains(&target) && mapper.fills(target, kind.by_default) {
            (kind.apply)(&mapper, facts, &mut claims);
        }
    }
    claims
}

/// A mapper's settings.
pub(crate) struct Mapper<'a>(&'a ProtocolMapperRepresentation);

impl<'a> Mapper<'a> {
    fn config(&self, name: &str) -> Option<&'a str> {
        self.0
            .config
            .as_ref()?
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    fn is_on(&self, name: &str) -> bool {
        self.config(name) == Some("true")
    }

    fn fills(&self, target: Target, by_default: bool) -> bool {
        let switch = match target {
            Target::AccessToken => "access.token.claim",
            Target::IdToken => "id.token.claim",
            Target::UserInfo => "userinfo.token.claim",
        };
        match self.config(switch) {
            Some(value) => value == "true",
            None => by_default && target != Target::UserInfo,
        }
    }

    /// Puts values under `claim.name` in the type that the mapper asks for.
    fn put(&self, claims: &mut Claims, values: &[&str]) {
        let typed: Vec<Value> = values
            .iter()
            .filter_map(|value| typed(value, self.config("jsonType.label")))
            .collect();
        let value = if self.is_on("multivalued") {
            Value::Array(typed)
        } else {
            match typed.into_iter().next() {
                Some(first) => first,
                None => return,
            }
        };
        self.put_value(claims, value, &[]);
    }

    /// Puts a value under `claim.name`; `variables` are replaced in each part of the name.
    fn put_value(&self, claims: &mut Claims, value: Value, variables: &[(&str, &str)]) {
        let Some(name) = self.config("claim.name") else {
            return;
        };
        let path = path::parts(name, variables);
        match path.first().map(String::as_str) {
            None => {}
            Some(top) if RESERVED.contains(&top) => {}
            Some("aud") if path.len() == 1 => add_audience(claims, &value),
            Some(_) => path::put(&mut claims.values, &path, value),
        }
    }
}

fn add_audience(claims: &mut Claims, value: &Value) {
    let names: Vec<&str> = match value {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    for name in names {
        claims.add_audience(name);
    }
}

impl Claims {
    fn add_audience(&mut self, name: &str) {
        if !self.audience.iter().any(|known| known == name) {
            self.audience.push(name.to_owned());
        }
    }
}

/// The text in a JSON type; None when it is not of that type.
fn typed(text: &str, label: Option<&str>) -> Option<Value> {
    match label.unwrap_or("String") {
        "long" | "int" => text.trim().parse::<i64>().ok().map(Value::from),
        "boolean" => Some(Value::from(text.trim().eq_ignore_ascii_case("true"))),
        "JSON" => serde_json::from_str(text).ok(),
        _ => Some(Value::from(text)),
    }
}
