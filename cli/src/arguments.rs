//! The command line, parsed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use claw_audit::Status;
use claw_policy::Narrowing;

use crate::moment::Moment;

/// Runs what a language model plans, without trusting the model.
///
/// A plan is checked whole against a policy before anything happens. What passes runs as WebAssembly components, each with
/// only the folders and limits that the policy grants. What happened is a record.
#[derive(Debug, Parser)]
#[command(name = "claw", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print one JSON document on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on standard error: ids and rules, never values (again for more; or CLAW_LOG=debug)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

const EXAMPLES: &str = "\
Try:
  claw policy new builtin:read-file builtin:write-file > first.toml   a policy to start from
  claw policy explain first.toml                                      what it allows
  claw check --policy first.toml --plan plan.json                     would this plan run?
  claw run   --policy first.toml --plan plan.json                     run it
  claw run   --policy first.toml --model ollama:NAME TASK             have a model plan it

Exit codes: 0 done or accepted, 1 an error of ours, 2 wrong usage or a file that does not load,
3 refused or halted, an approval is needed, or a policy got wider,
4 a capability failed or hit a limit, 5 a record does not verify or a replay differs, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Have a model plan a task and run its plans, or run a plan, under a policy
    ///
    /// The answer goes to standard output, what happens on the way to standard error, and all of it into a record.
    Run(RunArguments),
    /// Say whether a plan would run, without any effect
    Check(PlanArguments),
    /// Have a model plan a task, and say whether its plan would run, without any effect
    Plan(TaskArguments),
    /// What planners remember
    #[command(subcommand)]
    Planner(PlannerCommand),
    /// Write, understand and pin policies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Look into capabilities
    #[command(subcommand)]
    Capability(CapabilityCommand),
    /// Read the records of earlier runs
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Try recorded runs again: run one with the answers that it got, or only decide again
    ///
    /// Without a flag, a run is run again, and everything has to come out as it did. Nothing real is touched: no granted
    /// folder, no clock. `--recheck` and `--what-if` run nothing, and take many runs. Exits with 5 if a record does not
    /// verify or anything differs, and with 3 if `--what-if` would no longer let through what was accepted.
    Replay(ReplayArguments),
    /// Say what on this machine would weaken the sandbox
    Doctor,
    /// Print what makes a shell complete the command line
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArguments {
    /// The policy file, or the name of one in `policies` of claw's configuration folder
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) policy: PathBuf,
    /// A folder that the policy leaves to be given: `{ bind = "NAME" }`
    #[arg(long, value_name = "NAME=PATH", value_parser = pair)]
    pub(crate) dir: Vec<(String, String)>,
}

/// What a session begins with.
#[derive(Debug, Args)]
pub(crate) struct SessionArguments {
    #[command(flatten)]
    pub(crate) policy: PolicyArguments,
    /// Keep these capabilities alone, for this run
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Keep what one of the policy's tasks leaves, for this run
    #[arg(long, value_name = "NAME")]
    pub(crate) task: Option<String>,
    /// What the user gives a plan outside its text: a value, or the text of a file with `@`
    #[arg(long, value_name = "NAME=VALUE|NAME=@FILE", value_parser = pair)]
    pub(crate) input: Vec<(String, String)>,
}

