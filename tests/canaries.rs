//! Secrets that can be told apart, over real files and many runs: none comes to where its category is not accepted.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::Place;

/// `inner` lies in `work`: two grants on one place, which accept different things.
const POLICY: &str = r#"claw = 1
name = "canaries"
[grant.red]
dir = "red"
access = "read"
[grant.blue]
dir = "blue"
access = "read"
[grant.work]
dir = "work"
access = "write"
secrecy = []
accepts = ["red"]
[grant.inner]
dir = "work/inner"
access = "write"
secrecy = []
accepts = ["blue"]
[grant.open]
dir = "open"
access = "write"
secrecy = []
[capability.echo]
component = "builtin:render-text"
"#;

const FOLDERS: [&str; 5] = ["red", "blue", "work", "inner", "open"];
const SINKS: [&str; 3] = ["work", "inner", "open"];
const RUNS: u64 = 120;

/// A generator of plans, the same each time: SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) % end as u64) as usize
    }

    /// A plan that reads, mixes and writes, from anywhere to anywhere.
    fn plan(&mut self) -> Value {
        let mut steps = vec![self.reading(0)];
        for index in 1..2 + self.below(4) {
            let earlier = |random: &mut Self| json!({ "$step": format!("s{}", random.below(index)) });
            steps.push(match self.below(5) {
                0 => self.reading(index),
                1 | 2 => {
                    let data = json!({ "a": earlier(self), "b": earlier(self) });
                    let arguments = json!({ "template": "{{ a }} {{ b }}", "data": data });
                    json!({ "id": format!("s{index}"), "capability": "echo", "arguments": arguments })
                }
                _ => {
                    // Mostly where what was read first may go: a plan of which one step is refused writes nothing.
                    let home = match steps[0]["capability"].as_str() {
                        Some("read-red" | "read-work") => "work",
                        Some("read-blue" | "read-inner") => "inner",
                        _ => "open",
                    };
                    let sink = if self.below(3) > 0 { home } else { SINKS[self.below(SINKS.len())] };
                    let name = ["", "inner/"][self.below(2)].to_owned() + &format!("f{}.md", self.below(6));
                    let arguments = json!({ "path": name, "text": earlier(self), "mode": "replace" });
                    json!({ "id": format!("s{index}"), "capability": format!("write-{sink}"), "arguments": arguments })
                }
            });
        }
        json!({ "claw": 1, "steps": steps })
    }

    fn reading(&mut self, index: usize) -> Value {
        let folder = FOLDERS[self.below(FOLDERS.len())];
        let name = match folder {
            "red" | "blue" => "secret.md".to_owned(),
            _ => ["", "inner/"][self.below(2)].to_owned() + &format!("f{}.md", self.below(6)),
        };
        json!({ "id": format!("s{index}"), "capability": format!("read-{folder}"), "arguments": { "path": name } })
    }
}

#[test]
fn no_secret_comes_to_where_it_is_not_accepted_over_many_runs() {
    let place = Place::new();
    let mut policy = POLICY.to_owned();
    for folder in FOLDERS {
        policy += &format!("[capability.read-{folder}]\ncomponent = \"builtin:read-file\"\ngrants = [\"{folder}\"]\n");
    }
    for sink in SINKS {
        policy += &format!("[capability.write-{sink}]\ncomponent = \"builtin:write-file\"\ngrants = [\"{sink}\"]\n");
    }
    place.write("policy.toml", policy);
    place.write("red/secret.md", "RED-CANARY");
    place.write("blue/secret.md", "BLUE-CANARY");
    for folder in ["work/inner/inner", "open/inner"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    for name in (0..6).map(|n| format!("f{n}.md")) {
        place.write(&format!("open/{name}"), "nothing yet");
        place.write(&format!("work/{name}"), "nothing yet");
        place.write(&format!("work/inner/{name}"), "nothing yet");
    }
    let (mut random, mut accepted, mut refused, mut arrived) = (Random(7), 0, 0, [false; 2]);
    for run in 0..RUNS {
        place.write("plan.json", random.plan().to_string());
        let (code, document) = place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"]);
        match document["status"].as_str() {
            Some("completed" | "failed") => accepted += 1,
            Some("refused") => refused += 1,
            other => panic!("{code:?} {other:?}: {document:#}"),
        }
        arrived[0] |= holds(&place.path("work"), "RED-CANARY");
        arrived[1] |= holds(&place.path("work/inner"), "BLUE-CANARY");
        for secret in ["RED-CANARY", "BLUE-CANARY"] {
            assert!(
                !holds(&place.path("open"), secret),
                "run {run}: {secret} is in `open`: {}",
                place.read("plan.json")
            );
        }
        // `work` accepts red alone; what is blue comes into `inner`, and goes no further.
        for file in std::fs::read_dir(place.path("work")).unwrap().map(|entry| entry.unwrap().path()) {
            let outside = file.is_file() && std::fs::read_to_string(&file).unwrap().contains("BLUE-CANARY");
            assert!(!outside, "run {run}: blue is in `work`: {}", place.read("plan.json"));
        }
    }
    // The test is about flows that are allowed as much as about those that are not.
    assert!(accepted >= 20 && refused >= 20, "{accepted} accepted, {refused} refused");
    assert!(arrived.into_iter().all(|arrived| arrived), "no secret came to where it is accepted: {arrived:?}");
}

/// Whether a text is in any file of a folder.
fn holds(folder: &Path, text: &str) -> bool {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|path| {
        if path.is_dir() {
            holds(&path, text)
        } else {
            std::fs::read_to_string(&path).is_ok_and(|all| all.contains(text))
        }
    })
}
