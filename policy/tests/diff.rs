//! What a change of a policy makes wider, narrower or otherwise different: a line changed, and what is said of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use claw_policy::catalogue::{Catalogue, Component, Failure, Function, Signature};
use claw_policy::types::{Field, Type};
use claw_policy::{Change, ChangeKind, LoadError, Policy};
use proptest::prelude::*;

const NOT_COMPARED: &str = " (cannot be compared)";

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.to_owned(), ty }
}

fn component(file: &str, name: &str, parameters: Vec<Field>, output: Option<Type>) -> (String, Component) {
    let signature = Signature { parameters, output, failure: Some(Failure { ty: Some(Type::String) }) };
    let function = Function { interface: None, name: name.to_owned(), docs: None, signature: Ok(signature) };
    let component =
        Component { digest: format!("sha256:{file}"), functions: vec![function], imports: Vec::new(), defaults: None };
    (format!("{file}.wasm"), component)
}

fn catalogue() -> Catalogue {
    let order = Type::Record(vec![
        field("to", Type::String),
        field("cents", Type::Unsigned(32)),
        field("memo", Type::Option(Box::new(Type::String))),
    ]);
    let path = || vec![field("path", Type::String)];
    let write = vec![field("path", Type::String), field("text", Type::String)];
    let pay = vec![field("order", order), field("urgent", Type::Bool)];
    Catalogue {
        components: BTreeMap::from([
            component("read", "read", path(), Some(Type::String)),
            component("other", "read", path(), Some(Type::String)),
            component("write", "write", write, None),
            component("pay", "pay", pay, Some(Type::Unsigned(32))),
            component("ask", "ask", vec![field("data", Type::String)], Some(Type::String)),
        ]),
        ..Default::default()
    }
}

const POLICY: &str = r#"
claw = 1
name = "shop"
[input.customer]
pattern = '[a-z]{1,20}'
[grant.notes]
dir = "notes"
access = "read"
[grant.out]
dir = "out"
access = "write"
files = ["*.md"]
accepts = ["notes"]
[grant.shop]
http = ["GET https://shop.example/list"]
query = ["q"]
secrecy = []
accepts = []
[capability.read]
component = { path = "read.wasm", digest = "sha256:read" }
grants = ["notes"]
[capability.read.argument]
path = { format = "path", from = ["any"] }
[capability.write]
component = { path = "write.wasm", digest = "sha256:write" }
grants = ["out"]
calls = 2
[capability.write.argument]
path = { enum = ["a.md", "b.md"] }
text = { from = ["any"], maxBytes = 100 }
[capability.pay]
component = { path = "pay.wasm", digest = "sha256:pay" }
approve = "each"
endorse = [{ at = "", type = "integer", minimum = 0, maximum = 9, drop = ["notes"], because = "a count" }]
[capability.pay.argument]
urgent = { const = false }
order = { properties = { to = { input = "customer" }, cents = { minimum = 1, maximum = 500, from = ["planner"] }, memo = { maxLength = 20, from = ["user"], ask = ["notes"] } } }
[capability.ask]
component = { path = "ask.wasm", digest = "sha256:ask" }
[capability.ask.argument]
data = { type = "object", from = ["planner"], properties = { q = { type = "string", maxLength = 5 }, tags = { items = { enum = ["red", "blue"] }, maxItems = 3 } } }
[limits]
fuel = 1000
[plan]
steps = 30
before = [["read", "write"]]
strict = true
[planner]
shows = ["read"]
accepts = ["notes"]
[prove]
never = ["notes -> shop"]
[task.look]
only = ["read"]
"#;

