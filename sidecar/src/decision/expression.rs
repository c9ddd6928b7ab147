//! CEL expressions over what was proven.

use anyhow::{Context as _, anyhow, ensure};
use cel::{Context, Program, Value};
use http::HeaderValue;
use realmkeep_token_verifier::VerifiedToken;
use serde_json::json;

use crate::decision::Asked;

/// Longer expressions are refused.
const MAX_EXPRESSION: usize = 4096;
/// What an expression may look at.
const VARIABLES: [&str; 3] = ["claims", "request", "peer"];

/// An expression, compiled when the configuration is read.
pub struct Expression(Program);

/// The standard functions, set up once.
#[derive(Default)]
pub struct Evaluator(Context<'static, 'static>);

/// The variables of one request. They are made when the first expression needs them.
pub struct Variables<'a> {
    evaluator: &'a Evaluator,
    asked: &'a Asked<'a>,
    token: Option<&'a VerifiedToken>,
}

impl Expression {
    pub fn new(text: &str) -> anyhow::Result<Self> {
        ensure!(
            text.len() <= MAX_EXPRESSION,
            "the expression is longer than {MAX_EXPRESSION} bytes"
        );
        let program = Program::compile(text)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("`{text}` is no CEL expression"))?;
        if let Some(unknown) = program
            .references()
            .variables()
            .into_iter()
            .find(|name| !VARIABLES.contains(name))
        {
            // Variables of `exists` and its kind are references as well.
            let bound = [".exists(", ".all(", ".map(", ".filter(", ".exists_one("]
                .iter()
                .any(|macro_| text.contains(macro_));
            ensure!(
                bound,
                "`{text}` looks at `{unknown}`; there are claims, request and peer"
            );
        }
        Ok(Self(program))
    }
}

impl<'a> Variables<'a> {
    pub fn new(
        evaluator: &'a Evaluator,
        asked: &'a Asked<'a>,
        token: Option<&'a VerifiedToken>,
    ) -> Self {
        Self {
            evaluator,
            asked,
            token,
        }
    }

    /// Whether the expression is true. An error, such as a claim that is not there, is not.
    pub fn is_true(&self, expression: &Expression) -> bool {
        matches!(self.evaluate(expression), Some(Value::Bool(true)))
    }

    /// The expression as a header; None for what cannot be one and for errors.
    pub fn header(&self, expression: &Expression) -> Option<HeaderValue> {
        let text = match self.evaluate(expression)? {
            Value::String(text) => text.as_str().to_owned(),
            Value::Int(number) => number.to_string(),
            Value::UInt(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return None,
        };
        // As with the identity: no two values may become the same header.
        let plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            && text.trim() == text
            && text.len() <= 1024;
        HeaderValue::from_str(&text).ok().filter(|_| plain)
    }

    fn evaluate(&self, Expression(program): &Expression) -> Option<Value> {
        let mut context = self.evaluator.0.new_inner_scope();
        let claims = match self.token {
            Some(token) => token
                .derived(|token| cel::to_value(&token.claims).ok())?
                .clone()?,
            None => cel::to_value(json!({})).ok()?,
        };
        let request = json!({
            "method": self.asked.method.as_str(),
            "path": self.asked.path,
            "query": self.asked.query.unwrap_or_default(),
            "host": self.asked.host,
        });
        let peer = json!({
            "spiffe_id": self.asked.peer.spiffe_id.as_deref().unwrap_or_default(),
        });
        context.add_variable_from_value("claims", claims);
        context.add_variable_from_value("request", cel::to_value(request).ok()?);
        context.add_variable_from_value("peer", cel::to_value(peer).ok()?);
        match program.execute(&context) {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::debug!(cause = %error, "an expression has no value");
                None
            }
        }
    }
}
