//! Holes that were found in the rules of flow, each closed: the policy, and the plan or proof that got through.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use claw_policy::catalogue::{Catalogue, Component, Function, Signature};
use claw_policy::types::{Field, Type};
use claw_policy::{
    Destination, Execution, Given, Limits, LoadError, Mismatch, OutputFault, Plan, Policy, Refusal, Session, Target,
    ValidatedPlan,
};
use serde_json::{Value, json};

fn component(name: &str, parameters: &[(&str, Type)], output: Option<Type>) -> (String, Component) {
    let parameters = parameters.iter().map(|(name, ty)| Field { name: (*name).to_owned(), ty: ty.clone() }).collect();
    let signature = Ok(Signature { parameters, output, failure: None });
    let function = Function { interface: None, name: name.to_owned(), docs: None, signature };
    let digest = format!("sha256:{name}");
    (format!("{name}.wasm"), Component { digest, functions: vec![function], imports: Vec::new(), defaults: None })
}

fn catalogue() -> Catalogue {
    let components = [
        component("read", &[("path", Type::String)], Some(Type::String)),
        component("write", &[("path", Type::String), ("text", Type::String)], None),
        component("mix", &[("data", Type::String)], Some(Type::String)),
        component("count", &[("n", Type::Unsigned(32))], Some(Type::String)),
        component("id", &[("n", Type::Unsigned(64))], Some(Type::String)),
        component("bytes", &[("b", Type::Bytes)], Some(Type::String)),
    ];
    Catalogue { components: BTreeMap::from(components), ..Default::default() }
}

fn capability(name: &str, component: &str, more: &str) -> String {
    format!(
        "[capability.{name}]\ncomponent = {{ path = \"{component}.wasm\", digest = \"sha256:{component}\" }}\n{more}\n"
    )
}

fn parse(text: &str, overlaps: &[(&str, &str)]) -> Result<Arc<Policy>, Vec<LoadError>> {
    let overlaps = overlaps.iter().map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).collect();
    let text = format!("claw = 1\nname = \"holes\"\n{text}");
    Policy::parse(&text, &Catalogue { overlaps, ..catalogue() }).map(Arc::new)
}

