use claw_policy::ValidatedPlan;

fn main() {
    let _forged = ValidatedPlan { policy: todo!(), steps: Vec::new(), session_state: [0; 32], checked_at: todo!() };
}
