use crate::flow::{About, Answer, Authenticator, Facts, Login, Node, Outcome, Property};

/// Sends the person to another identity provider: the one the application names, or a default.
#[derive(Debug)]
pub struct IdentityProviderRedirector;

impl Authenticator for IdentityProviderRedirector {
    fn about(&self) -> About {
        About {
            id: "identity-provider-redirector",
            name: "Identity Provider Redirector",
            help: "Sends the person to the default identity provider, or to the one that \
                   kc_idp_hint names",
            properties: &[Property {
                name: "defaultProvider",
                label: "Default Identity Provider",
                help: "Alias of the identity provider",
                kind: "String",
                default: None,
                options: &[],
            }],
        }
    }

    fn automatic(&self, _: &Node, _: &Facts<'_>) -> bool {
        true
    }

    fn run<'a>(&'a self, step: &'a Node, login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async move {
            let hint = login.facts.request.idp_hint.as_deref();
            let Some(alias) = hint.or_else(|| step.setting("defaultProvider")) else {
                return Ok(Outcome::Attempted);
            };
            let provider = login.facts.realm.identity_provider(alias);
            // A hint is a wish: without such a provider the login page does.
            if provider.is_none_or(|p| p.enabled == Some(false)) {
                return Ok(Outcome::Attempted);
            }
            Ok(Outcome::Elsewhere(alias.to_owned()))
        })
    }
}
