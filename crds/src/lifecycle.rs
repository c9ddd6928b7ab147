//! What the operator may do with the object on the server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far the operator manages the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ManagementPolicy {
    /// Create it, keep it as declared, and delete it as `deletionPolicy` says.
    #[default]
    Full,
    /// Create it when it is missing; never change it afterwards.
    CreateOnly,
    /// Only look; report in the status.
    ObserveOnly,
}

/// What happens on the server when the resource is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The object is deleted.
    Delete,
    /// The object stays; only the resource goes.
    Orphan,
}

/// What happens when the object exists already and is not ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// It is left alone, and the resource says so.
    #[default]
    Never,
    /// It is taken over when nobody else's ownership record is on it.
    IfUnowned,
    /// It is taken over, whoever owned it.
    Force,
}

/// What happens when the object was changed behind the operator's back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DriftPolicy {
    /// It is set back.
    #[default]
    Correct,
    /// The status says so, nothing is changed.
    Report,
}

/// The lifecycle fields of a spec, with the kind's defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    pub management: ManagementPolicy,
    pub deletion: DeletionPolicy,
    pub adoption: AdoptionPolicy,
    pub drift: DriftPolicy,
    pub suspend: bool,
}
