//! The verbs, one a file.

mod audit_head;
mod audit_key;
mod audit_list;
mod audit_prune;
mod audit_show;
mod audit_verify;
mod capability_inspect;
mod check;
mod completions;
mod doctor;
mod plan;
mod planner_reset;
mod policy_diff;
mod policy_explain;
mod policy_new;
mod policy_pin;
mod policy_test;
mod replay;
mod replay_recheck;
mod replay_run;
mod replay_what_if;
mod run;
mod run_task;

use std::process::ExitCode;

use crate::ambient::Home;
use crate::arguments::{Arguments, AuditCommand, CapabilityCommand, Command, PlannerCommand, PolicyCommand};
use crate::config::Config;
use crate::error::Error;

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    let json = arguments.json;
    // Without a home there is no configuration; what needs one says so.
    if let Ok(home) = Home::find() {
        Config::read(&home)?.apply();
    }
    match arguments.command {
        Command::Run(arguments) => match &arguments.plan {
            Some(plan) => run::run(&arguments, plan, json),
            None => run_task::run(&arguments, json),
        },
        Command::Plan(task) => plan::plan(&task, json),
        Command::Planner(PlannerCommand::Reset { policy }) => planner_reset::reset(policy.as_deref(), json),
        Command::Completions { shell } => completions::completions(shell),
        Command::Check(plan) => check::check(&plan, json),
        Command::Policy(PolicyCommand::Explain { policy, dir }) => policy_explain::explain(policy, dir, json),
        Command::Policy(PolicyCommand::New { components }) => policy_new::new(&components, json),
        Command::Policy(PolicyCommand::Test { policy, dir }) => policy_test::test(policy, dir, json),
        Command::Policy(PolicyCommand::Diff { before, after, dir }) => policy_diff::diff(before, after, &dir, json),
        Command::Policy(PolicyCommand::Pin { policy }) => policy_pin::pin(&policy, json),
        Command::Capability(CapabilityCommand::Inspect { component }) => capability_inspect::inspect(&component, json),
        Command::Audit(AuditCommand::List(wanted)) => audit_list::list(wanted, json),
        Command::Audit(AuditCommand::Show { run, key, shown }) => audit_show::show(run, key.as_deref(), shown, json),
        Command::Audit(AuditCommand::Verify { run, since, key }) => audit_verify::verify(run, since, key, json),
        Command::Audit(AuditCommand::Prune { older_than }) => audit_prune::prune(older_than, json),
        Command::Audit(AuditCommand::Head) => audit_head::head(json),
        Command::Audit(AuditCommand::Key) => audit_key::key(json),
        Command::Replay(arguments) => replay::replay(&arguments, json),
        Command::Doctor => doctor::doctor(json),
    }
}
