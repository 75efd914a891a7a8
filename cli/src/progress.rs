//! What is going on, on standard error: one live line, and only where a person watches.

use std::time::Duration;

use claw_runtime::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::ambient;

/// Says something that takes a while.
pub(crate) fn note(text: &str) {
    if ambient::stderr_is_terminal() {
        tell!("{text} …");
    }
    tracing::info!("{text}");
}

/// The live line of a run.
#[derive(Debug)]
pub(crate) struct Live {
    bar: ProgressBar,
}

impl Live {
    /// A line; hidden without a terminal.
    pub(crate) fn new() -> Self {
        if !ambient::stderr_is_terminal() {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    /// Shows where the run is.
    pub(crate) fn show(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Started { index, id, capability } => {
                tracing::info!(step = %id, %capability, "step starts");
                self.bar.set_message(format!("step {}: {id} ({capability})", index + 1));
            }
            Progress::Ended(step) => {
                let failure = step.result.as_ref().err().map(|reason| reason.kind.as_str());
                tracing::info!(step = %step.id, failure, fuel = step.usage.fuel, "step ended");
            }
        }
    }

    /// Takes the line away.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}
