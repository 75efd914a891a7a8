//! What of the catalogue is covered: counted from what ran, and written to `tests/COVERAGE.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::case::{Case, numbers};
use crate::guests;
use crate::program::repository;

/// Each case of the catalogue: its number, `!` where it must never ship broken, what is tried; and behind `::`, for those
/// that no test covers, whether it does not apply (`n/a`) or is open, and why.
const CATALOGUE: &str = include_str!("catalogue.txt");

/// The cases that ran, and how each ended.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    ran: BTreeMap<u16, Vec<(&'static str, Ran)>>,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    Contained,
    Escaped,
    /// It could not be tried: what this machine lacks for it.
    Lacked(&'static str),
}

/// A line of the catalogue.
struct Entry {
    number: u16,
    never_broken: bool,
    what: &'static str,
    /// Why no test covers it.
    uncovered: Option<(State, &'static str)>,
}

/// What is said of a case that no test covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotApplicable,
    Open,
}

impl Coverage {
    /// Notes that a case ran.
    pub(crate) fn note(&mut self, case: Case, ran: Ran) {
        for number in case.numbers() {
            self.ran.entry(number).or_default().push((case.name, ran));
        }
    }

    /// Writes the table and prints the last line. False where something is wrong with either.
    pub(crate) fn finish(&self) -> bool {
        let (entries, mut faults) = self.entries();
        let (used, all) = (guests::used(), guests::all());
        faults.extend(all.difference(&used).map(|name| format!("no case uses the guest `{name}`")));
        faults.extend(all.iter().filter(|name| numbers(name).is_empty()).map(|n| format!("`{n}` has no case's name")));
        let all_ran = |is: fn(&Ran) -> bool| self.ran.values().filter(|ran| ran.iter().any(|(_, ran)| is(ran))).count();
        let lacked = all_ran(|ran| matches!(ran, Ran::Lacked(_)));
        let escaped = all_ran(|ran| *ran == Ran::Escaped);
        if lacked == 0 && escaped == 0 {
            faults.extend(written(&self.table(&entries)));
        }
        for fault in &faults {
            println!("{fault}");
        }
        for (name, what) in self.ran.values().flatten().filter_map(|(name, ran)| match ran {
            Ran::Lacked(what) => Some((name, what)),
            _ => None,
        }) {
            println!("{name} is open here: {what}");
        }
        let not = entries.iter().filter(|e| matches!(e.uncovered, Some((State::NotApplicable, _)))).count();
        let covered = self.ran.len() - lacked - escaped;
        let (all, open) = (entries.len(), entries.len() - covered - escaped - not);
        println!("hostile cases: {covered} covered, {escaped} escaped, {open} open of {all} ({not} do not apply)");
        faults.is_empty()
    }

    /// The catalogue, and what is wrong with it: a case that ran has no excuse, and one that did not has one.
    fn entries(&self) -> (Vec<Entry>, Vec<String>) {
        let entries: Vec<Entry> = CATALOGUE.lines().filter(|line| !line.is_empty()).map(Entry::parse).collect();
        let mut faults = Vec::new();
        for (entry, number) in entries.iter().zip(1..) {
            if entry.number != number {
                faults.push(format!("the catalogue has {} where {number} should be", entry.number));
            }
            match (self.ran.contains_key(&entry.number), &entry.uncovered) {
                (true, Some(_)) => faults.push(format!("case {number} is covered; the catalogue says it is not")),
                (false, None) => faults.push(format!("case {number} has no test, and the catalogue does not say why")),
                _ => {}
            }
        }
        faults.extend(self.ran.keys().filter(|n| usize::from(**n) > entries.len()).map(|n| format!("no case is {n}")));
        (entries, faults)
    }

    fn table(&self, entries: &[Entry]) -> String {
        let mut table = String::from(
            "# What of the catalogue of hostile cases is covered\n\n\
             Written by `make test` from what ran. Each case that is covered was judged by the oracle of \
             `tests/hostile/oracle.rs`.\nCases in bold must never ship broken.\n\n| case | what | covered by |\n|---|---|---|\n",
        );
        for entry in entries {
            let number = if entry.never_broken { format!("**{}**", entry.number) } else { entry.number.to_string() };
            let state = match (self.ran.get(&entry.number), entry.uncovered) {
                (Some(ran), _) => ran
                    .iter()
                    .map(|(name, _)| format!("`{name}`"))
                    .collect::<std::collections::BTreeSet<_>>()
                    .into_iter()
                    .collect::<Vec<_>>()
                    .join(", "),
                (None, Some((State::NotApplicable, why))) => format!("does not apply: {why}"),
                (None, Some((State::Open, why))) => format!("*open*: {why}"),
                (None, None) => "*open*".to_owned(),
            };
            let _written = writeln!(table, "| {number} | {} | {state} |", entry.what);
        }
        table
    }
}

/// Writes the table where it is not what is there, and says so.
fn written(table: &str) -> Option<String> {
    let file = repository().join("tests/COVERAGE.md");
    if fs::read_to_string(&file).is_ok_and(|there| there == table) {
        return None;
    }
    fs::write(&file, table).expect("it can be written");
    Some("tests/COVERAGE.md was not true, and has been written again".to_owned())
}

impl Entry {
    fn parse(line: &'static str) -> Self {
        let (number, rest) = line.split_once(' ').expect("a number, and what is tried");
        let (what, uncovered) = match rest.split_once(" :: ") {
            None => (rest, None),
            Some((what, why)) => {
                let (state, why) = why.split_once(": ").expect("`n/a: why`, or `open: why`");
                let state = match state {
                    "n/a" => State::NotApplicable,
                    "open" => State::Open,
                    other => panic!("`{other}` is neither `n/a` nor `open`"),
                };
                (what, Some((state, why)))
            }
        };
        let number_text = number.trim_end_matches('!');
        let number_value = number_text.parse().unwrap_or_else(|_| panic!("`{number_text}` is no number"));
        Self { number: number_value, never_broken: number.ends_with('!'), what, uncovered }
    }
}
