//! The smallest case that still shows a disagreement.

use crate::model::{Case, Filled, Label, Node, Policy, Set, Shape, Step, Value};

/// Takes away what can go, one thing at a time, as long as `differs` holds.
pub(crate) fn shrink(mut case: Case, differs: impl Fn(&Case) -> bool) -> Case {
    while let Some(smaller) = smaller(&case).into_iter().find(&differs) {
        case = smaller;
    }
    case
}

/// Every case that is one thing less than this one, and whole.
fn smaller(case: &Case) -> Vec<Case> {
    let (mut cases, before) = (Vec::new(), case.to_string());
    let mut edit = |change: &dyn Fn(&mut Case)| {
        let mut changed = case.clone();
        change(&mut changed);
        if is_whole(&changed) && changed.to_string() != before {
            cases.push(changed);
        }
    };

    let Case { policy, session, plan } = case;
    for index in 0..plan.len() {
        edit(&|case| {
            case.plan.remove(index);
        });
    }
    for (index, past) in session.past.iter().enumerate() {
        edit(&|case| {
            case.session.past.remove(index);
        });
        edit(&|case| case.session.past[index].failed = None);
        for step in 0..past.plan.len() {
            edit(&|case| {
                let id = case.session.past[index].plan.remove(step).id;
                case.session.past[index].disclosed.retain(|disclosed| *disclosed != id);
            });
        }
        for step in 0..past.disclosed.len() {
            edit(&|case| {
                case.session.past[index].disclosed.remove(step);
            });
        }
    }
    edit(&|case| case.session.context = Label::default());
    edit(&|case| case.session.files.clear());

    edit(&|case| case.policy.before = None);
    edit(&|case| case.policy.after = None);
    edit(&|case| case.policy.strict = false);
    edit(&|case| case.policy.steps = None);
    edit(&|case| case.policy.shows.clear());
    edit(&|case| case.policy.overlaps.clear());
    for (index, capability) in policy.capabilities.iter().enumerate() {
        edit(&|case| {
            let id = case.policy.capabilities.remove(index).id;
            case.policy.shows.retain(|shown| *shown != id);
        });
        edit(&|case| case.policy.capabilities[index].calls = None);
        edit(&|case| case.policy.capabilities[index].approve = false);
        edit(&|case| case.policy.capabilities[index].endorse = None);
        for grant in 0..capability.grants.len() {
            edit(&|case| {
                case.policy.capabilities[index].grants.remove(grant);
            });
        }
        for argument in 0..capability.arguments.len() {
            edit(&|case| remove_argument(case, index, argument));
            edit(&|case| {
                let node = &mut case.policy.capabilities[index].arguments[argument];
                (node.from, node.ask) = (None, Set::EMPTY);
            });
            for part in 0..capability.arguments[argument].nodes.len() {
                edit(&|case| {
                    let node = &mut case.policy.capabilities[index].arguments[argument].nodes[part];
                    (node.from, node.ask, node.filled) = (None, Set::EMPTY, Filled::Plan);
                });
            }
        }
    }
    for index in 0..policy.grants.len() {
        edit(&|case| remove_grant(&mut case.policy, index));
        edit(&|case| case.policy.grants[index].hub = false);
        edit(&|case| case.policy.grants[index].accepts = Set::EMPTY);
    }
    for index in 0..policy.inputs.len() {
        edit(&|case| {
            case.policy.inputs.remove(index);
        });
    }
    for (index, set) in sets(&mut policy.clone()).into_iter().enumerate().filter(|(_, set)| **set != Set::ANY) {
        for one in set.each() {
            edit(&|case| {
                if let Some(set) = sets(&mut case.policy).into_iter().nth(index) {
                    *set = *set - one;
                }
            });
        }
    }
    for (index, step) in steps(&mut case.clone()).into_iter().enumerate() {
        for argument in 0..step.arguments.len() {
            edit(&|case| simplify(case, index, argument));
        }
    }
    cases
}

/// All steps of a case, those of the past first.
fn steps(case: &mut Case) -> Vec<&mut Step> {
    let past = case.session.past.iter_mut().flat_map(|past| &mut past.plan);
    past.chain(&mut case.plan).collect()
}

