//! A realm's stored flow as a tree of executions.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use realmkeep_representations::{
    AuthenticationExecutionExportRepresentation as Execution, AuthenticationFlowRepresentation,
    ClientRepresentation,
};
use realmkeep_store::Realm;
use serde::{Deserialize, Serialize};

/// Flows inside flows, at most.
const MAX_DEPTH: usize = 16;
/// Executions of one flow with all flows inside, at most.
const MAX_NODES: u16 = 500;

/// A top-level flow with everything inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    pub alias: String,
    pub nodes: Vec<Node>,
    /// Changes with every change of the structure, so that a login begun on another structure is
    /// noticed.
    pub version: String,
}

/// One execution: a step, a condition, or a flow inside the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Place in the tree, counted from the top; the name of the node within one [`Flow::version`].
    pub index: u16,
    /// Name of the execution in addresses.
    pub id: String,
    pub requirement: Requirement,
    pub kind: NodeKind,
    /// What an administrator set for the execution.
    pub config: BTreeMap<String, String>,
    /// Of a step that shows one form: the parts of the form, in order.
    pub actions: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Id of the authenticator, as the registry has it.
    Step(String),
    /// Id of the condition, as the registry has it.
    Condition(String),
    Flow {
        alias: String,
        nodes: Vec<Node>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    Required,
    Alternative,
    Conditional,
    Disabled,
}

/// What a flow is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    #[default]
    #[serde(rename = "b")]
    Browser,
    #[serde(rename = "d")]
    DirectGrant,
    #[serde(rename = "r")]
    Registration,
    #[serde(rename = "c")]
    ResetCredentials,
    #[serde(rename = "k")]
    Docker,
}

/// Why a flow cannot be run; an administrator's mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("the flow {0} does not exist; bind another one")]
    NoFlow(String),
    #[error("the flow {0} contains itself, or flows nested deeper than {MAX_DEPTH}")]
    TooDeep(String),
    #[error("the flow {0} has more than {MAX_NODES} executions")]
    TooLarge(String),
}

impl Binding {
    /// The flow that the client, or else the realm, uses for this.
    ///
    /// # Errors
    /// When there is no such flow.
    pub fn flow(self, realm: &Realm, client: &ClientRepresentation) -> Result<Flow, TreeError> {
        let settings = &realm.settings;
        let (key, bound, default) = match self {
            Self::Browser => (Some("browser"), &settings.browser_flow, "browser"),
            Self::DirectGrant => (
                Some("direct_grant"),
                &settings.direct_grant_flow,
                "direct grant",
            ),
            Self::Registration => (None, &settings.registration_flow, "registration"),
            Self::ResetCredentials => (None, &settings.reset_credentials_flow, "reset credentials"),
            Self::Docker => (None, &settings.docker_authentication_flow, "docker auth"),
        };
        let overridden = key
            .and_then(|key| {
                let overrides = client.authentication_flow_binding_overrides.as_ref()?;
                overrides.get(key)
            })
            .filter(|flow| !flow.is_empty());
        let name = overridden
            .or(bound.as_ref())
            .map_or(default, String::as_str);
        let flows = stored(realm);
        if let Some(found) = find(flows, name) {
            return Flow::new(realm, found);
        }
        // A realm made without flows runs the built-in ones.
        if flows.is_empty() {
            let mut count = 0;
            let built_in = realmkeep_model::fresh::flows(&mut || {
                count += 1;
                format!("built-in-{count}")
            });
            let configs = realmkeep_model::fresh::authenticator_configs(&mut String::new);
            if let Some(found) = find(&built_in, name) {
                return Flow::build(&built_in, &configs, found);
            }
        }
        Err(TreeError::NoFlow(name.to_owned()))
    }
}

impl Flow {
    /// # Errors
    /// When a flow inside does not exist, or contains itself.
    pub fn new(realm: &Realm, flow: &AuthenticationFlowRepresentation) -> Result<Self, TreeError> {
        let configs = realm.settings.authenticator_config.as_deref();
        Self::build(stored(realm), configs.unwrap_or_default(), flow)
    }

    /// The realm's flow of this name.
    ///
    /// # Errors
    /// When there is none, or it cannot be run.
    pub fn of_name(realm: &Realm, name: &str) -> Result<Self, TreeError> {
        let found = find(stored(realm), name).ok_or_else(|| TreeError::NoFlow(name.to_owned()))?;
        Self::new(realm, found)
    }

    fn build(
        flows: &[AuthenticationFlowRepresentation],
        configs: &[realmkeep_representations::AuthenticatorConfigRepresentation],
        flow: &AuthenticationFlowRepresentation,
    ) -> Result<Self, TreeError> {
        let mut builder = Builder {
            flows,
            configs,
            next: 0,
        };
        let nodes = builder.nodes(flow, 0)?;
        Ok(Self::of(flow.alias.clone().unwrap_or_default(), nodes))
    }

    /// Of nodes that are numbered already.
    pub fn of(alias: String, nodes: Vec<Node>) -> Self {
        let mut text = String::new();
        describe(&nodes, &mut text);
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        let mut version = URL_SAFE_NO_PAD.encode(hash);
        version.truncate(12);
        Self {
            alias,
            nodes,
            version,
        }
    }

    pub fn node(&self, index: u16) -> Option<&Node> {
        self.path(index).last().copied()
    }

