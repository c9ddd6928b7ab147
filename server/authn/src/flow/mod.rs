//! The flow engine: what a login has to prove, step by step.
//!
//! [`Flow`] is a realm's stored flow as a tree, [`Progress`] how far one login has come, and
//! [`engine::advance`] finds what comes next from both. [`Login`] drives a login: it runs steps that
//! ask nobody, shows pages of those that do, and takes the answers.

mod authenticator;
mod condition;
pub mod engine;
mod facts;
pub mod level;
mod login;
mod page;
mod progress;
pub mod registry;
mod required_action;
mod submitted;
mod tree;
pub mod wanted_level;

pub use authenticator::{About, Answer, Authenticator, Outcome, Property, Refused};
pub use condition::Condition;
pub use engine::FlowError;
pub use facts::{Browser, Facts, KnownSession};
pub use login::{Answered, Failure, Login, REFERENCES_NOTE, Stage};
pub use page::{
    Choice, ConfigTotp, Device, KeyRequest, OwnKey, Page, ProfileField, Shown, UsernameField,
};
pub use progress::{Progress, Status};
pub use required_action::{ActionAnswer, ActionOutcome, RequiredAction};
pub use submitted::Submitted;
pub use tree::{Binding, Flow, Node, NodeKind, Requirement, TreeError};