impl SessionArguments {
    /// What the policy is narrowed to.
    pub(crate) fn narrowing(&self) -> Narrowing {
        Narrowing { task: self.task.clone(), only: self.only.clone() }
    }
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,
    /// The plan, as JSON; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,
    /// A plan, as JSON, in the place of a task: no model is asked; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words", "model", "base_url", "key_file"])]
    pub(crate) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// Approvals that were prepared, for plans that need them: what `--json` printed under `approvals`; can be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) approve_from: Vec<PathBuf>,
    /// The task, in words
    #[arg(value_name = "TASK", required_unless_present = "plan")]
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TaskArguments {
    #[command(flatten)]
    pub(crate) session: SessionArguments,
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    /// The task, in words
    #[arg(value_name = "TASK", required = true)]
    pub(crate) words: Vec<String>,
}

/// Who plans.
#[derive(Debug, Args)]
pub(crate) struct ModelArguments {
    /// Who plans; else CLAW_MODEL, or `model` of the configuration file
    #[arg(long, value_name = "openai:NAME|anthropic:NAME|ollama:NAME|command:PATH")]
    pub(crate) model: Option<String>,
    /// Where the model's service is, if not at its usual address
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The file, of mode 0600, that has the service's key; else OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_API_KEY
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlannerCommand {
    /// Let planners forget what they were shown, at a terminal
    ///
    /// A command that plans may remember what it was shown, so claw counts that as shown in each later session. Do this once
    /// the command has forgotten it.
    Reset {
        /// Of the policy with this name alone
        #[arg(long, value_name = "NAME")]
        policy: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// A run, or the folder of its record; where nothing is run, also a folder of records, or all runs if it is left out
    #[arg(value_name = "RUN|FOLDER")]
    pub(crate) runs: Vec<PathBuf>,
    /// Run nothing, and decide again by the policy on record: verdicts, labels, resolved arguments, halts
    #[arg(long, conflicts_with = "what_if")]
    pub(crate) recheck: bool,
    /// Run nothing, and say what this policy would have decided
    #[arg(long, value_name = "POLICY")]
    pub(crate) what_if: Option<PathBuf>,
    /// A folder that this policy leaves to be given: `{ bind = "NAME" }`
    #[arg(long, value_name = "NAME=PATH", value_parser = pair, requires = "what_if", conflicts_with = "recheck")]
    pub(crate) dir: Vec<(String, String)>,
    /// Keep these capabilities of it alone; without this and `--task`, each run is narrowed as it was
    #[arg(long, value_name = "CAPABILITY", value_delimiter = ',', requires = "what_if", conflicts_with = "recheck")]
    pub(crate) only: Vec<String>,
    /// Keep what one of its tasks leaves
    #[arg(long, value_name = "NAME", requires = "what_if", conflicts_with = "recheck")]
    pub(crate) task: Option<String>,
    /// Take runs of policies of another name too; one that is named itself is always taken
    #[arg(long, requires = "what_if", conflicts_with = "recheck")]
    pub(crate) all_policies: bool,
    /// A component of the run that is no longer here: its file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["recheck", "what_if"])]
    pub(crate) component: Vec<PathBuf>,
    /// The public key, if it is another machine's record: what `audit key` printed there
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print what a policy grants, to whom, and within which limits
    Explain {
        /// The policy file
        policy: PathBuf,
        /// A folder that the policy leaves to be given
        #[arg(long, value_name = "NAME=PATH", value_parser = pair)]
        dir: Vec<(String, String)>,
    },
    /// Run a policy's own tests: its `[[test]]` plans, each with the verdict that it must get
    Test {
        /// The policy file
        policy: PathBuf,
        /// A folder that the policy leaves to be given
        #[arg(long, value_name = "NAME=PATH", value_parser = pair)]
        dir: Vec<(String, String)>,
    },
    /// Say what a change of a policy makes wider, narrower, or otherwise different
    ///
    /// Exits with 3 if anything is wider, so that it can guard a repository. What cannot be compared, such as another
    /// pattern or another component, counts as wider. Relative paths are compared as they are written.
    Diff {
        /// The policy file as it was
        before: PathBuf,
        /// The policy file as it is to be
        after: PathBuf,
        /// A folder that one of the policies, or both, leave to be given
        #[arg(long, value_name = "NAME=PATH", value_parser = pair)]
        dir: Vec<(String, String)>,
    },
    /// Print a first policy for components, with comments
    New {
        /// `builtin:NAME`, or a component's file
        #[arg(required = true, value_name = "COMPONENT")]
        components: Vec<String>,
    },
    /// Write the digests of a policy's component files into it
    Pin {
        /// The policy file
        policy: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CapabilityCommand {
    /// Print what a component exports and imports, and a built-in's arguments
    Inspect {
        /// `builtin:NAME`, or a component's file
        component: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List the runs that have a record, newest first
    ///
    /// A run of which too little can be read to tell whether it is wanted is listed. Nothing is verified.
    List(ListArguments),
    /// Print what happened in a run: its plan, the verdict, each step and what it did
    ///
    /// The record is verified first; nothing is shown of one that does not verify.
    Show {
        /// A run, or the folder of its record
        run: PathBuf,
        #[command(flatten)]
        shown: Shown,
        /// The public key, if it is not this machine's: what `audit key` printed there
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Check that nothing of a record was changed, taken away or added
    Verify {
        /// A run, or the folder of its record; all of them if it is left out
        run: Option<PathBuf>,
        /// Also check that the machine's log goes on from this checkpoint, which `audit head` printed earlier
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// The public key, if it is not this machine's: what `audit key` printed there
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Take away the records of runs that ended long ago
    ///
    /// The machine's log says which were taken away. Records that do not verify are kept.
    Prune {
        /// How long ago: `30d`, `12 weeks`, `1y 6mo`
        #[arg(long, value_name = "SPAN", value_parser = span)]
        older_than: jiff::Span,
    },
    /// Print the checkpoint of the machine's log, to be kept elsewhere
    Head,
    /// Print the public key that records are verified with
    Key,
}

fn span(text: &str) -> Result<jiff::Span, String> {
    let span: jiff::Span = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    if span.is_negative() { Err("a span into the past is wanted, such as `30d`".to_owned()) } else { Ok(span) }
}

/// Which runs are listed.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Those opened since a date, a time, or so long ago: 2026-11-28, 2026-11-28T10:30:00Z, 2d, 36h
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Moment>,
    /// Those opened until then; a date is all of its day, in UTC
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Moment>,
    /// Those under the policy of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// Those that ended so
    #[arg(long)]
    pub(crate) status: Option<Ended>,
    /// Those in which a step of this capability started
    #[arg(long, value_name = "NAME")]
    pub(crate) capability: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Ended {
    Completed,
    Refused,
    Failed,
    Halted,
    Interrupted,
    /// It goes on, or was cut off
    Unfinished,
}

impl From<Ended> for Option<Status> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Completed => Some(Status::Completed),
            Ended::Refused => Some(Status::Refused),
            Ended::Failed => Some(Status::Failed),
            Ended::Halted => Some(Status::Halted),
            Ended::Interrupted => Some(Status::Interrupted),
            Ended::Unfinished => None,
        }
    }
}

/// How much of a record is shown.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Shown {
    /// List every call to the host, and not what they come to for each path
    #[arg(long)]
    pub(crate) calls: bool,
    /// Show the inputs' values, the steps' arguments as they were filled in, and their outputs too
    #[arg(long)]
    pub(crate) values: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "a name, `=` and what it is are wanted, such as `data=./notes`".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}
