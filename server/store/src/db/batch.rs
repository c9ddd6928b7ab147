use super::{Statement, Value};

/// Statements that are committed together or not at all.
#[derive(Debug, Default)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    pub(crate) steps: Vec<Step>,
    pub(crate) touched: Vec<Touch>,
}

/// One statement of a batch with what must hold for it.
#[derive(Debug)]
pub struct Step {
    pub(crate) statement: &'static Statement,
    pub(crate) params: Vec<Value>,
    /// When set, at least one row must be changed or returned; else the batch fails with this text.
    pub(crate) guard: Option<&'static str>,
    /// What a violated uniqueness or reference means to a reader.
    pub(crate) conflict: Option<String>,
    /// What goes with it in every batch.
    after: Vec<Self>,
}

/// What caches must forget once a batch is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Everything of the realm with this id.
    Realm(String),
    /// One client: realm id, clientId.
    Client(String, String),
    /// One user: realm id, user id.
    User(String, String),
}

impl Touch {
    /// The id of the realm that it is about.
    pub fn realm(&self) -> &str {
        let (Self::Realm(id) | Self::Client(id, _) | Self::User(id, _)) = self;
        id
    }
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, mut step: Step) -> &mut Self {
        let after = std::mem::take(&mut step.after);
        self.steps.push(step);
        for step in after {
            self.push(step);
        }
        self
    }

    pub fn touch(&mut self, touch: Touch) -> &mut Self {
        if !self.touched.contains(&touch) {
            self.touched.push(touch);
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Step {
    pub fn new(statement: &'static Statement, params: Vec<Value>) -> Self {
        Self {
            statement,
            params,
            guard: None,
            conflict: None,
            after: Vec::new(),
        }
    }

    /// These follow it in every batch that it is pushed to.
    pub(crate) fn followed_by(mut self, after: Vec<Self>) -> Self {
        self.after = after;
        self
    }

    /// The batch fails with `text` when this statement changes or returns no row.
    pub fn or_fail(mut self, text: &'static str) -> Self {
        self.guard = Some(text);
        self
    }

    /// The batch fails with `text` when this statement violates a uniqueness or a reference.
    pub fn on_conflict(mut self, text: impl Into<String>) -> Self {
        self.conflict = Some(text.into());
        self
    }
}
