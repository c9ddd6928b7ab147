//! What every step of a flow is to the engine.

use std::pin::Pin;

use super::{Facts, Login, Node, Page, Progress, Shown, Submitted};
use crate::LoginFailure;

/// What administrators see of a provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct About {
    pub id: &'static str,
    pub name: &'static str,
    pub help: &'static str,
    /// What may be configured for an execution of it.
    pub properties: &'static [Property],
}

/// One configurable value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Property {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    /// `String`, `boolean`, `List`, `MultivaluedList`, `Role`.
    pub kind: &'static str,
    pub default: Option<&'static str>,
    pub options: &'static [&'static str],
}

/// What became of a step.
#[derive(Debug)]
pub enum Outcome {
    Success,
    /// As success, by another kind of credential than the step asks for by itself.
    Proven(&'static str),
    /// It does not apply here; another alternative may.
    Attempted,
    /// The page is shown again; no proof was looked at.
    Again(Shown),
    /// A proof was wrong: the page is shown again, and an event says why.
    Refused(Refused),
    /// The login goes on at the identity provider with this alias.
    Elsewhere(String),
    /// The login ends here, with this message.
    Denied {
        message: String,
        /// The event's error code.
        event: &'static str,
    },
}

/// A proof that was wrong.
#[derive(Debug)]
pub struct Refused {
    pub shown: Shown,
    /// The event's error code; it is never shown.
    pub event: &'static str,
    /// Known only when there is such a user.
    pub user_id: Option<String>,
}

pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Outcome, LoginFailure>> + Send + 'a>>;

/// A step of a flow.
pub trait Authenticator: Sync {
    fn about(&self) -> About;

    /// The kind of credential that it proves, as users have it.
    fn credential(&self) -> Option<&'static str> {
        None
    }

    /// Whether it can only run for a user that a step before has named.
    fn requires_user(&self) -> bool {
        false
    }

    /// Whether this server has it: some steps are features that have to be switched on.
    fn is_available(&self, _services: &crate::Services) -> bool {
        true
    }

    /// Whether it can run: it is set up, and the user has what it asks for.
    fn configured(&self, _step: &Node, facts: &Facts<'_>) -> bool {
        self.credential()
            .is_none_or(|kind| !self.requires_user() || facts.has_credential(kind))
    }

    /// The required action by which a user gets what the step asks for.
    fn setup(&self) -> Option<&'static str> {
        None
    }

    /// Whether the step has nothing to prove for this user: it counts as done without a proof.
    fn is_skipped(&self, _step: &Node, _facts: &Facts<'_>, _progress: &Progress) -> bool {
        false
    }

    /// Whether it asks nobody: [`Authenticator::run`] decides, and there is no page.
    fn automatic(&self, _step: &Node, _facts: &Facts<'_>) -> bool {
        false
    }

    /// Decides without asking.
    fn run<'a>(&'a self, _step: &'a Node, _login: &'a mut Login<'_>) -> Answer<'a> {
        Box::pin(async { Ok(Outcome::Attempted) })
    }

    /// What comes before the page is shown: it notes what the answer has to fit, such as a fresh
    /// challenge.
    ///
    /// # Errors
    /// When something cannot be decided now.
    fn prepare(&self, _step: &Node, _login: &mut Login<'_>) -> Result<(), LoginFailure> {
        Ok(())
    }

    /// What is shown to ask.
    fn page(&self, _step: &Node, _facts: &Facts<'_>, _progress: &Progress, _shown: &Shown) -> Page {
        Page::Nothing
    }

    /// Takes the answer to the page.
    fn answer<'a>(
        &'a self,
        _step: &'a Node,
        _login: &'a mut Login<'_>,
        _form: &'a Submitted,
    ) -> Answer<'a> {
        Box::pin(async { Ok(Outcome::Again(Shown::default())) })
    }
}

impl Outcome {
    /// The page again, with a message.
    pub fn again(error: &'static str) -> Self {
        Self::Again(Shown::error(error))
    }

    pub fn refused(error: &'static str, event: &'static str, user_id: Option<String>) -> Self {
        Self::Refused(Refused {
            shown: Shown::error(error),
            event,
            user_id,
        })
    }
}
