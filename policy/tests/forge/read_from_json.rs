use claw_policy::ValidatedPlan;

fn main() {
    let _forged: ValidatedPlan = serde_json::from_str("{}").unwrap();
}
