//! `tls_client_auth`: the client's certificate, by its subject (RFC 8705 section 2.1). That it comes
//! from a trusted authority was checked where the connection ends.

use std::sync::Arc;

use realmkeep_store::Client;

use super::presented::Presented;
use super::{Authenticated, attribute, refused};
use crate::context::Context;
use crate::error::OAuthError;
use crate::mtls::subject;

pub(super) const ID: &str = "client-x509";
/// The subject that the certificate has to have, or a pattern for it.
const SUBJECT: &str = "x509.subjectdn";
/// Whether [`SUBJECT`] is a regular expression for the whole name.
const IS_PATTERN: &str = "x509.allow.regex.pattern.comparison";

pub(super) fn authenticate(
    context: &Context,
    presented: &Presented,
    client: Arc<Client>,
) -> Result<Authenticated, OAuthError> {
    if presented.assertion.is_some() {
        return Err(refused(
            "the client authenticates with its certificate, and an assertion was sent",
        ));
    }
    let certificate = context.certificate.as_ref().ok_or_else(|| {
        refused(
            "the client authenticates with its certificate, and the connection has none (or its proxy is not trusted)",
        )
    })?;
    let name = subject::of_certificate(certificate.der(), context.now).map_err(refused)?;
    let expected = attribute(&client, SUBJECT)
        .ok_or_else(|| refused("the client's attribute x509.subjectdn is empty"))?;
    let shown = subject::shown(&name);
    let same = if attribute(&client, IS_PATTERN) == Some("true") {
        subject::matches(expected, &shown).map_err(refused)?
    } else {
        subject::equals(expected, &name)
    };
    if !same {
        return Err(refused(format!(
            "the certificate's subject is another than x509.subjectdn: {}",
            shown.chars().take(200).collect::<String>()
        )));
    }
    Ok(Authenticated {
        client,
        method: ID,
        assertion: None,
        basic_realm: None,
    })
}
