//! What another policy would have said of the plans of a record. Nothing runs, and what is on record stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use claw_policy::{Catalogue, Narrowing, Policy, Session, Violation};

use crate::decided::{Decided, WhatIf};
use crate::event::{Event, Input, Verdict};
use crate::fault::{Fault, fault};
use crate::log::LOG;
use crate::plans::{RecordedPlan, plans};
use crate::policies::{Policies, given, with_task};
use crate::trial::Trial;

/// The policy that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Other<'o> {
    /// Its text. It loads, with its catalogue.
    pub text: &'o str,
    /// What is known of its components.
    pub catalogue: &'o Catalogue,
    /// What it is narrowed to; none is what the recorded run was narrowed to.
    pub narrowing: Option<&'o Narrowing>,
}

/// Decides by another policy on every plan of the record in `folder`, whose events are `events`, and which verifies.
///
/// Each step is judged in the plan as it stands: every step before it counts for budgets and order, also one that is refused.
/// Where the whole plan passes, what is known only while running is decided on too, as far as the recorded outputs tell it:
/// they stand in for what the steps would have given.
///
/// # Errors
/// A record whose own policy or plans cannot be read.
pub fn what_if(
    folder: &Path,
    events: &[Event],
    policies: &mut Policies,
    other: &Other<'_>,
) -> Result<Vec<WhatIf>, Fault> {
    let wrong = |what| fault(&folder.join(LOG), Some(1), what);
    let Some(Event::Open { narrowing, inputs, task, context, .. }) = events.first() else {
        return Err(wrong("it does not open".to_owned()));
    };
    let (recorded, _) = policies.reopen(folder, events).map_err(wrong)?;
    let policy = policies.load(other.text, other.catalogue, other.narrowing.unwrap_or(narrowing));
    let plans = plans(folder, events)?;
    let decided = plans.iter().filter_map(|plan| Some((plan, decided_on_record(plan)?)));
    let policy = match policy {
        Ok(policy) => policy,
        // It has no such task, or not what is to be kept of it.
        Err(refusal) => {
            let each = |(plan, recorded)| WhatIf::refused(plan, recorded, refusal.violations().to_vec());
            return Ok(decided.map(each).collect());
        }
    };
    let open = || {
        let (session, refused) = open(&policy, folder, inputs)?;
        Ok((with_task(session, folder, task.as_ref())?, refused))
    };
    let (mut session, mut unbound) = open().map_err(wrong)?;
    if let Some(context) = context {
        session = match session.with_context(&policy, context) {
            Ok(session) => session,
            Err(refusal) => {
                unbound.extend_from_slice(refusal.violations());
                open().map_err(wrong)?.0
            }
        };
    }
    let mut trial = Trial::of(folder, policy, recorded, unbound);
    let (mut found, mut allowed) = (Vec::new(), BTreeSet::new());
    for (plan, recorded) in decided {
        let (mut what_if, grown) = trial.plan(plan, recorded, session)?;
        what_if.allow(&allowed);
        allowed = plan.approvals.iter().map(|(_, approval)| approval.step.as_str()).collect();
        found.push(what_if);
        session = grown;
    }
    Ok(found)
}

/// What the record says of a plan; none where it was cut off before.
fn decided_on_record(plan: &RecordedPlan<'_>) -> Option<Decided> {
    Some(match plan.verdict.as_ref()?.verdict {
        Verdict::Accepted if plan.decided_halt().is_some() => Decided::Halted,
        Verdict::Accepted => Decided::Accepted,
        Verdict::NeedsApproval => Decided::NeedsApproval,
        Verdict::Refused => Decided::Refused,
    })
}

/// A session of the other policy with the recorded inputs, and what is refused of those that it does not take.
fn open(policy: &Policy, folder: &Path, inputs: &BTreeMap<String, Input>) -> Result<(Session, Vec<Violation>), String> {
    let (mut taken, mut refused) = (BTreeMap::new(), Vec::new());
    for (name, given) in given(folder, inputs)? {
        match Session::open(policy, [(name.clone(), given.clone())].into()) {
            Ok(_) => drop(taken.insert(name, given)),
            Err(violations) => refused.extend(violations),
        }
    }
    let session = Session::open(policy, taken).map_err(|_| "its inputs cannot be bound".to_owned())?;
    Ok((session, refused))
}
