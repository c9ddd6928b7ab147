//! The addresses that a client has registered, by the names that refusals call them.

use realmkeep_model::redirect_uri::post_logout_entries;
use realmkeep_representations::ClientRepresentation;
use url::Url;

use crate::authorize::redirect_entry_root;
use crate::context::Context;

/// An attribute of the client; None when it is empty.
pub(super) fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    let value = client.attributes.as_ref()?.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// An attribute that holds a list, joined by two number signs.
pub(super) fn attribute_list<'a>(client: &'a ClientRepresentation, name: &str) -> Vec<&'a str> {
    let joined = attribute(client, name).unwrap_or_default();
    joined
        .split("##")
        .filter(|entry| !entry.is_empty())
        .collect()
}

pub(super) fn set_attribute(client: &mut ClientRepresentation, name: &str, value: &str) {
    let attributes = client.attributes.get_or_insert_default();
    attributes.insert(name.to_owned(), value.to_owned());
}

/// Redirect URIs as they count: relative ones below the client's root.
pub(super) fn redirect_uris(context: &Context, client: &ClientRepresentation) -> Vec<String> {
    let entries = client.redirect_uris.iter().flatten();
    entries.map(|uri| resolved(context, client, uri)).collect()
}

/// Addresses to return to after a logout; `+` stands for the redirect URIs.
pub(super) fn post_logout_uris(context: &Context, client: &ClientRepresentation) -> Vec<String> {
    let Some(own) = attribute(client, "post.logout.redirect.uris") else {
        return Vec::new();
    };
    let redirect_uris = client.redirect_uris.as_deref().unwrap_or_default();
    post_logout_entries(Some(own), redirect_uris)
        .into_iter()
        .map(|uri| resolved(context, client, uri))
        .collect()
}

/// Web origins; `+` stands for those of the redirect URIs.
pub(super) fn web_origins(context: &Context, client: &ClientRepresentation) -> Vec<String> {
    let mut origins = Vec::new();
    for entry in client.web_origins.iter().flatten() {
        if entry == "+" {
            let uris = redirect_uris(context, client);
            origins.extend(uris.iter().filter_map(|uri| {
                let url = Url::parse(uri).ok()?;
                Some(url.origin().ascii_serialization())
            }));
        } else {
            origins.push(entry.clone());
        }
    }
    origins
}

fn resolved(context: &Context, client: &ClientRepresentation, uri: &str) -> String {
    if !uri.starts_with('/') {
        return uri.to_owned();
    }
    let root = redirect_entry_root(context, client).unwrap_or_default();
    format!("{}{uri}", root.trim_end_matches('/'))
}
