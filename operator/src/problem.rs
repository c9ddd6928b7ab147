//! What keeps a resource from being Ready, in the words of its conditions.

use realmkeep_admin_client::Error as AdminError;
use realmkeep_crds::{ConditionType, FieldError, Reason};
use realmkeep_sync::{RefError, SyncError};

/// One problem: which condition it makes false, why, and whether time alone may solve it.
#[derive(Clone, Debug)]
pub struct Problem {
    pub phase: ConditionType,
    pub reason: Reason,
    pub message: String,
    /// Trying again soon may help; otherwise somebody has to change something.
    pub transient: bool,
}

impl Problem {
    pub fn accepted(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ConditionType::Accepted, reason, message)
    }

    pub fn programmed(reason: Reason, message: impl Into<String>) -> Self {
        Self::new(ConditionType::Programmed, reason, message)
    }

    fn new(phase: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            phase,
            reason,
            message: message.into(),
            transient: false,
        }
    }

    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// The rules that a spec breaks; `None` when it keeps them all.
    pub fn invalid(errors: &[FieldError]) -> Option<Self> {
        if errors.is_empty() {
            return None;
        }
        let overlap = errors.iter().all(|e| e.path.starts_with("spec.overrides"));
        let reason = if overlap {
            Reason::OverlappingField
        } else {
            Reason::Invalid
        };
        let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Some(Self::accepted(reason, messages.join("; ")))
    }
}

impl From<RefError> for Problem {
    fn from(error: RefError) -> Self {
        Self::new(
            ConditionType::ResolvedRefs,
            error.reason(),
            error.to_string(),
        )
    }
}

impl From<SyncError> for Problem {
    fn from(error: SyncError) -> Self {
        let reason = error.reason();
        let message = error.to_string();
        match error {
            SyncError::Reference(_) => Self::new(ConditionType::ResolvedRefs, reason, message),
            SyncError::Denied(_) => Self::accepted(reason, message),
            SyncError::Plan(_) if matches!(reason, Reason::Invalid | Reason::IdentityConflict) => {
                Self::accepted(reason, message)
            }
            SyncError::Plan(_) => Self::programmed(reason, message),
            // What a setting names may come later.
            SyncError::Unknown { .. } => Self::programmed(reason, message).transient(),
            SyncError::Server(error) => Self {
                transient: may_pass(&error),
                ..Self::programmed(reason, message)
            },
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        SyncError::from(error).into()
    }
}

impl From<kube::Error> for Problem {
    fn from(error: kube::Error) -> Self {
        let message = format!("the Kubernetes API server: {error}");
        Self::programmed(Reason::Pending, message).transient()
    }
}

/// A server that starts refuses for a moment what it accepts later: it may not know our issuer's
/// keys yet, or somebody else may have created the object between our two calls.
fn may_pass(error: &AdminError) -> bool {
    error.is_transient()
        || matches!(
            error,
            AdminError::Unauthorized { .. }
                | AdminError::Conflict { .. }
                | AdminError::NotFound { .. }
        )
}