    /// The execution with this name in addresses.
    pub fn named(&self, id: &str) -> Option<&Node> {
        fn search<'a>(nodes: &'a [Node], id: &str) -> Option<&'a Node> {
            nodes.iter().find_map(|node| {
                if node.id == id {
                    return Some(node);
                }
                search(node.nodes(), id)
            })
        }
        search(&self.nodes, id)
    }

    /// From the top down to the node; empty when there is none with this index.
    pub fn path(&self, index: u16) -> Vec<&Node> {
        fn search<'a>(nodes: &'a [Node], index: u16, path: &mut Vec<&'a Node>) -> bool {
            for node in nodes {
                path.push(node);
                if node.index == index || search(node.nodes(), index, path) {
                    return true;
                }
                path.pop();
            }
            false
        }
        let mut path = Vec::new();
        search(&self.nodes, index, &mut path);
        path
    }

    /// Every node, parents first.
    pub fn all(&self) -> Vec<&Node> {
        fn collect<'a>(nodes: &'a [Node], all: &mut Vec<&'a Node>) {
            for node in nodes {
                all.push(node);
                collect(node.nodes(), all);
            }
        }
        let mut all = Vec::new();
        collect(&self.nodes, &mut all);
        all
    }
}

impl Node {
    /// What is inside a flow; nothing is inside another node.
    pub fn nodes(&self) -> &[Node] {
        match &self.kind {
            NodeKind::Flow { nodes, .. } => nodes,
            _ => &[],
        }
    }

    /// The configured value, if it is not empty.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.config
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub fn contains(&self, index: u16) -> bool {
        self.index == index || self.nodes().iter().any(|node| node.contains(index))
    }
}

impl Requirement {
    /// What is unknown does not count.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("REQUIRED") => Self::Required,
            Some("ALTERNATIVE") => Self::Alternative,
            Some("CONDITIONAL") => Self::Conditional,
            _ => Self::Disabled,
        }
    }
}

fn stored(realm: &Realm) -> &[AuthenticationFlowRepresentation] {
    let flows = realm.settings.authentication_flows.as_deref();
    flows.unwrap_or_default()
}

/// By id, as clients name flows, or by alias, as realms do.
fn find<'a>(
    flows: &'a [AuthenticationFlowRepresentation],
    name: &str,
) -> Option<&'a AuthenticationFlowRepresentation> {
    let by_id = flows.iter().find(|f| f.id.as_deref() == Some(name));
    by_id.or_else(|| flows.iter().find(|f| f.alias.as_deref() == Some(name)))
}

struct Builder<'a> {
    flows: &'a [AuthenticationFlowRepresentation],
    configs: &'a [realmkeep_representations::AuthenticatorConfigRepresentation],
    next: u16,
}

impl Builder<'_> {
    fn nodes(
        &mut self,
        flow: &AuthenticationFlowRepresentation,
        depth: usize,
    ) -> Result<Vec<Node>, TreeError> {
        let name = || flow.alias.clone().unwrap_or_default();
        if depth > MAX_DEPTH {
            return Err(TreeError::TooDeep(name()));
        }
        let mut executions: Vec<&Execution> =
            flow.authentication_executions.iter().flatten().collect();
        executions.sort_by_key(|e| e.priority);
        let mut nodes = Vec::new();
        for (position, execution) in executions.into_iter().enumerate() {
            if self.next >= MAX_NODES {
                return Err(TreeError::TooLarge(name()));
            }
            let index = self.next;
            self.next += 1;
            let (kind, actions) = self.kind(execution, depth)?;
            nodes.push(Node {
                index,
                id: execution
                    .id
                    .clone()
                    .unwrap_or_else(|| execution_id(flow, position)),
                requirement: Requirement::parse(execution.requirement.as_deref()),
                kind,
                config: self.config(execution),
                actions,
            });
        }
        Ok(nodes)
    }

    fn kind(
        &mut self,
        execution: &Execution,
        depth: usize,
    ) -> Result<(NodeKind, Vec<Node>), TreeError> {
        let id = execution.authenticator.clone().filter(|id| !id.is_empty());
        let Some(alias) = execution.flow_alias.as_deref().filter(|a| !a.is_empty()) else {
            let id = id.unwrap_or_default();
            let kind = if super::registry::condition(&id).is_some() {
                NodeKind::Condition(id)
            } else {
                NodeKind::Step(id)
            };
            return Ok((kind, Vec::new()));
        };
        let flow = self
            .flows
            .iter()
            .find(|f| f.alias.as_deref() == Some(alias))
            .ok_or_else(|| TreeError::NoFlow(alias.to_owned()))?;
        let nodes = self.nodes(flow, depth + 1)?;
        // A form: its page is the step's, what is inside are parts of the page.
        if let Some(id) = id {
            return Ok((NodeKind::Step(id), nodes));
        }
        let alias = alias.to_owned();
        Ok((NodeKind::Flow { alias, nodes }, Vec::new()))
    }

    fn config(&self, execution: &Execution) -> BTreeMap<String, String> {
        let Some(alias) = &execution.authenticator_config else {
            return BTreeMap::new();
        };
        self.configs
            .iter()
            .find(|c| c.alias.as_ref() == Some(alias))
            .and_then(|c| c.config.clone())
            .unwrap_or_default()
    }
}

/// For executions that are stored without an id: it follows from flow and place.
fn execution_id(flow: &AuthenticationFlowRepresentation, position: usize) -> String {
    let place = format!("{}/{position}", flow.id.as_deref().unwrap_or_default());
    let hash = digest::digest(&digest::SHA256, place.as_bytes());
    let mut hex = String::with_capacity(36);
    for (at, byte) in hash.as_ref().iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            hex.push('-');
        }
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}

fn describe(nodes: &[Node], text: &mut String) {
    for node in nodes {
        let what = match &node.kind {
            NodeKind::Step(id) | NodeKind::Condition(id) => id,
            NodeKind::Flow { alias, .. } => alias,
        };
        text.push_str(&format!(
            "[{} {:?} {what:?} {:?}",
            node.id, node.requirement, node.config
        ));
        describe(node.nodes(), text);
        describe(&node.actions, text);
        text.push(']');
    }
}
