//! Protocol mappers: what ends up in tokens and in the userinfo answer. One file per kind of mapper,
//! one line each in [`MAPPERS`].

mod acr;
mod address;
mod allowed_origins;
mod amr;
mod audience;
mod audience_resolve;
mod claims_parameter;
mod claims_parameter_value;
mod full_name;
mod group_membership;
mod hardcoded_claim;
mod hardcoded_role;
mod mapper_type;
mod nonce;
mod pairwise_subject;
mod path;
pub mod requested;
mod role_name;
mod roles;
mod sector;
mod session_note;
mod session_state;
mod sub;
mod user_attribute;
mod user_property;

use std::collections::{BTreeMap, HashMap};

use realmkeep_representations::{ClientRepresentation, ProtocolMapperRepresentation};
use realmkeep_store::{Realm, Subject};
use serde_json::{Map, Value};

use mapper_type::MapperType;
use requested::ClaimsRequest;

pub use mapper_type::{is_known_mapper, protocol_mapper_types};
pub use pairwise_subject::SALT as PAIRWISE_SALT;
pub(crate) use pairwise_subject::{is_pairwise, subject_for};
pub use sector::{check_sector, sector_differs};

/// Every kind of mapper that works here.
const MAPPERS: &[&MapperType] = &[
    &acr::TYPE,
    &address::TYPE,
    &allowed_origins::TYPE,
    &amr::TYPE,
    &audience::TYPE,
    &audience_resolve::TYPE,
    &claims_parameter::TYPE,
    &claims_parameter_value::TYPE,
    &full_name::TYPE,
    &group_membership::TYPE,
    &hardcoded_claim::TYPE,
    &hardcoded_role::TYPE,
    &nonce::TYPE,
    &pairwise_subject::TYPE,
    &role_name::TYPE,
    &roles::CLIENT_ROLES,
    &roles::REALM_ROLES,
    &session_note::TYPE,
    &session_state::TYPE,
    &sub::TYPE,
    &user_attribute::TYPE,
    &user_property::TYPE,
];

/// What is being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    AccessToken,
    IdToken,
    UserInfo,
    /// An access token with next to nothing in it; introspection tells the rest.
    LightweightAccessToken,
    Introspection,
    /// What stands beside the tokens in the token endpoint's answer.
    TokenResponse,
}

const EVERYWHERE: &[Target] = &[
    Target::IdToken,
    Target::AccessToken,
    Target::LightweightAccessToken,
    Target::UserInfo,
    Target::Introspection,
];
const EVERYWHERE_AND_RESPONSE: &[Target] = &[
    Target::IdToken,
    Target::AccessToken,
    Target::LightweightAccessToken,
    Target::UserInfo,
    Target::TokenResponse,
    Target::Introspection,
];
const TOKENS: &[Target] = &[
    Target::IdToken,
    Target::AccessToken,
    Target::LightweightAccessToken,
    Target::Introspection,
];
const ACCESS: &[Target] = &[
    Target::AccessToken,
    Target::LightweightAccessToken,
    Target::Introspection,
];

/// All that a mapper may look at.
pub struct Facts<'a> {
    pub realm: &'a Realm,
    pub client: &'a ClientRepresentation,
    pub subject: &'a Subject,
    /// Notes of the user session; for a service account, those of the request.
    pub notes: &'a BTreeMap<String, String>,
    /// What mappers' settings call a role, by that name.
    pub named_roles: &'a HashMap<String, RoleName>,
    pub acr: &'a str,
    /// Methods of the login (RFC 8176).
    pub amr: &'a [String],
    pub nonce: Option<&'a str>,
    pub session_id: Option<&'a str>,
    /// The `claims` parameter of the authorization request.
    pub requested: Option<&'a ClaimsRequest>,
    pub target: Target,
}

/// A role as tokens name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleName {
    /// The clientId; None for a role of the realm.
    pub client: Option<String>,
    pub name: String,
}

/// Claims as they come together.
#[derive(Debug, Default)]
pub struct Claims {
    pub values: Map<String, Value>,
    pub audience: Vec<String>,
    /// The roles that the client may see of those the user has, by name; mappers add to them and rename
    /// them before others write them down.
    roles: Vec<RoleName>,
}

/// Claims that belong to the server, whatever a mapper is named.
const RESERVED: [&str; 13] = [
    "exp", "iat", "nbf", "jti", "iss", "typ", "azp", "sid", "nonce", "at_hash", "c_hash", "scope",
    "cnf",
];

/// Runs the mappers that fill `facts.target`, in the order of their priorities.
pub fn map<'a>(
    mappers: impl IntoIterator<Item = &'a ProtocolMapperRepresentation>,
    roles: &[RoleName],
    facts: &Facts<'_>,
) -> Claims {
    let mut chosen: Vec<(&MapperType, Mapper<'a>)> = mappers
        .into_iter()
        .filter_map(|representation| {
            let id = representation.protocol_mapper.as_deref()?;
            let kind = MAPPERS.iter().find(|kind| kind.id == id)?;
            let mapper = Mapper(representation);
            mapper.fills(kind, facts.target).then_some((*kind, mapper))
        })
        .collect();
    chosen.sort_by_key(|(kind, _)| kind.priority);
    let mut claims = Claims {
        roles: roles.to_vec(),
        ..Claims::default()
    };
    for (kind, mapper) in chosen {
        (kind.apply)(&mapper, facts, &mut claims);
    }
    claims
}

/// What the settings of these mappers call roles.
pub(crate) fn role_settings<'a>(
    mappers: impl IntoIterator<Item = &'a ProtocolMapperRepresentation>,
) -> Vec<&'a str> {
    mappers
        .into_iter()
        .filter(|mapper| {
            let id = mapper.protocol_mapper.as_deref();
            id == Some(hardcoded_role::TYPE.id) || id == Some(role_name::TYPE.id)
        })
        .filter_map(|mapper| Mapper(mapper).config("role"))
        .collect()
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

    fn fills(&self, kind: &MapperType, target: Target) -> bool {
        if !kind.targets.contains(&target) {
            return false;
        }
        if kind.always {
            return true;
        }
        match (self.config(target.switch()), target) {
            (Some(value), _) => value == "true",
            // As exports from before the switch existed mean it.
            (None, Target::UserInfo) => self.is_on(Target::IdToken.switch()),
            (None, Target::Introspection) => true,
            (None, Target::LightweightAccessToken | Target::TokenResponse) => false,
            (None, Target::AccessToken | Target::IdToken) => kind.by_default,
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

    fn add_role(&mut self, role: RoleName) {
        if !self.roles.contains(&role) {
            self.roles.push(role);
        }
    }
}

/// The text in a JSON type; None when it is not of that type.
fn typed(text: &str, label: Option<&str>) -> Option<Value> {
    match label.unwrap_or("String") {
        "long" => text.trim().parse::<i64>().ok().map(Value::from),
        "int" => text.trim().parse::<i32>().ok().map(Value::from),
        "boolean" => Some(Value::from(text.trim().eq_ignore_ascii_case("true"))),
        "JSON" => serde_json::from_str(text).ok(),
        _ => Some(Value::from(text)),
    }
}
