//! Log lines on standard error.

use anyhow::Context;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFilter, LogFormat};

/// # Errors
/// When it was called before.
pub fn init(filter: &LogFilter, format: LogFormat) -> anyhow::Result<()> {
    let targets: Targets = filter.0.parse().context("log-level")?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    match format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(false))
            .try_init(),
    }
    .context("logging")
}
