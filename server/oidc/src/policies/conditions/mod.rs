//! Conditions of policies: one file each, one line each in [`CONDITIONS`].

mod acr_condition;
mod any_client;
mod client_access_type;
mod client_attributes;
mod client_roles;
mod client_scopes;
mod client_type;
mod client_updater_context;
mod client_updater_source_groups;
mod client_updater_source_host;
mod client_updater_source_roles;
mod grant_type;
mod identity_provider_alias;

use std::pin::Pin;

use super::check::{Check, PolicyEvent};
use super::config::Config;
use super::property::{Kind, NEGATIVE, Property};

/// What a condition says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vote {
    Yes,
    No,
    /// The event is not one that it judges.
    Abstain,
}

impl Vote {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// The contrary, where that is asked for.
    pub(super) fn turned(self, negative: bool) -> Self {
        match (self, negative) {
            (Self::Yes, true) => Self::No,
            (Self::No, true) => Self::Yes,
            (vote, _) => vote,
        }
    }
}

pub(crate) type Voting<'f> = Pin<Box<dyn Future<Output = Vote> + Send + 'f>>;

/// How it decides.
#[derive(Clone, Copy)]
pub(crate) enum Ask {
    Now(fn(&Check<'_>, Config<'_>) -> Vote),
    /// It has to wait for something.
    Later(for<'f> fn(&'f Check<'_>, Config<'f>) -> Voting<'f>),
}

/// A kind of condition.
pub(crate) struct Condition {
    pub id: &'static str,
    pub help: &'static str,
    pub properties: &'static [Property],
    pub vote: Ask,
}

pub(super) static CONDITIONS: &[Condition] = &[
    acr_condition::CONDITION,
    any_client::CONDITION,
    client_access_type::CONDITION,
    client_attributes::CONDITION,
    client_roles::CONDITION,
    client_scopes::CONDITION,
    client_type::CONDITION,
    client_updater_context::CONDITION,
    client_updater_source_groups::CONDITION,
    client_updater_source_host::CONDITION,
    client_updater_source_roles::CONDITION,
    grant_type::CONDITION,
    identity_provider_alias::CONDITION,
];

pub(super) fn named(id: &str) -> Option<&'static Condition> {
    CONDITIONS.iter().find(|kind| kind.id == id)
}

/// Whether the event writes a client.
fn writes(event: PolicyEvent) -> bool {
    matches!(event, PolicyEvent::Register | PolicyEvent::Update)
}