/// All sets of a policy whose names can be taken away.
fn sets(policy: &mut Policy) -> Vec<&mut Set> {
    fn of_node(node: &mut Node) -> Vec<&mut Set> {
        let parts = node.nodes.iter_mut().flat_map(of_node);
        node.from.iter_mut().chain([&mut node.ask]).chain(parts).collect()
    }
    let capabilities = policy.capabilities.iter_mut().flat_map(|capability| {
        let endorsed = capability.endorse.iter_mut().map(|endorse| &mut endorse.drop);
        endorsed.chain(capability.arguments.iter_mut().flat_map(of_node))
    });
    let inputs = policy.inputs.iter_mut().flat_map(|input| [&mut input.secrecy].into_iter().chain(&mut input.origin));
    let grants = policy.grants.iter_mut().map(|grant| &mut grant.accepts);
    [&mut policy.accepts].into_iter().chain(grants).chain(inputs).chain(capabilities).collect()
}

fn remove_grant(policy: &mut Policy, index: usize) {
    let id = policy.grants.remove(index).id;
    policy.overlaps.retain(|&(one, other)| one != id && other != id);
    for capability in &mut policy.capabilities {
        capability.grants.retain(|grant| *grant != id);
    }
    for set in sets(policy).into_iter().filter(|set| **set != Set::ANY) {
        *set = *set - Set::grant(id);
    }
}

fn remove_argument(case: &mut Case, capability: usize, argument: usize) {
    let id = case.policy.capabilities[capability].id;
    case.policy.capabilities[capability].arguments.remove(argument);
    for step in steps(case).into_iter().filter(|step| step.capability == id) {
        step.arguments.remove(argument);
    }
}

/// Puts a literal where there is a reference.
fn simplify(case: &mut Case, step: usize, argument: usize) {
    let policy = case.policy.clone();
    let step = steps(case).swap_remove(step);
    let node = &policy.capability(step.capability).arguments[argument];
    let is_scalar = matches!(node.shape, Shape::Text | Shape::Number | Shape::Json);
    step.arguments[argument] = match &step.arguments[argument] {
        Some(Value::Step(..) | Value::Whole(_) | Value::Input(_)) if is_scalar && node.filled == Filled::Plan => {
            Some(Value::Literal)
        }
        Some(Value::Input(_) | Value::Literal) if matches!(node.filled, Filled::Const | Filled::Input(_)) => None,
        same => same.clone(),
    };
}

/// Whether all that is named is there.
fn is_whole(case: &Case) -> bool {
    let Case { policy, session, plan } = case;
    let capability = |id: usize| policy.capabilities.iter().any(|capability| capability.id == id);
    let input = |id: usize| policy.inputs.iter().any(|input| input.id == id);
    let mut nodes = policy.capabilities.iter().flat_map(|capability| &capability.arguments);
    let mut pairs = policy.before.iter().chain(&policy.after);
    let mut whole = pairs.all(|&(left, right)| capability(left) && capability(right))
        && nodes.all(|node| !matches!(node.filled, Filled::Input(id) if !input(id)));

    let mut done: Vec<usize> = Vec::new();
    let plans = session.past.iter().map(|past| (&past.plan, Some(past))).chain([(plan, None)]);
    for (plan, past) in plans {
        let mut earlier = done.clone();
        for step in plan {
            let step_is = |id: usize| earlier.contains(&id);
            let mut values = step.arguments.iter().flatten();
            whole &= capability(step.capability) && values.all(|value| refers(value, &step_is, &input));
            earlier.push(step.id);
        }
        if let Some(past) = past {
            let started: Vec<_> = past.started().iter().map(|step| step.id).collect();
            whole &= past.disclosed.iter().all(|id| started.contains(id));
            done.extend(started.into_iter().filter(|id| Some(*id) != past.failed));
        }
    }
    whole
}

fn refers(value: &Value, step: &dyn Fn(usize) -> bool, input: &dyn Fn(usize) -> bool) -> bool {
    match value {
        Value::Literal => true,
        Value::Input(id) => input(*id),
        Value::Step(id, _) => step(*id),
        Value::Whole(parts) => parts.iter().all(|part| refers(part, step, input)),
    }
}
