//! A realm's stored flows, and how to find one's way in them.

use realmkeep_representations::{
    AuthenticationExecutionExportRepresentation as Execution, AuthenticationFlowRepresentation,
    AuthenticatorConfigRepresentation, RealmRepresentation,
};
use uuid::Uuid;

use crate::error::{ApiError, ApiResult};

/// Flows of a realm, at most.
pub const MAX_FLOWS: usize = 1_000;
/// Executions of one flow, at most.
pub const MAX_EXECUTIONS: usize = 200;

/// Where an execution stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub flow: usize,
    pub execution: usize,
}

/// The flows with an id in every execution; those that have none yet get one that follows from their
/// place, as long as nothing is changed.
pub fn numbered(settings: &RealmRepresentation) -> Vec<AuthenticationFlowRepresentation> {
    let mut flows = settings.authentication_flows.clone().unwrap_or_default();
    for flow in &mut flows {
        let flow_id = flow.id.clone().unwrap_or_default();
        let list = flow.authentication_executions.get_or_insert_default();
        list.sort_by_key(|e| e.priority);
        for (index, execution) in list.iter_mut().enumerate() {
            execution
                .id
                .get_or_insert_with(|| id_of_place(&flow_id, index));
        }
    }
    flows
}

fn id_of_place(flow: &str, index: usize) -> String {
    let hash = realmkeep_jose::sha256(format!("{flow}/{index}").as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    Uuid::from_bytes(bytes).to_string()
}

/// As it is shown and exported: executions without ids of their own.
pub fn without_ids(mut flow: AuthenticationFlowRepresentation) -> AuthenticationFlowRepresentation {
    for execution in flow.authentication_executions.iter_mut().flatten() {
        execution.id = None;
    }
    flow
}

/// # Errors
/// 400 when the alias has a character that has a meaning in addresses.
pub fn check_characters(alias: &str) -> ApiResult<()> {
    const RESERVED: &str = ":/?#[]@!$&()*+,;=\\";
    let bad = alias
        .chars()
        .find(|c| RESERVED.contains(*c) || c.is_control());
    match bad {
        Some(c) => Err(ApiError::error(
            http::StatusCode::BAD_REQUEST,
            format!("Character '{}' not allowed.", c.escape_debug()),
        )),
        None if alias.len() > 255 => Err(ApiError::bad_request("an alias has at most 255 bytes")),
        None => Ok(()),
    }
}

pub fn aliased<'a>(
    flows: &'a [AuthenticationFlowRepresentation],
    alias: &str,
) -> Option<&'a AuthenticationFlowRepresentation> {
    flows.iter().find(|f| f.alias.as_deref() == Some(alias))
}

pub fn position_of_alias(flows: &[AuthenticationFlowRepresentation], alias: &str) -> Option<usize> {
    flows.iter().position(|f| f.alias.as_deref() == Some(alias))
}

pub fn position_of_id(flows: &[AuthenticationFlowRepresentation], id: &str) -> Option<usize> {
    flows.iter().position(|f| f.id.as_deref() == Some(id))
}

pub fn place_of(flows: &[AuthenticationFlowRepresentation], id: &str) -> Option<Place> {
    flows.iter().enumerate().find_map(|(flow, f)| {
        let list = f.authentication_executions.as_deref().unwrap_or_default();
        let execution = list.iter().position(|e| e.id.as_deref() == Some(id))?;
        Some(Place { flow, execution })
    })
}

pub fn executions(flow: &AuthenticationFlowRepresentation) -> &[Execution] {
    flow.authentication_executions
        .as_deref()
        .unwrap_or_default()
}

/// The priority of a new execution at the end of the flow.
pub fn next_priority(flow: &AuthenticationFlowRepresentation) -> i32 {
    executions(flow)
        .iter()
        .filter_map(|e| e.priority)
        .max()
        .map_or(0, |last| last.saturating_add(1))
}

pub fn config_aliased<'a>(
    settings: &'a RealmRepresentation,
    alias: &str,
) -> Option<&'a AuthenticatorConfigRepresentation> {
    let configs = settings.authenticator_config.as_ref()?;
    configs.iter().find(|c| c.alias.as_deref() == Some(alias))
}

/// # Errors
/// 400 when the flow is built in, with what is illegal about it.
pub fn require_own(flow: &AuthenticationFlowRepresentation, illegal: &str) -> ApiResult<()> {
    if flow.built_in == Some(true) {
        return Err(ApiError::error(
            http::StatusCode::BAD_REQUEST,
            format!("It is illegal to {illegal} a built in flow"),
        ));
    }
    Ok(())
}

/// Removes the flow at `index` with all that is only inside it, and the configurations of its steps.
pub fn remove_flow(
    settings: &mut RealmRepresentation,
    flows: &mut Vec<AuthenticationFlowRepresentation>,
    index: usize,
) {
    if index >= flows.len() {
        return;
    }
    let removed = flows.remove(index);
    for execution in removed.authentication_executions.iter().flatten() {
        remove_below(settings, flows, execution);
    }
}

/// Removes what hangs below an execution that is about to go.
pub fn remove_below(
    settings: &mut RealmRepresentation,
    flows: &mut Vec<AuthenticationFlowRepresentation>,
    execution: &Execution,
) {
    if let Some(alias) = &execution.authenticator_config {
        settings
            .authenticator_config
            .get_or_insert_default()
            .retain(|c| c.alias.as_ref() != Some(alias));
    }
    let inside = execution
        .flow_alias
        .as_deref()
        .and_then(|alias| position_of_alias(flows, alias));
    if let Some(index) = inside {
        remove_flow(settings, flows, index);
    }
}

/// What uses the flow besides other flows: the realm's bindings.
pub fn bindings(settings: &RealmRepresentation) -> [(&'static str, Option<&String>); 7] {
    [
        ("browser", settings.browser_flow.as_ref()),
        ("registration", settings.registration_flow.as_ref()),
        ("direct grant", settings.direct_grant_flow.as_ref()),
        (
            "reset credentials",
            settings.reset_credentials_flow.as_ref(),
        ),
        ("clients", settings.client_authentication_flow.as_ref()),
        ("docker auth", settings.docker_authentication_flow.as_ref()),
        (
            "first broker login",
            settings.first_broker_login_flow.as_ref(),
        ),
    ]
}

/// The realm's bindings and the flows around it follow a flow to its new name.
pub fn rename(
    settings: &mut RealmRepresentation,
    flows: &mut [AuthenticationFlowRepresentation],
    old: &str,
    new: &str,
) {
    for binding in [
        &mut settings.browser_flow,
        &mut settings.registration_flow,
        &mut settings.direct_grant_flow,
        &mut settings.reset_credentials_flow,
        &mut settings.client_authentication_flow,
        &mut settings.docker_authentication_flow,
        &mut settings.first_broker_login_flow,
    ] {
        if binding.as_deref() == Some(old) {
            *binding = Some(new.to_owned());
        }
    }
    for execution in flows
        .iter_mut()
        .flat_map(|f| f.authentication_executions.iter_mut().flatten())
    {
        if execution.flow_alias.as_deref() == Some(old) {
            execution.flow_alias = Some(new.to_owned());
        }
    }
}