/// A part of the policy, what stands there instead, and what is said of it, but for the flows.
type Row = (&'static str, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &[
    (r#"name = "shop""#, r#"name = "store""#, &["other policy: name"]),
    ("{1,20}", "{1,30}", &["wider input customer: pattern (cannot be compared)"]),
    ("pattern = '[a-z]{1,20}'\n", "", &["wider input customer: pattern"]),
    ("{1,20}'\n", "{1,20}'\nmaxLength = 9\n", &["narrower input customer: maxLength"]),
    ("{1,20}'\n", "{1,20}'\nsecrecy = [\"notes\"]\n", &["narrower input customer: secrecy"]),
    ("{1,20}'\n", "{1,20}'\norigin = [\"notes\"]\n", &["wider input customer: origin (cannot be compared)"]),
    ("[grant.notes]", "[input.more]\n[grant.notes]", &["wider input more"]),
    (r#"dir = "notes""#, r#"dir = "all""#, &["wider grant notes: dir (cannot be compared)"]),
    (r#"access = "read""#, r#"access = "write""#, &["wider grant notes: access", "wider grant notes: accepts"]),
    ("access = \"read\"\n", "access = \"read\"\nsecrecy = []\n", &["wider grant notes: secrecy"]),
    ("access = \"read\"\n", "access = \"read\"\norigin = []\n", &["wider grant notes: origin"]),
    ("access = \"read\"\n", "access = \"read\"\norigin = [\"notes\", \"out\"]\n", &["narrower grant notes: origin"]),
    ("access = \"read\"\n", "access = \"read\"\nmount = \"/notes\"\n", &["other grant notes: mount"]),
    (r#"["*.md"]"#, r#"["*.md", "*.txt"]"#, &["wider grant out: files"]),
    (r#"["*.md"]"#, r#"["*.txt"]"#, &["wider grant out: files (cannot be compared)"]),
    ("files = [\"*.md\"]\n", "", &["wider grant out: files"]),
    ("files = [\"*.md\"]\n", "files = [\"*.md\"]\ndotfiles = true\n", &["wider grant out: dotfiles"]),
    ("files = [\"*.md\"]\n", "files = [\"*.md\"]\ncreate = true\n", &["wider grant out: create"]),
    ("files = [\"*.md\"]\n", "files = [\"*.md\"]\nplace = \"disk\"\n", &["narrower grant out: place"]),
    ("accepts = [\"notes\"]\n[grant.shop]", "[grant.shop]", &["narrower grant out: accepts"]),
    (r#"list"]"#, r#"list", "GET https://shop.example/all/*"]"#, &["wider grant shop: http"]),
    ("query = [\"q\"]\n", "", &["wider grant shop: query"]),
    ("query = [\"q\"]\n", "query = [\"q\"]\naddresses = [\"10.0.0.0/8\"]\n", &["wider grant shop: addresses"]),
    (
        "query = [\"q\"]\n",
        "query = [\"q\"]\nsecret = { header = \"authorization\", env = \"TOKEN\" }\n",
        &["wider grant shop: secret"],
    ),
    ("[limits]", "[grant.more]\ndir = \"more\"\naccess = \"read\"\n[limits]", &["wider grant more"]),
    (
        r#"{ path = "read.wasm", digest = "sha256:read" }"#,
        r#"{ path = "other.wasm", digest = "sha256:other" }"#,
        &["other capability read: component", "wider capability read: digest (cannot be compared)"],
    ),
    ("grants = [\"notes\"]\n", "", &["narrower capability read: grants"]),
    ("grants = [\"notes\"]\n", "grants = [\"notes\"]\ncalls = 5\n", &["narrower capability read: calls"]),
    ("calls = 2", "calls = 3", &["wider capability write: calls"]),
    ("calls = 2\n", "", &["wider capability write: calls"]),
    ("calls = 2\n", "calls = 2\nlimits = { time = \"20s\" }\n", &["wider capability write: time"]),
    ("calls = 2\n", "calls = 2\napprove = \"each\"\n", &["narrower capability write: approve"]),
    ("approve = \"each\"\n", "", &["wider capability pay: approve"]),
    (r#", "b.md"]"#, "]", &["narrower capability write: argument path: enum"]),
    (r#""b.md"]"#, r#""c.md"]"#, &["wider capability write: argument path: enum (cannot be compared)"]),
    (
        r#"enum = ["a.md", "b.md"]"#,
        "pattern = '[ab].md'",
        // What was listed, the planner could choose among.
        &["narrower capability write: argument path: from", "wider capability write: argument path: enum"],
    ),
    (
        r#"enum = ["a.md", "b.md"]"#,
        r#"const = "a.md""#,
        &["narrower capability write: argument path: from", "narrower capability write: argument path: const"],
    ),
    ("maxBytes = 100", "maxBytes = 200", &["wider capability write: argument text: maxBytes"]),
    (
        r#"from = ["any"], maxBytes"#,
        r#"from = ["planner"], maxBytes"#,
        &["narrower capability write: argument text: from"],
    ),
    ("const = false", "const = true", &["wider capability pay: argument urgent: const (cannot be compared)"]),
    (
        "{ const = false }",
        "{}",
        &["wider capability pay: argument urgent: from", "wider capability pay: argument urgent: const"],
    ),
    (
        r#"{ input = "customer" }"#,
        "{}",
        &[
            "wider capability pay: argument order.to: input",
            "wider capability pay: argument order.to: from",
            "wider capability pay: argument order.to: pattern",
        ],
    ),
    ("minimum = 1,", "minimum = 2,", &["narrower capability pay: argument order.cents: minimum"]),
    ("maximum = 500", "maximum = 600", &["wider capability pay: argument order.cents: maximum"]),
    (r#", ask = ["notes"]"#, "", &["narrower capability pay: argument order.memo: ask"]),
    (r#"["user"], ask = ["notes"]"#, r#"["user", "notes"]"#, &["wider capability pay: argument order.memo: from"]),
    (
        r#", memo = { maxLength = 20, from = ["user"], ask = ["notes"] }"#,
        "",
        &["narrower capability pay: argument order.memo"],
    ),
    ("maximum = 9", "maximum = 99", &["wider capability pay: endorse \"\": maximum"]),
    (r#"because = "a count""#, r#"because = "so""#, &["other capability pay: endorse \"\": because"]),
    ("endorse = [{ at", "# endorse = [{ at", &["narrower capability pay: endorse \"\""]),
    ("maxLength = 5", "maxLength = 6", &["wider capability ask: argument data.q: maxLength"]),
    (r#"type = "string", maxLength"#, "maxLength", &[]),
    ("maxItems = 3", "maxItems = 2", &["narrower capability ask: argument data.tags: maxItems"]),
    (r#"["red", "blue"]"#, r#"["red"]"#, &["narrower capability ask: argument data.tags[]: enum"]),
    (
        r#"["red", "blue"] }"#,
        r#"["red", "blue"], from = ["any"] }"#,
        &["wider capability ask: argument data.tags[]: from"],
    ),
    (
        r#"q = { type"#,
        r#"dry = { const = true }, q = { type"#,
        &["wider capability ask: argument data.dry (cannot be compared)"],
    ),
    (r#"q = { type"#, r#"p = {}, q = { type"#, &["wider capability ask: argument data.p"]),
    ("fuel = 1000", "fuel = 2000", &["wider limits: fuel"]),
    ("steps = 30", "steps = 29", &["narrower plan: steps"]),
    ("strict = true", "strict = false", &["wider plan: strict"]),
    (r#"before = [["read", "write"]]"#, "", &[r#"wider plan: before ["read","write"]"#]),
    ("strict = true", "strict = true\nafter = [[\"pay\", \"read\"]]", &[r#"narrower plan: after ["pay","read"]"#]),
    (r#"shows = ["read"]"#, r#"shows = ["read", "pay"]"#, &["wider planner: shows"]),
    ("accepts = [\"notes\"]\n[prove]", "[prove]", &["narrower planner: accepts"]),
    (r#""notes -> shop""#, "", &["wider prove: notes -> shop"]),
    (r#"only = ["read"]"#, r#"only = ["read", "pay"]"#, &["wider task look: only"]),
];

fn load(text: &str) -> Result<Policy, Vec<LoadError>> {
    Policy::parse(text, &catalogue())
}

fn edited(rows: impl IntoIterator<Item = (&'static str, &'static str)>) -> String {
    rows.into_iter().fold(POLICY.to_owned(), |text, (part, instead)| text.replacen(part, instead, 1))
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Wider => "wider",
        ChangeKind::Narrower => "narrower",
        ChangeKind::Other => "other",
    }
}

fn said(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{} {}", kind(change.kind), change.what)).collect()
}

/// What the other direction must say of a change.
fn turned(change: &Change) -> Change {
    let kind = match change.kind {
        ChangeKind::Wider if change.what.ends_with(NOT_COMPARED) => ChangeKind::Wider,
        ChangeKind::Wider => ChangeKind::Narrower,
        ChangeKind::Narrower => ChangeKind::Wider,
        ChangeKind::Other => ChangeKind::Other,
    };
    Change { kind, before: change.after.clone(), after: change.before.clone(), ..change.clone() }
}

/// Changes without their lines, which are of one policy or the other, and without their order.
fn bare(changes: impl IntoIterator<Item = Change>) -> Vec<String> {
    let mut bare: Vec<String> =
        changes.into_iter().map(|change| format!("{:?}", Change { line: None, ..change })).collect();
    bare.sort();
    bare
}

#[test]
fn a_line_changed_is_said_and_which_way() {
    let before = load(POLICY).expect("it loads");
    assert_eq!(before.diff(&before), Vec::new());
    let mut wrong = Vec::new();
    for (part, instead, wanted) in ROWS {
        assert!(POLICY.contains(*part), "{part}");
        let after = load(&edited([(*part, *instead)])).unwrap_or_else(|errors| panic!("{instead}: {errors:#?}"));
        let changes = before.diff(&after);
        // What follows from a line is said besides.
        let follows = |change: &Change| change.what.starts_with("flow: ") || change.what.contains(": what is read ");
        let (flows, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(follows);
        if said(&others) != *wanted {
            wrong.push(format!("{part} -> {instead}: {:#?}, not {wanted:#?}, with {flows:#?}", said(&others)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_flow_that_becomes_possible_is_wider() {
    let before = load(POLICY).expect("it loads");
    for (edits, wanted) in [
        (
            vec![(r#"from = ["any"], maxBytes"#, r#"from = ["planner"], maxBytes"#)],
            "narrower flow: notes -> write.text",
        ),
        (vec![("accepts = [\"notes\"]\n[prove]", "[prove]")], "narrower flow: notes -> planner"),
        (
            vec![
                ("approve = \"each\"", "approve = \"each\"\ngrants = [\"shop\"]"),
                ("accepts = []", "accepts = [\"notes\"]"),
                (r#""notes -> shop""#, ""),
            ],
            "wider flow: notes -> shop",
        ),
    ] {
        let after = load(&edited(edits)).expect("it loads");
        let changes = said(&before.diff(&after));
        assert!(changes.contains(&wanted.to_owned()), "{wanted}: {changes:#?}");
    }
}

/// A flow is possible where a policy that says it never happens does not load.
#[test]
fn flows_are_those_that_proofs_are_about() {
    let before = load(POLICY).expect("it loads");
    let fails = |text: &str, flow: &str| {
        let proved = text.replacen("[prove]\nnever = [", &format!("[prove]\nnever = [\"{flow}\", "), 1);
        load(&proved).err().is_some_and(|errors| errors.iter().any(|error| error.rule == "policy.never"))
    };
    let mut tried = 0;
    for (part, instead, _) in ROWS {
        let text = edited([(*part, *instead)]);
        let after = load(&text).expect("it loads");
        for change in before.diff(&after) {
            let Some(flow) = change.what.strip_prefix("flow: ") else { continue };
            let is_wider = change.kind == ChangeKind::Wider;
            assert_eq!((fails(POLICY, flow), fails(&text, flow)), (!is_wider, is_wider), "{flow}, with {instead}");
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried}");
}

#[test]
fn a_rule_about_what_is_gone_is_neither_wider_nor_narrower() {
    let start = POLICY.find("[capability.ask]").expect("it is there");
    let end = POLICY.find("[limits]").expect("it is there");
    let ruled = POLICY.replacen(r#"["read", "write"]]"#, r#"["read", "write"], ["read", "ask"]]"#, 1).replacen(
        r#"["notes -> shop"]"#,
        r#"["notes -> shop", "out -> ask.data"]"#,
        1,
    );
    let (before, _) = POLICY.split_at(start);
    let (_, after) = POLICY.split_at(end);
    let (before, after) = (load(&ruled).expect("it loads"), load(&format!("{before}{after}")).expect("it loads"));
    let changes = said(&before.diff(&after));
    for wanted in [
        "narrower capability ask",
        r#"other plan: before ["read","ask"]"#,
        "other prove: out -> ask.data",
        "narrower flow: planner -> ask.data",
    ] {
        assert!(changes.contains(&wanted.to_owned()), "{wanted}: {changes:#?}");
    }
    assert!(!changes.iter().any(|change| change.starts_with("wider")), "{changes:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_other_direction_exchanges_wider_and_narrower(
        one in proptest::collection::vec(proptest::bool::weighted(0.05), ROWS.len()),
        two in proptest::collection::vec(proptest::bool::weighted(0.05), ROWS.len()),
    ) {
        let chosen = |picks: &[bool]| {
            let rows = ROWS.iter().zip(picks).filter(|(_, picked)| **picked);
            load(&edited(rows.map(|((part, instead, _), _)| (*part, *instead))))
        };
        // Two edits of one line can come to a text that is no policy.
        let (one, two) = (chosen(&one), chosen(&two));
        prop_assume!(one.is_ok() && two.is_ok());
        let (one, two) = (one.unwrap(), two.unwrap());
        prop_assert_eq!(one.diff(&one), Vec::new());
        let (there, back) = (one.diff(&two), two.diff(&one));
        prop_assert_eq!(bare(there.iter().map(turned)), bare(back));
    }
}
