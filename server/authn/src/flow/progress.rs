//! How far a login has come. It travels sealed with the browser; every value of it was made by the
//! server from the one before, so whatever it says was proven in this login by this browser.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What a step came to. A step without a status was not reached yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It did what it is there for.
    #[serde(rename = "s")]
    Success,
    /// It does not apply; another alternative may.
    #[serde(rename = "a")]
    Attempted,
    /// The user has no such credential and sets one up before the login ends.
    #[serde(rename = "u")]
    SetupRequired,
    /// A condition that was found true or false stays so for the login.
    #[serde(rename = "t")]
    True,
    #[serde(rename = "f")]
    False,
}

/// The state of one login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Random name of the login; a completed one cannot be completed again.
    #[serde(rename = "l")]
    pub login: String,
    /// When it began; seconds since 1970, 0 where that is not known.
    #[serde(rename = "t")]
    pub started: i64,
    /// [`super::Flow::version`] of the flow that it runs on.
    #[serde(rename = "v")]
    pub version: String,
    /// By [`super::Node::index`].
    #[serde(rename = "s", skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<u16, Status>,
    /// The step that was acted on or chosen last; its alternative goes on before the others.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    pub focus: Option<u16>,
    /// Id of the user, once some step named one.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What was typed as the username, to show it again.
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub attempted_username: Option<String>,
    /// Kinds of credentials that were proven: `password`, `otp`, `webauthn`, …
    #[serde(rename = "c", skip_serializing_if = "BTreeSet::is_empty")]
    pub proven: BTreeSet<String>,
    /// When the first proof was given; seconds since 1970. Later steps have to follow in time.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub first_proof: Option<i64>,
    /// Aliases of required actions that the flow asks for, such as to set up a second factor.
    #[serde(rename = "a", skip_serializing_if = "BTreeSet::is_empty")]
    pub actions: BTreeSet<String>,
    /// Required actions that were done or cancelled in this login.
    #[serde(rename = "d", skip_serializing_if = "BTreeSet::is_empty")]
    pub actions_done: BTreeSet<String>,
    /// The level reached in this login; None before any.
    #[serde(rename = "g", skip_serializing_if = "Option::is_none")]
    pub level: Option<i64>,
    /// When each level was last reached, in this login or in the session before it.
    #[serde(rename = "h", skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<i64, i64>,
    /// Reference values of the executions that succeeded (RFC 8176), with the time of each.
    #[serde(rename = "r", skip_serializing_if = "BTreeMap::is_empty")]
    pub references: BTreeMap<String, i64>,
    #[serde(rename = "m", skip_serializing_if = "is_false")]
    pub remember_me: bool,
    /// The session that is continued, when the browser had one: the cookie alone was enough, or a
    /// further proof was added to it.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Whether the cookie alone was enough.
    #[serde(rename = "o", skip_serializing_if = "is_false")]
    pub single_sign_on: bool,
    /// The flow has succeeded; what remains are required actions.
    #[serde(rename = "e", skip_serializing_if = "is_false")]
    pub authenticated: bool,
    /// How the action that the application asked for ended: `success`, `cancelled`, `error`.
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    pub action_status: Option<String>,
    /// What a step or action needs to remember between its page and the answer; sealed with the rest.
    #[serde(rename = "z", skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

impl Progress {
    pub fn new(login: String, version: &str) -> Self {
        Self {
            login,
            version: version.to_owned(),
            ..Self::default()
        }
    }

    pub fn status(&self, index: u16) -> Option<Status> {
        self.steps.get(&index).copied()
    }

    pub fn set(&mut self, index: u16, status: Status) {
        self.steps.insert(index, status);
    }

    /// Notes a proof of this kind, given now.
    pub fn prove(&mut self, kind: &str, now: i64) {
        self.proven.insert(kind.to_owned());
        self.first_proof.get_or_insert(now);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}
