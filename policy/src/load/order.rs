//! What a policy says of the order of a session's steps.

use toml::Spanned;

use super::{Loading, has};
use crate::name::Name;
use crate::policy::{Order, Ordered};

impl Loading<'_> {
    pub(super) fn order(&mut self) -> Order {
        let plan = &self.document.root.plan;
        let (before, after) = (self.pairs(&plan.before), self.pairs(&plan.after));
        for (pair, written) in before.iter().zip(&plan.before).filter(|(pair, _)| pair.first == pair.second) {
            let message = format!("`{}` would need itself first, and could never be called", pair.first);
            self.error("policy.value", written.span(), message);
        }
        Order { before, after, strict: plan.strict }
    }

    fn pairs(&mut self, written: &[Spanned<Vec<Spanned<Name>>>]) -> Vec<Ordered> {
        let capabilities = &self.document.root.capability;
        let mut pairs = Vec::new();
        for pair in written {
            self.known(pair.get_ref(), |name| has(capabilities, name), "capability");
            match pair.get_ref().as_slice() {
                [first, second] => pairs.push(Ordered {
                    first: first.get_ref().clone(),
                    second: second.get_ref().clone(),
                    line: self.line(&pair.span()),
                }),
                other => {
                    let message = format!("a pair is two capabilities, and this has {}", other.len());
                    self.error("policy.value", pair.span(), message);
                }
            }
        }
        pairs
    }
}
