//! `acr-condition`: an authorization request that asks for an authentication context class.

use super::{Ask, Check, Condition, Config, Kind, PolicyEvent, Property, Vote};

pub(super) const CONDITION: Condition = Condition {
    id: "acr-condition",
    help: "Holds for authorization requests that ask for the authentication context class.",
    properties: &[Property::new(
        "acr-property",
        "ACR",
        "The class that has to be among those asked for by acr_values or claims.",
        Kind::Text(None),
    )],
    vote: Ask::Now(vote),
};

fn vote(check: &Check<'_>, config: Config<'_>) -> Vote {
    let (PolicyEvent::Authorization, Some(request)) = (check.event, check.request) else {
        return Vote::Abstain;
    };
    let wanted = config.text("acr-property");
    let mut asked = request.acr_values.iter();
    Vote::of(asked.any(|acr| Some(acr.as_str()) == wanted))
}
