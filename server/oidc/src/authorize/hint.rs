//! `id_token_hint`: the user whom the application knows already (OpenID Connect Core §3.1.2.1).

use realmkeep_jose::{UnverifiedJwt, verify};
use realmkeep_store::Client;

use crate::context::Context;
use crate::error::OAuthError;

use super::request::Refused;

/// The `sub` that the login has to end with; None when the token does not tell, as the client knows
/// its users under other names.
///
/// The token may be from long ago: it says who, and gives no right.
///
/// # Errors
/// When it is no ID token of this realm for this client.
pub(super) async fn subject(
    context: &Context,
    client: &Client,
    hint: &str,
) -> Result<Option<String>, Refused> {
    let wrong = || Refused::invalid("Invalid parameter: id_token_hint");
    let jwt = UnverifiedJwt::parse(hint).map_err(|_| wrong())?;
    let keys = context
        .services
        .keys
        .verification_set(&context.realm)
        .await
        .map_err(|e| Refused::from(OAuthError::from(e)))?;
    let key = keys
        .find(jwt.unverified_kid(), jwt.unverified_algorithm())
        .map_err(|_| wrong())?;
    let token = verify(&jwt, key).map_err(|_| wrong())?;
    let client_id = client.representation.client_id.as_deref();
    let is_ours = token.iss() == Some(context.issuer.as_str())
        && token.str("typ") == Some("ID")
        && token.aud().into_iter().any(|to| Some(to) == client_id);
    if !is_ours {
        return Err(wrong());
    }
    let mappers = client.representation.protocol_mappers.iter().flatten();
    let is_pairwise = mappers
        .filter_map(|mapper| mapper.protocol_mapper.as_deref())
        .any(|kind| kind.contains("pairwise"));
    Ok(token.sub().filter(|_| !is_pairwise).map(str::to_owned))
}
