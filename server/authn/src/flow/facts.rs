//! What is known of the request and the user while a flow runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use realmkeep_representations::CredentialRepresentation;
use realmkeep_store::sessions::UserSession;
use realmkeep_store::{Client, Realm, StoreError, Subject};

use super::engine::{FlowError, World};
use super::{Flow, Node, NodeKind, Progress, registry};
use crate::Services;
use crate::authorization_request::AuthorizationRequest;

/// Settings of executions that name a role.
const ROLE_SETTINGS: [&str; 3] = ["condUserRole", "skipOtpRole", "forceOtpRole"];

/// The session that the browser is signed in to.
#[derive(Clone, Debug)]
pub struct KnownSession {
    pub session: UserSession,
    pub subject: Arc<Subject>,
}

/// What the browser sent along.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    pub ip: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// All headers, as `name: value`.
    pub headers: Vec<String>,
    /// The session of its cookie, if it is alive and its user may still log in.
    pub session: Option<KnownSession>,
}

/// One request of a login.
pub struct Facts<'a> {
    pub services: &'a Services,
    pub realm: &'a Realm,
    pub client: &'a Client,
    pub request: &'a AuthorizationRequest,
    pub browser: Browser,
    /// Seconds since 1970.
    pub now: i64,
    /// The user, once some step named one.
    pub subject: Option<Arc<Subject>>,
    /// That user's credentials, in the user's order.
    pub credentials: Vec<CredentialRepresentation>,
    /// Ids by clientId, of the clients whose roles the flow's executions name.
    pub role_clients: BTreeMap<String, String>,
}

impl Facts<'_> {
    /// Reads the user and the credentials anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load(&mut self, user_id: Option<&str>) -> Result<(), StoreError> {
        let Some(user_id) = user_id else {
            self.subject = None;
            self.credentials.clear();
            return Ok(());
        };
        self.subject = self.services.store.subject(self.realm, user_id).await?;
        self.credentials = match &self.subject {
            Some(_) => self.services.store.credentials(user_id).await?,
            None => Vec::new(),
        };
        Ok(())
    }

    /// Finds the clients whose roles the flow's executions name, as `client.role`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_role_clients(&mut self, flow: &Flow) -> Result<(), StoreError> {
        for node in flow.all() {
            let roles = ROLE_SETTINGS.iter().filter_map(|name| node.setting(name));
            for role in roles {
                // clientIds may hold dots, and so may role names.
                for (at, _) in role.rmatch_indices('.') {
                    let (client_id, _) = role.split_at(at);
                    let found = self.services.store.client(self.realm, client_id).await?;
                    if let Some(id) = found.and_then(|c| c.representation.id.clone()) {
                        self.role_clients.insert(client_id.to_owned(), id);
                    }
                }
            }
        }
        Ok(())
    }

    pub fn credentials_of<'b>(
        &'b self,
        kind: &'b str,
    ) -> impl Iterator<Item = &'b CredentialRepresentation> {
        self.credentials
            .iter()
            .filter(move |c| c.r#type.as_deref() == Some(kind))
    }

    pub fn has_credential(&self, kind: &str) -> bool {
        self.credentials_of(kind).next().is_some()
    }

    pub fn username(&self) -> String {
        let user = self.subject.as_ref().map(|s| &s.user);
        user.and_then(|u| u.username.clone()).unwrap_or_default()
    }

    /// The session that has to be proven anew (`prompt=login`, `max_age`), if the browser has it.
    pub fn proven_again(&self) -> Option<&KnownSession> {
        let wanted = self.request.reauthenticate.as_ref()?;
        let session = self.browser.session.as_ref()?;
        (session.session.id == *wanted).then_some(session)
    }

    fn step(node: &Node) -> Option<&'static dyn super::Authenticator> {
        match &node.kind {
            NodeKind::Step(id) => registry::authenticator(id),
            _ => None,
        }
    }
}

impl World for Facts<'_> {
    fn requires_user(&self, step: &Node) -> bool {
        Self::step(step).is_some_and(|step| step.requires_user())
    }

    fn configured(&self, step: &Node, progress: &Progress) -> bool {
        let known = Self::step(step).filter(|known| known.is_available(self.services));
        if known.is_none() {
            tracing::warn!(
                realm = self.realm.name,
                execution = step.id,
                kind = ?step.kind,
                "an execution of the flow is not built in this server, or its feature is not switched \
                 on; disable it"
            );
        }
        known.is_some_and(|known| {
            known.configured(step, self) || known.is_skipped(step, self, progress)
        })
    }

    fn automatic(&self, step: &Node, progress: &Progress) -> bool {
        Self::step(step).is_some_and(|known| {
            known.automatic(step, self) || known.is_skipped(step, self, progress)
        })
    }

    fn setup(&self, step: &Node) -> Option<&'static str> {
        let known = Self::step(step).filter(|known| known.is_available(self.services))?;
        let action = known.setup()?;
        crate::required_actions::is_enabled(self.services, self.realm, action).then_some(action)
    }

    fn condition(
        &self,
        condition: &Node,
        beside: &[Node],
        flow: &Flow,
        progress: &mut Progress,
    ) -> Result<bool, FlowError> {
        let NodeKind::Condition(id) = &condition.kind else {
            return Ok(false);
        };
        let Some(known) = registry::condition(id) else {
            return Ok(false);
        };
        if known.requires_user() && self.subject.is_none() {
            return Err(FlowError::UnknownUser);
        }
        Ok(known.holds(condition, beside, flow, self, progress))
    }

    fn level(&self, condition: &Node) -> Option<i64> {
        match &condition.kind {
            NodeKind::Condition(id) => registry::condition(id)?.level(condition),
            _ => None,
        }
    }

    fn preference(&self, step: &Node) -> usize {
        let kind = Self::step(step).and_then(|step| step.credential());
        let place = kind.and_then(|kind| {
            let mut all = self.credentials.iter();
            all.position(|c| c.r#type.as_deref() == Some(kind))
        });
        place.unwrap_or(usize::MAX)
    }

    fn now(&self) -> i64 {
        self.now
    }
}
