//! `identity-provider-alias`: the identity provider whose word a grant rests on.

use super::{Ask, Check, Condition, Config, Kind, NEGATIVE, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "identity-provider-alias",
    help: "Holds for grants that rest on a token of one of these identity providers.",
    properties: &[
        Property::new(
            "identity_provider_aliases",
            "Identity provider aliases",
            "Aliases of identity providers; one is enough.",
            Kind::IdentityProviders,
        )
        .required(),
        NEGATIVE,
    ],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    match check.identity_provider {
        Some(alias) => Vote::of(config.list("identity_provider_aliases").contains(&alias)),
        None => Vote::Abstain,
    }
}
