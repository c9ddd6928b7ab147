//! `tls-client-auth-ca-subject-dn`: whose certificates clients that authenticate with one have.

use super::{
    Check, Config, Do, Executor, Kind, Outcome, Property, Violation, attribute, is_complete,
    set_attribute,
};
use crate::mtls::subject;

const AUTHORITY: &str = "x509.casubjectdn";

pub(super) const EXECUTOR: Executor = Executor::new(
    "tls-client-auth-ca-subject-dn",
    "Clients that authenticate with a certificate are set to this authority.",
    &[
        Property::new(
            "ca-subject-dn",
            "Certificate Authority subject DN",
            "The authority's name (RFC 4514), for clients that name none.",
            Kind::Text(None),
        )
        .required(),
        Property::new(
            "enforced",
            "Enforced",
            "Whether clients may name no other authority.",
            Kind::Switch(Some(false)),
        ),
    ],
    Do::Now(run),
);

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    let Some(client) = check
        .proposed
        .as_deref_mut()
        .filter(|_| is_complete(check.event))
    else {
        return Ok(());
    };
    if client.client_authenticator_type.as_deref() != Some("client-x509") {
        return Ok(());
    }
    let wanted = config.text("ca-subject-dn").unwrap_or_default();
    match attribute(client, AUTHORITY) {
        None => set_attribute(client, AUTHORITY, wanted),
        Some(own) if config.is_on("enforced") && !subject::same(own, wanted) => {
            let text = format!("Certificate Authority subject DN must be {wanted}");
            return Err(Violation::request(text));
        }
        Some(_) => {}
    }
    Ok(())
}
