//! Log lines on standard error, and traces beside them.

use anyhow::Context;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFilter, LogFormat};
use crate::traces::SpanLayer;

/// # Errors
/// When it was called before.
pub fn init(filter: &LogFilter, format: LogFormat) -> anyhow::Result<()> {
    init_with(filter, format, None)
}

/// As [`init`], with traces.
///
/// # Errors
/// When it was called before.
pub fn init_with(
    filter: &LogFilter,
    format: LogFormat,
    traces: Option<SpanLayer>,
) -> anyhow::Result<()> {
    let targets: Targets = filter.0.parse().context("log-level")?;
    // Spans for traces are nothing for log lines, whatever their level is.
    let targets = targets.with_target("realmkeep_trace", tracing::level_filters::LevelFilter::OFF);
    let traced = Targets::new().with_target("realmkeep_trace", tracing::Level::TRACE);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(traces.map(|t| t.with_filter(traced)));
    match format {
        LogFormat::Text => registry.with(lines.with_filter(targets)).try_init(),
        LogFormat::Json => registry
            .with(
                lines
                    .json()
                    .flatten_event(true)
                    .with_current_span(false)
                    .with_filter(targets),
            )
            .try_init(),
    }
    .context("logging")
}
