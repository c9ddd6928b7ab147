//! `sub` as a pairwise pseudonym: another one for each sector (OpenID Connect Core section 8.1).

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use md5::{Digest, Md5};
use realmkeep_representations::{ClientRepresentation, ProtocolMapperRepresentation};
use realmkeep_store::Realm;
use serde_json::Value;
use uuid::Builder;

use super::mapper_type::{MapperType, Property};
use super::{Claims, Facts, Mapper, Target};

/// The setting that keeps pseudonyms from being guessed.
pub const SALT: &str = "pairwiseSubAlgorithmSalt";
/// Setting: where the list of the sector's redirect URIs is.
pub(super) const SECTOR: &str = "sectorIdentifierUri";

pub(super) const TYPE: MapperType = MapperType {
    // After the plain one, which it replaces.
    priority: 0,
    always: true,
    own: &[
        Property::text(
            SECTOR,
            "sectorIdentifierUri.label",
            "Where a list of the redirect URIs of all clients of the sector is; needed when those of this client have more than one host.",
        ),
        Property::text(
            SALT,
            "pairwiseSubAlgorithmSalt.label",
            "Goes into the pseudonyms; made up when empty. Another salt makes other pseudonyms.",
        ),
    ],
    ..MapperType::new(
        "oidc-sha256-pairwise-sub-mapper",
        "Pairwise subject identifier",
        "Puts a pseudonym into 'sub' that is another one for each sector of clients.",
        &[
            Target::AccessToken,
            Target::LightweightAccessToken,
            Target::Introspection,
            Target::IdToken,
            Target::UserInfo,
        ],
        apply,
    )
};

/// Whether one of the mappers makes pairwise identifiers.
pub(crate) fn is_pairwise<'a>(
    mappers: impl IntoIterator<Item = &'a ProtocolMapperRepresentation>,
) -> bool {
    mappers
        .into_iter()
        .any(|mapper| mapper.protocol_mapper.as_deref() == Some(TYPE.id))
}

fn apply(mapper: &Mapper<'_>, facts: &Facts<'_>, claims: &mut Claims) {
    if let Some(id) = facts.subject.user.id.as_deref() {
        let sub = pseudonym_for(mapper, facts.client, id);
        claims.values.insert("sub".to_owned(), Value::from(sub));
    }
}

/// What the client calls the user with this id, outside of tokens too.
pub(crate) fn subject_for(realm: &Realm, client: &ClientRepresentation, user_id: &str) -> String {
    let scopes = client.default_client_scopes.iter().flatten();
    let of_scopes = scopes
        .filter_map(|name| realm.client_scope(name)?.protocol_mappers.as_ref())
        .flatten();
    let pairwise = of_scopes
        .chain(client.protocol_mappers.iter().flatten())
        .find(|mapper| mapper.protocol_mapper.as_deref() == Some(TYPE.id));
    match pairwise {
        Some(mapper) => pseudonym_for(&Mapper(mapper), client, user_id),
        None => user_id.to_owned(),
    }
}

fn pseudonym_for(mapper: &Mapper<'_>, client: &ClientRepresentation, id: &str) -> String {
    let own = mapper.config(SECTOR).and_then(host);
    let sector = own.or_else(|| sector(client));
    // A client without any host is a sector of its own.
    let sector = sector.as_deref().or(client.client_id.as_deref());
    let salt = mapper.config(SALT).unwrap_or_default();
    pseudonym(sector.unwrap_or_default(), id, salt)
}

/// The one host of the client's redirect URIs.
fn sector(client: &ClientRepresentation) -> Option<String> {
    let mut hosts = hosts(client).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    }
}

/// The hosts of the client's redirect URIs.
pub(super) fn hosts(client: &ClientRepresentation) -> BTreeSet<String> {
    let root = client.root_url.as_deref().unwrap_or_default();
    client
        .redirect_uris
        .iter()
        .flatten()
        .filter_map(|uri| {
            if uri.starts_with('/') {
                host(&format!("{root}{uri}"))
            } else {
                host(uri)
            }
        })
        .collect()
}

/// The secrecy is in SHA-256 and the salt; MD5 only folds the hash into a UUID, so that realms that move
/// here keep their users' pseudonyms.
fn pseudonym(sector: &str, id: &str, salt: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [sector, id, salt] {
        hash.update(part.as_bytes());
    }
    let folded: [u8; 16] = Md5::digest(hash.finish().as_ref()).into();
    Builder::from_md5_bytes(folded).into_uuid().to_string()
}

fn host(url: &str) -> Option<String> {
    url::Url::parse(url).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_depend_on_sector_user_and_salt() {
        let one = pseudonym("a.test", "u", "s");
        assert_eq!(one, pseudonym("a.test", "u", "s"));
        assert_ne!(one, pseudonym("b.test", "u", "s"));
        assert_ne!(one, pseudonym("a.test", "v", "s"));
        assert_ne!(one, pseudonym("a.test", "u", "t"));
        let parsed: uuid::Uuid = one.parse().unwrap();
        assert_eq!(parsed.get_version_num(), 3);
    }
}
