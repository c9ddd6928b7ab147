//! What an identity provider asks of an assertion beyond its subject: a CEL expression over the
//! verified claims, such as `claims["kubernetes.io"].namespace == "shop"`.

use cel::{Context, Program, Value};
use realmkeep_jose::Verified;
use realmkeep_representations::IdentityProviderRepresentation;

use super::federated_jwt::{config, unproven};
use crate::error::OAuthError;

/// Setting of the identity provider.
const SETTING: &str = "clientAssertionCondition";
/// Longer expressions are refused.
const MAX_EXPRESSION: usize = 4096;

/// Refuses an assertion for which the provider's condition is not true. A condition that cannot be
/// understood, or that looks at a claim that is not there, is not true.
pub(super) fn check(
    provider: &IdentityProviderRepresentation,
    assertion: &Verified,
) -> Result<(), OAuthError> {
    let Some(condition) = config(provider, SETTING) else {
        return Ok(());
    };
    let alias = provider.alias.as_deref().unwrap_or_default();
    let refused = |why: &str| {
        Err(unproven(format!(
            "identity provider {alias}: {SETTING} {why}"
        )))
    };
    if condition.len() > MAX_EXPRESSION {
        return refused("is too long");
    }
    let Ok(program) = Program::compile(condition) else {
        return refused("is no CEL expression");
    };
    let Ok(claims) = cel::to_value(assertion.claims()) else {
        return refused("cannot be applied to the assertion's claims");
    };
    let mut context = Context::default();
    context.add_variable_from_value("claims", claims);
    match program.execute(&context) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(_) => refused("is not true for the assertion"),
        Err(error) => refused(&format!("has no value for the assertion: {error}")),
    }
}
