use claw_policy::{Execution, Session, ValidatedPlan};

fn run(plan: ValidatedPlan, first: Session, second: Session) {
    let _once = Execution::start(plan, first);
    let _twice = Execution::start(plan, second);
}

fn main() {}
