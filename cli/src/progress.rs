//! What is going on, on standard error: one live line, and only where a person watches.

use std::time::Duration;

use claw_agent::Event;
use claw_agent::planner::Progress as Asking;
use claw_policy::Question;
use claw_policy::printable::printable;
use claw_runtime::{Consent, Person, Progress, Stage};
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

    /// Shows where a session with a planner is.
    pub(crate) fn follow(&self, event: &Event<'_>) {
        match event {
            Event::Round(round) => {
                tracing::info!(round, "a plan is asked for");
                self.bar.set_message(format!("plan {round}: asking"));
            }
            Event::Planner(Asking::Waiting) => self.bar.set_message("waiting for the planner"),
            Event::Planner(Asking::Replying(bytes)) => self.bar.set_message(format!("planning: {bytes} bytes")),
            Event::Planner(Asking::Retrying(after, why)) => {
                self.bar.set_message(format!("asking again in {after:.0?}: {}", printable(why)));
            }
            Event::Plan(progress) => self.show(progress),
        }
    }

    /// A person who is asked without this line in between.
    pub(crate) fn aside<'l>(&'l self, person: &'l mut dyn Person) -> Aside<'l> {
        Aside { live: self, person }
    }

    /// Takes the line away.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// Somebody who is asked while the live line stands still.
pub(crate) struct Aside<'l> {
    live: &'l Live,
    person: &'l mut dyn Person,
}

impl Person for Aside<'_> {
    fn allows(&mut self, stage: Stage, questions: &[Question]) -> Consent {
        self.live.bar.suspend(|| self.person.allows(stage, questions))
    }
}
