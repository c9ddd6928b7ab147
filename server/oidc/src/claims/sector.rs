//! Whether the redirect URIs of a client with pairwise subjects belong to one sector (OpenID Connect
//! Core section 8.1, Dynamic Client Registration section 5): otherwise a client could name the sector
//! of another, and learn how that one calls its users.

use std::collections::BTreeSet;

use realmkeep_representations::{ClientRepresentation, ProtocolMapperRepresentation};
use realmkeep_workload_identity::OutboundHttp;

use super::pairwise_subject::{SECTOR, TYPE, hosts};

/// Checks the client's own pairwise mappers, asking for the list of redirect URIs where one is named.
///
/// # Errors
/// What is wrong.
pub async fn check_sector(
    http: &OutboundHttp,
    client: &ClientRepresentation,
) -> Result<(), String> {
    let mappers = client.protocol_mappers.iter().flatten();
    let pairwise = mappers.filter(|m| m.protocol_mapper.as_deref() == Some(TYPE.id));
    for mapper in pairwise {
        match uri(mapper) {
            Some(uri) => check_document(http, uri, client).await?,
            None if hosts(client).len() > 1 => {
                return Err(
                    "redirect URIs with more than one host need a sector identifier URI".to_owned(),
                );
            }
            None => {}
        }
    }
    Ok(())
}

/// Whether a change of the client could change its sector.
pub fn sector_differs(before: &ClientRepresentation, after: &ClientRepresentation) -> bool {
    let uris = |client: &ClientRepresentation| -> BTreeSet<Option<String>> {
        let mappers = client.protocol_mappers.iter().flatten();
        mappers
            .filter(|m| m.protocol_mapper.as_deref() == Some(TYPE.id))
            .map(|mapper| uri(mapper).map(str::to_owned))
            .collect()
    };
    before.redirect_uris != after.redirect_uris
        || before.root_url != after.root_url
        || uris(before) != uris(after)
}

fn uri(mapper: &ProtocolMapperRepresentation) -> Option<&str> {
    let uri = mapper.config.as_ref()?.get(SECTOR)?;
    Some(uri.as_str()).filter(|uri| !uri.is_empty())
}

async fn check_document(
    http: &OutboundHttp,
    uri: &str,
    client: &ClientRepresentation,
) -> Result<(), String> {
    let answer = http
        .get_json::<Vec<String>>(uri, "application/json", None)
        .await;
    let (listed, _) = answer
        .map_err(|e| format!("the sector identifier URI gives no list of redirect URIs: {e}"))?;
    let root = client.root_url.as_deref().unwrap_or_default();
    let missing = client.redirect_uris.iter().flatten().find(|uri| {
        let absolute = match uri.starts_with('/') {
            true => format!("{root}{uri}"),
            false => (*uri).clone(),
        };
        !listed.contains(&absolute)
    });
    match missing {
        None => Ok(()),
        Some(uri) => Err(format!(
            "the list at the sector identifier URI does not have the redirect URI {uri:.200}"
        )),
    }
}
