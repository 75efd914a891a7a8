use claw_policy::ValidatedPlan;

fn twice(plan: &ValidatedPlan) -> (ValidatedPlan, ValidatedPlan) {
    (plan.clone(), plan.clone())
}

fn main() {}
