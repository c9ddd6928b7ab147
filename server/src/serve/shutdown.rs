//! Waits for the signals that end the program.

use tokio::signal::unix::{SignalKind, signal};

/// Returns at the first SIGTERM or SIGINT; a second one ends the process at once.
///
/// # Errors
/// When the handlers cannot be installed.
pub async fn requested() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("ending at once");
        std::process::exit(130);
    });
    Ok(name)
}
