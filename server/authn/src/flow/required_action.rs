//! What a user has to do after the proofs and before the login ends.

use std::pin::Pin;

use super::{About, Facts, Login, Page, Progress, Shown, Submitted};
use crate::{LoginFailure, Services};

/// What became of an action.
#[derive(Debug)]
pub enum ActionOutcome {
    /// It is done; what it changed is in the login's batch.
    Done,
    /// The page is shown again.
    Again(Shown),
    /// The person does not want it; only for what an application asked for.
    Cancelled,
    /// The account is gone: nobody is signed in.
    AccountDeleted,
    /// The login ends here, with this message.
    Denied {
        message: String,
        event: &'static str,
    },
}

pub type ActionAnswer<'a> =
    Pin<Box<dyn Future<Output = Result<ActionOutcome, LoginFailure>> + Send + 'a>>;

/// A required action.
pub trait RequiredAction: Sync {
    fn about(&self) -> About;

    /// Whether this server has it: some actions are features that can be switched off.
    fn is_available(&self, _services: &Services) -> bool {
        true
    }

    /// Whether it has to be done though nobody asked for it.
    fn triggered(&self, _facts: &Facts<'_>, _progress: &Progress) -> bool {
        false
    }

    /// Whether an application may ask for it (`kc_action`).
    fn on_request(&self) -> bool {
        true
    }

    /// Seconds since the last proof after which it has to be given again before an action that an
    /// application asks for.
    fn max_age(&self, _facts: &Facts<'_>) -> i64 {
        300
    }

    /// The kind of credential that it adds, changes or removes.
    fn credential<'b>(&self, _facts: &'b Facts<'_>) -> Option<&'b str> {
        None
    }

    /// What has to be prepared before the page is shown, such as a new secret, in the notes.
    fn prepare<'a>(&'a self, _login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async { Ok(ActionOutcome::Again(Shown::default())) })
    }

    fn page(&self, facts: &Facts<'_>, progress: &Progress, shown: &Shown) -> Page;

    fn answer<'a>(&'a self, login: &'a mut Login<'_>, form: &'a Submitted) -> ActionAnswer<'a>;
}
