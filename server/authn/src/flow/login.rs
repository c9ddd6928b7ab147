//! Drives one login through its flow and its required actions.

use std::collections::BTreeMap;
use std::sync::Arc;

use realmkeep_events::EventType;
use realmkeep_representations::UserRepresentation;
use realmkeep_store::{Batch, Step, StoreError, Touch};

use super::engine::{self, Next};
use super::{
    ActionOutcome, Authenticator, Choice, Facts, Flow, FlowError, Node, NodeKind, Outcome, Page,
    Progress, Refused, RequiredAction, Shown, Status, Submitted, level, registry, wanted_level,
};
use crate::mail::Prepared;
use crate::{LoginFailure, action_token, brute_force, required_actions};

/// Session note with the reference values of executions that succeeded, for the claim `amr`
/// (RFC 8176).
pub const REFERENCES_NOTE: &str = "amr";

/// Begins the names of notes that are details of the login's event.
const EVENT: &str = "event.";
const PROOF_DETAILS: [&str; 3] = [
    "credential_type",
    "public_key_credential_id",
    "web_authn_authenticator_user_verification_checked",
];
/// Steps that run by themselves in one request, at most.
const MAX_RUNS: usize = 600;

/// A login under way, within one request.
pub struct Login<'a> {
    pub facts: Facts<'a>,
    pub flow: Flow,
    pub progress: Progress,
    /// The form, where the whole login comes as one (the direct grant).
    pub form: Option<&'a Submitted>,
    steps: Vec<Step>,
    /// The user as this request leaves them; None while nothing changed.
    changed_user: Option<UserRepresentation>,
    notices: Vec<(EventType, Vec<(&'static str, String)>)>,
    failures: Vec<Failure>,
    refused_about: Vec<(&'static str, String)>,
    proof_consumed: bool,
    mails: Vec<Prepared>,
}

/// What a person tried and could not do, for an event.
#[derive(Debug)]
pub struct Failure {
    pub kind: EventType,
    /// The event's error code.
    pub error: &'static str,
    pub details: Vec<(&'static str, String)>,
}

/// Where a login stands.
#[derive(Debug)]
pub enum Stage {
    /// Somebody has to answer a page.
    Ask {
        /// Name of the execution or, for a required action, of the action.
        execution: String,
        page: Box<Page>,
        shown: Shown,
        /// There are other ways to go on.
        another_way: bool,
        /// It is a required action; true for one that may be cancelled.
        action: Option<bool>,
    },
    /// The browser goes on to the identity provider with this alias.
    Elsewhere(String),
    /// Everything asked for was proven and done.
    Done,
    /// The login ended without success.
    Denied {
        /// Message key or text.
        message: String,
        argument: Option<String>,
        /// The event's error code.
        event: &'static str,
    },
    /// The account was deleted by its owner.
    AccountDeleted,
}

/// What an answer led to.
#[derive(Debug)]
pub struct Answered {
    pub stage: Stage,
    /// A proof that was wrong, for the event.
    pub refused: Option<(&'static str, Option<String>)>,
}

impl From<Stage> for Answered {
    fn from(stage: Stage) -> Self {
        Self {
            stage,
            refused: None,
        }
    }
}

impl<'a> Login<'a> {
    /// A login goes on from `progress`, which is of this version of the flow.
    ///
    /// # Errors
    /// When the user cannot be read.
    pub async fn resume(
        mut facts: Facts<'a>,
        flow: Flow,
        progress: Progress,
    ) -> Result<Self, StoreError> {
        facts.load(progress.user.as_deref()).await?;
        facts.load_role_clients(&flow).await?;
        Ok(Self {
            facts,
            flow,
            progress,
            form: None,
            steps: Vec::new(),
            changed_user: None,
            notices: Vec::new(),
            failures: Vec::new(),
            refused_about: Vec::new(),
            proof_consumed: false,
            mails: Vec::new(),
        })
    }

    /// Runs what asks nobody, up to the next page or the end. `shown` goes onto that page.
    ///
    /// # Errors
    /// When something cannot be decided now.
    pub async fn proceed(&mut self, shown: Shown) -> Result<Stage, LoginFailure> {
        if !self.progress.authenticated {
            if let Some(stage) = self.steps_to_go(&shown).await? {
                return Ok(stage);
            }
            if let Some(denied) = self.check_success() {
                return Ok(denied);
            }
            if self.is_locked_out().await? {
                return Ok(denied(
                    "accountTemporarilyDisabledMessage",
                    "user_temporarily_disabled",
                ));
            }
            self.progress.authenticated = true;
        }
        self.actions_to_do(shown).await
    }

    /// Takes the answer to the page of `execution`.
    ///
    /// # Errors
    /// When something cannot be decided now.
    pub async fn answer(
        &mut self,
        execution: &str,
        form: &Submitted,
    ) -> Result<Answered, LoginFailure> {
        if let Some(denied) = self.user_gone() {
            return Ok(denied.into());
        }
        if self.progress.authenticated {
            return self.answer_action(execution, form).await.map(Into::into);
        }
        let choices = match engine::advance(&self.flow, &mut self.progress, &self.facts) {
            Next::Ask { choices, .. } => choices.into_iter().cloned().collect::<Vec<Node>>(),
            _ => return self.proceed(Shown::default()).await.map(Into::into),
        };
        if form.value("tryAnotherWay").is_some() && choices.len() > 1 {
            return Ok(self.select_authenticator(execution, &choices).into());
        }
        let chosen = form.value("authenticationExecution");
        let wanted = chosen.unwrap_or(execution);
        let Some(node) = choices.iter().find(|node| node.id == wanted) else {
            return self.proceed(Shown::default()).await.map(Into::into);
        };
        self.progress.focus = Some(node.index);
        if chosen.is_some() {
            return self.proceed(Shown::default()).await.map(Into::into);
        }
        let Some(step) = step(node) else {
            return self.proceed(Shown::default()).await.map(Into::into);
        };
        match step.answer(node, self, form).await? {
            Outcome::Again(shown) => self.proceed(shown).await.map(Into::into),
            Outcome::Refused(Refused {
                shown,
                event,
                user_id,
            }) => Ok(Answered {
                stage: self.proceed(shown).await?,
                refused: Some((event, user_id)),
            }),
            outcome => {
                if let Some(denied) = self.settle(node, step, outcome) {
                    return Ok(denied.into());
                }
                self.proceed(Shown::default()).await.map(Into::into)
            }
        }
    }

    /// The user whom a step found. It stays the user for the rest of the login.
    ///
    /// # Errors
    /// When the database fails, or another user was found before.
    pub async fn set_user(&mut self, user_id: &str) -> Result<(), LoginFailure> {
        if self.progress.user.as_deref().is_some_and(|u| u != user_id) {
            return Err(LoginFailure::Refused {
                reason: crate::Refusal::DifferentUser,
                user_id: Some(user_id.to_owned()),
            });
        }
        self.progress.user = Some(user_id.to_owned());
        self.facts.load(Some(user_id)).await?;
        Ok(())
    }

    /// A change that is committed with what comes out of this request.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Changes the user, committed with what comes out of this request. The facts are those of the
    /// changed user from here on.
    pub fn change_user(&mut self, change: impl FnOnce(&mut UserRepresentation)) {
        let Some(subject) = &mut self.facts.subject else {
            return;
        };
        let user = &mut Arc::make_mut(subject).user;
        change(user);
        self.changed_user = Some(user.clone());
    }

    /// An event that is emitted once the changes are committed.
    pub fn notice(&mut self, kind: EventType, details: Vec<(&'static str, String)>) {
        self.notices.push((kind, details));
    }

    /// An event of what was tried in vain, whatever comes out of this request.
    pub fn failed(&mut self, failure: Failure) {
        self.failures.push(failure);
    }

    /// The events of what was tried in vain.
    pub fn take_failures(&mut self) -> Vec<Failure> {
        std::mem::take(&mut self.failures)
    }

    /// What the event of a refused proof says besides its error.
    pub fn refused_about(&mut self, details: Vec<(&'static str, String)>) {
        self.refused_about = details;
    }

    pub fn refusal_details(&self) -> &[(&'static str, String)] {
        &self.refused_about
    }

    /// What the event of the login says of a proof that was given.
    pub fn proven_about(&mut self, details: Vec<(&'static str, String)>) {
        for (name, value) in details {
            self.progress.notes.insert(format!("{EVENT}{name}"), value);
        }
    }

    /// What [`Login::proven_about`] was told.
    pub fn proof_details(&self) -> Vec<(&'static str, String)> {
        let note = |name: &'static str| {
            let value = self.progress.notes.get(&format!("{EVENT}{name}"))?;
            Some((name, value.clone()))
        };
        PROOF_DETAILS.into_iter().filter_map(note).collect()
    }

    /// The events of what was committed.
    pub fn take_notices(&mut self) -> Vec<(EventType, Vec<(&'static str, String)>)> {
        std::mem::take(&mut self.notices)
    }

    /// A mail that is sent once the changes are committed.
    pub fn mail(&mut self, mail: Prepared) {
        self.mails.push(mail);
    }

    /// The mails to be sent.
    pub fn take_mails(&mut self) -> Vec<Prepared> {
        std::mem::take(&mut self.mails)
    }

    /// The form must not be used again: a proof was consumed, or something is written.
    pub fn counts(&self) -> bool {
        self.proof_consumed || !self.steps.is_empty() || self.changed_user.is_some()
    }

    /// What this request changes, without the form's own step.
    ///
    /// # Errors
    /// When the user cannot be written.
    pub fn take_batch(&mut self) -> Result<Batch, StoreError> {
        let mut batch = Batch::new();
        for step in self.steps.drain(..) {
            batch.push(step);
        }
        let realm_id = &self.facts.realm.id;
        if let Some(user) = self.changed_user.take() {
            batch.push(
                self.facts
                    .services
                    .store
                    .update_user(realm_id, &user, None)?,
            );
        }
        if let Some(user_id) = &self.progress.user {
            batch.touch(Touch::User(realm_id.clone(), user_id.clone()));
        }
        if let Some(note) = self.progress.notes.remove(action_token::NOTE) {
            batch.push(action_token::use_noted(&note)?);
        }
        self.proof_consumed = false;
        Ok(batch)
    }

    /// Notes for the user session: when levels were reached, and references of what was proven.
    pub fn session_notes(&self) -> BTreeMap<String, String> {
        let mut notes = BTreeMap::new();
        let mut keep = |name: &str, json: Result<String, serde_json::Error>| {
            if let Ok(json) = json {
                notes.insert(name.to_owned(), json);
            }
        };
        if !self.progress.levels.is_empty() {
            keep(
                level::LEVELS_NOTE,
                serde_json::to_string(&self.progress.levels),
            );
        }
        if !self.progress.references.is_empty() {
            let references: Vec<&String> = self.progress.references.keys().collect();
            keep(REFERENCES_NOTE, serde_json::to_string(&references));
        }
        notes
    }

    /// The level that this login reached, as `acr` has it.
    pub fn acr(&self) -> String {
        let client = &self.facts.client.representation;
        let names = level::names(self.facts.realm, client);
        level::acr(&names, self.facts.request, self.reached())
    }

    /// The level that was reached: where no condition tells, 1, or 0 by the session from before.
    fn reached(&self) -> i64 {
        let otherwise = i64::from(!self.progress.single_sign_on);
        let reached = self.progress.level.max(self.facts.request.flow_level);
        reached.filter(|l| *l >= 0).unwrap_or(otherwise)
    }

    async fn steps_to_go(&mut self, shown: &Shown) -> Result<Option<Stage>, LoginFailure> {
        for _ in 0..MAX_RUNS {
            let next = engine::advance(&self.flow, &mut self.progress, &self.facts);
            let node = match next {
                Next::Success => return Ok(None),
                Next::Failure(error) => return Ok(Some(self.failure(error))),
                Next::Ask { step, choices } => {
                    let another_way = choices.len() > 1;
                    let node = step.clone();
                    return self.ask(&node, another_way, shown.clone()).map(Some);
                }
                Next::Run(node) => node.clone(),
            };
            let Some(step) = step(&node) else {
                self.progress.set(node.index, Status::Attempted);
                continue;
            };
            if step.is_skipped(&node, &self.facts, &self.progress) {
                self.progress.set(node.index, Status::Success);
                continue;
            }
            let outcome = step.run(&node, self).await?;
            if let Some(denied) = self.settle(&node, step, outcome) {
                return Ok(Some(denied));
            }
        }
        Ok(Some(self.failure(FlowError::RequiredFailed)))
    }

    fn ask(&mut self, node: &Node, another_way: bool, shown: Shown) -> Result<Stage, LoginFailure> {
        let page = match step(node) {
            Some(step) => {
                step.prepare(node, self)?;
                step.page(node, &self.facts, &self.progress, &shown)
            }
            None => Page::Nothing,
        };
        Ok(Stage::Ask {
            execution: node.id.clone(),
            page: Box::new(page),
            shown,
            another_way,
            action: None,
        })
    }

    fn select_authenticator(&self, execution: &str, choices: &[Node]) -> Stage {
        let choice = |node: &Node| match &node.kind {
            NodeKind::Step(id) => Some(Choice {
                execution: node.id.clone(),
                authenticator: id.clone(),
            }),
            _ => None,
        };
        Stage::Ask {
            execution: execution.to_owned(),
            page: Box::new(Page::SelectAuthenticator {
                username: self.facts.username(),
                choices: choices.iter().filter_map(choice).collect(),
            }),
            shown: Shown::default(),
            another_way: false,
            action: None,
        }
    }

    /// Notes what became of the step; a stage when the login ends with it.
    fn settle(
        &mut self,
        node: &Node,
        step: &'static dyn Authenticator,
        outcome: Outcome,
    ) -> Option<Stage> {
        match outcome {
            Outcome::Success | Outcome::Proven(_) => {
                self.progress.set(node.index, Status::Success);
                self.progress.focus = Some(node.index);
                let kind = match outcome {
                    Outcome::Proven(kind) => Some(kind),
                    _ => step.credential(),
                };
                if let Some(kind) = kind {
                    self.progress.prove(kind, self.facts.now);
                    self.proof_consumed = true;
                }
                // The value is for what the step asks for by itself.
                let own = match outcome {
                    Outcome::Proven(kind) => step.credential() == Some(kind),
                    _ => true,
                };
                if own && let Some(reference) = node.setting("default.reference.value") {
                    let now = self.facts.now;
                    self.progress.references.insert(reference.to_owned(), now);
                }
                None
            }
            Outcome::Attempted | Outcome::Again(_) => {
                self.progress.set(node.index, Status::Attempted);
                None
            }
            Outcome::Elsewhere(alias) => Some(Stage::Elsewhere(alias)),
            Outcome::Denied { message, event } => Some(Stage::Denied {
                message,
                argument: None,
                event,
            }),
            Outcome::Refused(refused) => Some(Stage::Denied {
                message: refused.shown.error.unwrap_or_default(),
                argument: None,
                event: refused.event,
            }),
        }
    }

    fn failure(&self, error: FlowError) -> Stage {
        tracing::info!(
            realm = self.facts.realm.name,
            flow = self.flow.alias,
            cause = %error,
            "a flow ended without success"
        );
        let event = match error {
            FlowError::UnknownUser => "user_not_found",
            FlowError::CredentialSetupRequired => "credential_setup_required",
            FlowError::NothingSucceeded | FlowError::RequiredFailed => "invalid_user_credentials",
        };
        let message = match error {
            FlowError::CredentialSetupRequired => "authenticatorNotSetup",
            _ => "access-denied",
        };
        denied(message, event)
    }

    fn check_success(&self) -> Option<Stage> {
        let progress = &self.progress;
        if !progress.steps.values().any(|s| *s == Status::Success) {
            return Some(self.failure(FlowError::NothingSucceeded));
        }
        let Some(subject) = &self.facts.subject else {
            return Some(self.failure(FlowError::UnknownUser));
        };
        if subject.user.enabled != Some(true) {
            return Some(denied("accountDisabledMessage", "user_disabled"));
        }
        // Setting a credential up proves nothing: without another proof anybody could.
        let sets_up = progress.steps.values().any(|s| *s == Status::SetupRequired);
        if sets_up && progress.proven.is_empty() && progress.session.is_none() {
            return Some(self.failure(FlowError::CredentialSetupRequired));
        }
        let request = self.facts.request;
        if request.acr_essential && !request.acr_values.is_empty() {
            let names = level::names(self.facts.realm, &self.facts.client.representation);
            let reached = self.reached();
            let fulfilled = request
                .acr_values
                .iter()
                .filter_map(|value| level::of_value(&names, value))
                .any(|wanted| wanted <= reached);
            if !fulfilled {
                return Some(denied("acrNotFulfilled", "acr_not_fulfilled"));
            }
        }
        None
    }

    /// Whatever was proven, and by whichever way (a link of a mail, too): who is locked out does not
    /// come in. Who is in already stays.
    async fn is_locked_out(&self) -> Result<bool, StoreError> {
        let (services, realm) = (self.facts.services, self.facts.realm);
        let Some(id) = self.progress.user.as_deref() else {
            return Ok(false);
        };
        if self.progress.single_sign_on {
            return Ok(false);
        }
        let may = brute_force::may_authenticate(services, realm, id).await?;
        Ok(!may)
    }

    /// The account may have been disabled or deleted since the last page.
    fn user_gone(&self) -> Option<Stage> {
        self.progress.user.as_ref()?;
        match &self.facts.subject {
            None => Some(denied("accountDisabledMessage", "user_not_found")),
            // Before any proof, whether an account is disabled is nobody's business.
            Some(s) if s.user.enabled != Some(true) && !self.progress.proven.is_empty() => {
                Some(denied("accountDisabledMessage", "user_disabled"))
            }
            Some(_) => None,
        }
    }

    async fn actions_to_do(&mut self, mut shown: Shown) -> Result<Stage, LoginFailure> {
        let next = required_actions::next(&self.facts, &self.progress);
        let pending = match next {
            required_actions::Next::None => return Ok(Stage::Done),
            required_actions::Next::Unsupported(alias) => {
                return Ok(Stage::Denied {
                    message: "required-action-unsupported".to_owned(),
                    argument: Some(alias),
                    event: "resolve_required_actions",
                });
            }
            required_actions::Next::Do(pending) => pending,
        };
        let action = pending.action;
        if pending.requested
            && wanted_level::of_action(&self.facts, &self.flow)
                .is_some_and(|needed| self.progress.level.unwrap_or(0) < needed)
        {
            return Ok(denied("acrNotFulfilled", "acr_not_fulfilled"));
        }
        match Box::pin(action.prepare(self)).await? {
            ActionOutcome::Again(prepared) => {
                if shown == Shown::default() {
                    shown = prepared;
                }
            }
            ActionOutcome::Denied { message, event } => {
                return Ok(Stage::Denied {
                    message,
                    argument: None,
                    event,
                });
            }
            outcome => {
                self.settle_action(action, pending.requested, &outcome);
                return Box::pin(self.actions_to_do(Shown::default())).await;
            }
        }
        Ok(Stage::Ask {
            execution: pending.alias,
            page: Box::new(action.page(&self.facts, &self.progress, &shown)),
            shown,
            another_way: false,
            action: Some(pending.requested),
        })
    }

    async fn answer_action(
        &mut self,
        execution: &str,
        form: &Submitted,
    ) -> Result<Stage, LoginFailure> {
        let next = required_actions::next(&self.facts, &self.progress);
        let required_actions::Next::Do(pending) = next else {
            return self.actions_to_do(Shown::default()).await;
        };
        // Only the action that is next can be answered.
        if pending.alias != execution {
            return self.actions_to_do(Shown::default()).await;
        }
        let cancel = form.value("cancel-aia").is_some() && pending.requested;
        let outcome = if cancel {
            ActionOutcome::Cancelled
        } else {
            pending.action.answer(self, form).await?
        };
        match outcome {
            ActionOutcome::Again(shown) => self.actions_to_do(shown).await,
            ActionOutcome::AccountDeleted => Ok(Stage::AccountDeleted),
            ActionOutcome::Denied { message, event } => Ok(Stage::Denied {
                message,
                argument: None,
                event,
            }),
            outcome => {
                self.settle_action(pending.action, pending.requested, &outcome);
                self.actions_to_do(Shown::default()).await
            }
        }
    }

    fn settle_action(
        &mut self,
        action: &'static dyn RequiredAction,
        requested: bool,
        outcome: &ActionOutcome,
    ) {
        let alias = action.about().id;
        let done = matches!(outcome, ActionOutcome::Done);
        self.progress.actions_done.insert(alias.to_owned());
        self.progress.actions.remove(alias);
        self.progress.notes.retain(|name, _| {
            !name
                .strip_prefix(alias)
                .is_some_and(|rest| rest.starts_with('.'))
        });
        if requested {
            let status = if done { "success" } else { "cancelled" };
            self.progress.action_status = Some(status.to_owned());
        }
        let listed = self
            .facts
            .subject
            .as_ref()
            .is_some_and(|s| s.user.required_actions.iter().flatten().any(|a| a == alias));
        if done && (listed || self.changed_user.is_some()) {
            self.change_user(|user| {
                if let Some(actions) = &mut user.required_actions {
                    actions.retain(|a| a != alias);
                }
            });
        }
    }
}

fn step(node: &Node) -> Option<&'static dyn Authenticator> {
    match &node.kind {
        NodeKind::Step(id) => registry::authenticator(id),
        _ => None,
    }
}

fn denied(message: &str, event: &'static str) -> Stage {
    Stage::Denied {
        message: message.to_owned(),
        argument: None,
        event,
    }
}

impl std::fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("flow", &self.flow.alias)
            .finish_non_exhaustive()
    }
}