fn load(text: &str) -> Arc<Policy> {
    parse(text, &[]).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn open(policy: &Policy, inputs: &[(&str, &str)]) -> Session {
    let given =
        |(name, text): &(&str, &str)| ((*name).to_owned(), Given { text: (*text).to_owned(), from_file: false });
    Session::open(policy, inputs.iter().map(given).collect()).unwrap()
}

fn check(policy: &Arc<Policy>, session: &Session, steps: Value) -> Result<ValidatedPlan, Refusal> {
    let text = json!({ "claw": 1, "steps": steps }).to_string();
    policy.check(session, Plan::parse(text.as_bytes(), &Limits::default())?, SystemTime::UNIX_EPOCH)
}

fn step(id: &str, capability: &str, arguments: Value) -> Value {
    json!({ "id": id, "capability": capability, "arguments": arguments })
}

#[test]
fn a_star_is_an_element_of_an_array_and_no_key_of_an_object() {
    let endorse = r#"grants = ["inbox"]
output = "json"
endorse = [{ at = "/amounts/*", maxItems = 3, type = "integer", minimum = 1, maximum = 50, drop = ["inbox"], because = "small" }]"#;
    let policy = load(&format!(
        "[grant.inbox]\ndir = \"inbox\"\naccess = \"read\"\n{}\n[capability.inv.argument]\npath = {{ const = \"i.json\" }}\n{}",
        capability("inv", "read", endorse),
        capability("mix", "mix", "[capability.mix.argument]\ndata = { from = [\"policy\", \"user\", \"planner\"] }")
    ));
    let plan = |at: &str| {
        json!([step("a", "inv", json!({})), step("b", "mix", json!({ "data": { "$step": "a", "at": at } }))])
    };
    let session = open(&policy, &[]);
    assert_eq!(check(&policy, &session, plan("/amounts/evil")).unwrap_err().violations()[0].rule, "argument.from");
    let plan = check(&policy, &session, plan("/amounts/0")).unwrap();
    let mut execution = Execution::start(plan, session).unwrap();
    let ready = execution.next_step().unwrap().unwrap();
    let planted = json!({ "amounts": { "*": 5, "0": "ATTACKER TEXT" } }).to_string();
    assert!(matches!(execution.done(&ready, Value::from(planted), 0, 0), Err(OutputFault::Halted(_))));
}

#[test]
fn what_overlaps_a_folder_that_can_be_written_is_given_back_by_its_whole_place() {
    let policy = |never: &str| {
        let grants = "[grant.a]\ndir = \"data/secret\"\naccess = \"read\"\n[grant.w]\ndir = \"data\"\naccess = \"write\"\nsecrecy = []\n\
                      [grant.p]\ndir = \"data/public\"\naccess = \"read\"\nsecrecy = []\n[grant.out]\ndir = \"out\"\naccess = \"write\"\nsecrecy = []\n";
        let calls = [
            capability("mover", "mix", "grants = [\"w\"]"),
            capability("read", "read", "grants = [\"p\"]\n[capability.read.argument]\npath = { const = \"x\" }"),
            capability(
                "write",
                "write",
                "grants = [\"out\"]\n[capability.write.argument]\npath = { const = \"x\" }\ntext = { from = [\"any\"] }",
            ),
        ];
        format!("{grants}{}{never}", calls.concat())
    };
    let overlaps = [("a", "w"), ("p", "w")];
    let loaded = parse(&policy(""), &overlaps).unwrap();
    let session = open(&loaded, &[]);
    let plan = json!([step("r", "read", json!({})), step("w", "write", json!({ "text": { "$step": "r" } }))]);
    let refusal = check(&loaded, &session, plan).unwrap_err();
    assert_eq!(refusal.violations()[0].rule, "sink.accepts", "{refusal}");
}

/// Inputs that are secret as `fin`, and arguments that take them in spite of their types.
const CARRIED: &[(&str, &str, &str, &str, &str)] = &[
    // The input's schema, its text, the component, its argument's schema, and the value in a plan.
    (
        "type = \"integer\"",
        "4711",
        "mix",
        "data = { type = \"object\", from = [\"policy\", \"user\", \"planner\"] }",
        r#"{"k":{"$input":"key"}}"#,
    ),
    (
        "type = \"integer\"",
        "4711",
        "mix",
        "data = { type = \"array\", from = [\"policy\", \"user\", \"planner\"] }",
        r#"[{"$input":"key"}]"#,
    ),
    ("type = \"number\"", "1", "count", "n = {}", r#"{"$input":"key"}"#),
    ("type = \"string\"", "9007199254740993", "id", "n = {}", r#"{"$input":"key"}"#),
    ("type = \"string\"", "aGk=", "bytes", "b = {}", r#"{"$input":"key"}"#),
];

#[test]
fn an_input_is_in_the_proofs_wherever_its_value_is_accepted() {
    for (input, text, component, schema, value) in CARRIED {
        let policy = format!(
            "[labels]\nsecrecy = [\"fin\"]\n[input.key]\n{input}\nsecrecy = [\"fin\"]\n[grant.out]\ndir = \"out\"\naccess = \"write\"\naccepts = [\"fin\"]\n{}",
            capability("send", component, &format!("grants = [\"out\"]\n[capability.send.argument]\n{schema}"))
        );
        let loaded = load(&policy);
        let name = schema.split(' ').next().unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        let plan = json!([step("s", "send", json!({ name: value }))]);
        let accepted = check(&loaded, &open(&loaded, &[("key", text)]), plan);
        assert!(accepted.is_ok(), "{schema}: {accepted:?}");
        let proved = parse(&format!("{policy}[prove]\nnever = [\"fin -> out\"]\n"), &[]);
        assert_eq!(proved.map(|_| ()).unwrap_err()[0].rule, "policy.never", "{schema}");
    }
}

#[test]
fn questions_share_what_they_show_and_are_few() {
    let policy =
        load(&capability("mix", "mix", "[capability.mix.argument]\ndata = { type = \"array\", ask = [\"planner\"] }"));
    let plan = json!([step("a", "mix", json!({ "data": vec![1; 5_000] }))]);
    let refusal = check(&policy, &open(&policy, &[]), plan).unwrap_err();
    assert!(refusal.violations().is_empty() && refusal.questions().len() <= 20, "{}", refusal.questions().len());
    let shared = refusal.questions().iter().all(|q| Arc::ptr_eq(&q.arguments, &refusal.questions()[0].arguments));
    assert!(shared, "each question has a copy of the arguments");
}

#[test]
fn values_are_counted_before_they_are_copied() {
    let policy = load(&format!(
        "[input.s]\ntype = \"string\"\n{}",
        capability("mix", "mix", "[capability.mix.argument]\ndata = { type = \"array\", from = [\"any\"] }")
    ));
    let session = open(&policy, &[("s", &"x".repeat(60_000))]);
    let plan = json!([step("a", "mix", json!({ "data": vec![json!({ "$input": "s" }); 10_000] }))]);
    let refusal = check(&policy, &session, plan).unwrap_err();
    assert_eq!(refusal.violations()[0].rule, "limit.argument-bytes");
    assert!(refusal.violations().len() <= 2, "{refusal}");
    let plan = json!([
        step("a", "mix", json!({ "data": [] })),
        step("b", "mix", json!({ "data": vec![json!({ "$step": "a" }); 2_000] }))
    ]);
    let mut execution = Execution::start(check(&policy, &session, plan).unwrap(), session).unwrap();
    let ready = execution.next_step().unwrap().unwrap();
    execution.done(&ready, Value::from("y".repeat(50_000)), 0, 0).unwrap();
    assert_eq!(execution.next_step().unwrap().unwrap_err().violations()[0].rule, "limit.argument-bytes");
}

#[test]
fn a_yes_to_a_value_is_no_yes_to_a_reference_that_looks_like_it() {
    let policy = load(&format!(
        "[input.s]\ntype = \"object\"\n[grant.notes]\ndir = \"notes\"\naccess = \"read\"\n{}{}",
        capability("read", "read", "grants = [\"notes\"]\n[capability.read.argument]\npath = { const = \"x\" }"),
        capability(
            "send",
            "mix",
            "approve = \"each\"\n[capability.send.argument]\ndata = { type = \"json\", ask = [\"notes\"] }"
        )
    ));
    let mut session = open(&policy, &[("s", r#"{"$step":"r","at":""}"#)]);
    let plan = |data: Value| json!([step("r", "read", json!({})), step("a", "send", json!({ "data": data }))]);
    let refusal = check(&policy, &session, plan(json!({ "$input": "s" }))).unwrap_err();
    for question in refusal.questions() {
        assert!(question.open.is_empty(), "it is not said to wait for a step");
        session.approve(question.approve(SystemTime::UNIX_EPOCH));
    }
    assert!(check(&policy, &session, plan(json!({ "$input": "s" }))).is_ok());
    let other = check(&policy, &session, plan(json!({ "$step": "r" }))).unwrap_err();
    assert_eq!(other.questions().len(), 2, "{other}");
    assert_eq!(other.questions()[0].open["data"].as_str(), "r");
}

#[test]
fn a_yes_to_what_is_not_known_is_none_to_what_it_turns_out_to_be() {
    let policy = load(&format!(
        "[grant.notes]\ndir = \"notes\"\naccess = \"read\"\n{}{}",
        capability("read", "read", "grants = [\"notes\"]\n[capability.read.argument]\npath = { const = \"x\" }"),
        capability("send", "mix", "[capability.send.argument]\ndata = { from = [\"policy\"], ask = [\"notes\"] }")
    ));
    let steps = json!([
        step("r", "read", json!({})),
        step("a", "send", json!({ "data": { "$step": "r" } })),
        step("b", "send", json!({ "data": { "$step": "r" } })),
    ]);
    let allowed = |outcome: &str| {
        let mut session = open(&policy, &[]);
        let refusal = check(&policy, &session, steps.clone()).unwrap_err();
        refusal.questions().iter().for_each(|question| session.approve(question.approve(SystemTime::UNIX_EPOCH)));
        let mut execution = Execution::start(check(&policy, &session, steps.clone()).unwrap(), session).unwrap();
        assert!(execution.asks().is_empty(), "nothing is asked of what reads");
        let read = execution.next_step().unwrap().unwrap();
        execution.done(&read, json!(outcome), 0, 0).unwrap();
        execution
    };
    let mut execution = allowed("to eve");
    let asked = execution.asks();
    assert_eq!((asked.len(), asked[0].step.as_str(), &asked[0].arguments["data"]), (1, "a", &json!("to eve")));
    let halted = |mut execution: Execution| execution.next_step().unwrap().unwrap_err().violations()[0].clone();
    assert_eq!(halted(execution).rule, "approval.missing");
    // A yes to one value is none to another, nor to the same of another step.
    let mut other = allowed("to bob");
    other.approve(asked[0].approve(SystemTime::UNIX_EPOCH));
    assert_eq!(halted(other).at, "/steps/1/arguments/data");
    execution = allowed("to eve");
    execution.approve(asked[0].approve(SystemTime::UNIX_EPOCH));
    let first = execution.next_step().unwrap().unwrap();
    execution.done(&first, json!(""), 0, 0).unwrap();
    assert_eq!(execution.asks()[0].step.as_str(), "b");
    assert_eq!(halted(execution).rule, "approval.missing");
}

#[test]
fn plan_and_output_together_are_no_deeper_than_a_record_can_be_read() {
    let policy = load(&capability(
        "mix",
        "mix",
        "output = \"json\"\n[capability.mix.argument]\ndata = { type = \"json\", from = [\"any\"] }",
    ));
    for (around, output, rule) in [(10, 100, None), (11, 100, Some("limit.plan-depth"))] {
        let nested = |value: Value, count| (0..count).fold(value, |value, _| json!([value]));
        let steps = json!([
            step("a", "mix", json!({ "data": 1 })),
            step("b", "mix", json!({ "data": nested(json!({ "$step": "a" }), around) })),
        ]);
        let session = open(&policy, &[]);
        let mut execution = Execution::start(check(&policy, &session, steps).unwrap(), session).unwrap();
        let first = execution.next_step().unwrap().unwrap();
        execution.done(&first, json!(nested(json!(1), output).to_string()), 0, 0).unwrap();
        let refused = execution.next_step().unwrap().err();
        assert_eq!(refused.map(|refusal| refusal.violations()[0].rule), rule, "{around}");
    }
}

#[test]
fn before_is_about_what_succeeded_when_its_step_starts() {
    let policy = load(&format!(
        "[grant.notes]\ndir = \"notes\"\naccess = \"read\"\n{}{}[plan]\nbefore = [[\"verify\", \"pay\"]]\n",
        capability("verify", "read", "grants = [\"notes\"]\n[capability.verify.argument]\npath = { const = \"x\" }"),
        capability("pay", "mix", "[capability.pay.argument]\ndata = { const = \"x\" }")
    ));
    let session = open(&policy, &[]);
    let plan = check(&policy, &session, json!([step("v", "verify", json!({}))])).unwrap();
    let mut execution = Execution::start(plan, session).unwrap();
    let ready = execution.next_step().unwrap().unwrap();
    execution.failed(&ready, 0, 0);
    let (session, _) = execution.finish();
    // The planner has not been told that it failed, so no verdict tells it; but nothing is paid.
    let plan = check(&policy, &session, json!([step("p", "pay", json!({}))])).unwrap();
    let mut execution = Execution::start(plan, session).unwrap();
    assert_eq!(execution.next_step().unwrap().unwrap_err().violations()[0].rule, "order.before");
}

#[test]
fn a_refusal_tells_no_part_of_what_an_input_is() {
    let policy = load(&format!(
        "[input.s]\ntype = \"json\"\n{}",
        capability(
            "mix",
            "mix",
            "[capability.mix.argument]\ndata = { type = \"object\", properties = { a = { type = \"integer\", maximum = 5 } } }"
        )
    ));
    for secret in [r#"{"PASSWORD-hunter2":1}"#, r#"{"a":77}"#, r#"{"a":"hunter2"}"#] {
        let session = open(&policy, &[("s", secret)]);
        let refusal =
            check(&policy, &session, json!([step("a", "mix", json!({ "data": { "$input": "s" } }))])).unwrap_err();
        let told: Vec<_> = refusal.violations().iter().map(|v| (v.at.as_str(), v.message.as_str())).collect();
        assert_eq!(told, [("/steps/0/arguments/data", "a part of the value does not fit")], "{secret}");
    }
}

#[test]
fn a_pair_is_two() {
    for pair in ["[\"a\"]", "[\"a\", \"b\", \"nope\"]"] {
        let text = format!("{}{}[plan]\nbefore = [{pair}]\n", capability("a", "mix", ""), capability("b", "mix", ""));
        assert!(parse(&text, &[]).unwrap_err().iter().any(|error| error.message.contains("a pair is two")), "{pair}");
    }
}

#[test]
fn one_host_has_one_spelling() {
    for (a, b) in [("example.org", "EXAMPLE.org."), ("[::1]", "[0:0::1]"), ("10.0.0.1", "10.0.0.1")] {
        let text = format!("[grant.a]\nhttp = [\"GET https://{a}/x\"]\n[grant.b]\nhttp = [\"GET https://{b}/y\"]\n");
        assert_eq!(load(&text).flows.places.len(), 1, "{a} and {b}");
    }
    for number in ["127.1", "0x7f.1", "2130706433"] {
        assert!(parse(&format!("[grant.a]\nhttp = [\"GET https://{number}/\"]\n"), &[]).is_err(), "{number}");
    }
}

#[test]
fn a_grant_of_hosts_that_could_be_read_in_two_ways_does_not_load() {
    let fault = |grant: &str| {
        let errors = parse(&format!("[grant.a]\n{grant}\n"), &[]).unwrap_err();
        assert_eq!((errors.len(), errors[0].rule), (1, "policy.grant"), "{grant}: {errors:?}");
        errors[0].message.clone()
    };
    const HTTP: &str = "http = [\"GET https://a.example/\"]";
    for (grant, message) in [
        ("http = [\"GET https://b@a.example/\"]".to_owned(), "is no request: the URL has `@` before its path"),
        ("http = [\"GET https://a.example/x/../y\"]".to_owned(), "is no request: the URL's path has a part"),
        ("http = [\"CONNECT https://a.example/\"]".to_owned(), "is no request: CONNECT asks for a tunnel"),
        ("tcp = [\"a.example:80\"]".to_owned(), "is no address with a port"),
        ("tcp = [\"10.0.0.1:0\"]".to_owned(), "is no address with a port"),
        ("tcp = [\"[fe80::1%2]:80\"]".to_owned(), "is no address with a port"),
        ("tcp = [\"[::ffff:10.0.0.1]:80\"]".to_owned(), "is no address with a port"),
        (format!("{HTTP}\naddresses = [\"10.0.0.1\"]"), "is no network"),
        (format!("{HTTP}\naddresses = [\"10.0.0.1/8\"]"), "is no network"),
        (format!("{HTTP}\nsecret = {{ header = \"a: b\", env = \"X\" }}"), "a header's name"),
    ] {
        assert!(fault(&grant).contains(message), "{grant}: {}", fault(&grant));
    }
}

#[test]
fn a_query_has_the_keys_that_are_granted() {
    let policy =
        load("[grant.a]\nhttp = [\"GET https://a.example/one\", \"POST https://a.example/*\"]\nquery = [\"q\"]\n");
    let Target::Hosts(grant) = &policy.grants.values().next().unwrap().target else { panic!("a folder") };
    for (method, url, admitted) in [
        ("GET", "https://a.example/one", Ok(())),
        ("GET", "https://a.example/one?q=1&q=&%71=x", Ok(())),
        ("POST", "https://a.example/two?q", Ok(())),
        ("GET", "https://a.example/one?r=1", Err(Mismatch::Query)),
        ("GET", "https://a.example/one?q=1;r", Err(Mismatch::Query)),
        ("GET", "https://a.example/one?q[]=1", Err(Mismatch::Query)),
        ("GET", "https://a.example/one?Q=1", Err(Mismatch::Query)),
        ("GET", "https://a.example/two", Err(Mismatch::Method)),
        ("PUT", "https://b.example/", Err(Mismatch::Host)),
    ] {
        assert_eq!(grant.admits(method, &Destination::parse(url).unwrap()), admitted, "{method} {url}");
    }
}
