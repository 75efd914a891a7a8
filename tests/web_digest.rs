//! The example `web-digest` does what the README says: three pages become a digest, and each attack on it is stopped by
//! what it is about, before a server learns anything.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::Value;

use crate::program::{Place, events, violations};
use crate::replay::is_the_same_again;

#[path = "../examples/web-digest/serve.rs"]
#[allow(dead_code, reason = "its `main` is for the example's users")]
mod serve;

/// The site's address in the example's files.
const ADDRESS: &str = "127.0.0.1:8042";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    plan: Vec<Attack>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    file: String,
    tries: String,
    verdict: String,
    rule: Option<String>,
    at: Option<String>,
    #[serde(default)]
    also: Vec<RuleAt>,
    because: Option<String>,
    #[serde(default)]
    requests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleAt {
    rule: String,
    at: String,
}

/// The example with its site, at a port that is free here.
struct Site {
    place: Place,
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start() -> Self {
        let place = Place::with_example("web-digest");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, pages) = (Arc::clone(&asked), place.path("pages"));
        std::thread::spawn(move || {
            serve::serve(&listener, &pages, |line| kept.lock().unwrap().push(line.to_owned()));
        });
        let site = Self { place, port, asked };
        for file in ["policy.toml", "plan.json"] {
            site.moved(file);
        }
        site
    }

    /// Has a file of the example name the port that the site has here.
    fn moved(&self, file: &str) {
        let text = self.place.read(file).replace(ADDRESS, &format!("127.0.0.1:{}", self.port));
        self.place.write(file, text);
    }

    fn run(&self, plan: &str) -> (Option<i32>, Value) {
        self.place.json(&["run", "--policy", "policy.toml", "--plan", plan])
    }

    /// The requests since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[test]
fn three_pages_become_a_digest() {
    let site = Site::start();
    let (code, run) = site.run("plan.json");
    assert_eq!((code, run["status"].as_str()), (Some(0), Some("completed")), "{run:#}");
    let get = |path: &str| format!("GET /news/{path} HTTP/1.1");
    assert_eq!(site.asked(), [get("kettle-2.html"), get("ferry.html"), get("library.html?page=1")]);
    let digest = site.place.read("out/digest.md");
    assert_eq!(run["answer"]["bytes"], digest.len());
    insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("web-digest", digest);
    });
    is_the_same_again(&site.place, &run);
    assert!(site.asked().is_empty(), "a replay asks nobody");
}

#[test]
fn each_attack_on_the_digest_is_stopped_by_what_it_is_about() {
    let site = Site::start();
    let expected: Expected = toml::from_str(&site.place.read("attacks/expected.toml")).unwrap();
    let mut files: Vec<String> = expected.plan.iter().map(|plan| plan.file.clone()).collect();
    files.sort();
    let mut there: Vec<String> = std::fs::read_dir(site.place.path("attacks"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    there.sort();
    assert_eq!(files, there);
    for attack in &expected.plan {
        let file = format!("attacks/{}", attack.file);
        site.moved(&file);
        let (code, run) = site.run(&file);
        assert_eq!(run["status"], attack.verdict, "{file}: {run:#}");
        let record = run["record"].as_str().unwrap();
        if attack.verdict == "refused" {
            let mut wanted: Vec<_> = attack.also.iter().map(|also| (also.rule.clone(), also.at.clone())).collect();
            wanted.extend(attack.rule.clone().zip(attack.at.clone()));
            let mut found = violations(&run);
            wanted.sort();
            found.sort();
            assert_eq!((code, found), (Some(3), wanted), "{file}");
            assert_eq!(run["steps"].as_array().map(Vec::len), Some(0), "{file}: nothing ran");
        } else {
            let because = attack.because.as_deref().unwrap();
            let told =
                events(record.as_ref()).into_iter().filter(|e| e["event"] == "exchange" || e["event"] == "failed");
            let told: Vec<String> = told.map(|event| event.to_string()).collect();
            assert!(told.iter().any(|event| event.contains(because)), "{file}: {told:#?}");
            let found = violations(&run).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
            let (wanted, rules) =
                if attack.verdict == "halted" { (Some(3), vec!["request.denied"]) } else { (Some(4), Vec::new()) };
            assert_eq!((code, found), (wanted, rules.into_iter().map(str::to_owned).collect()), "{file}");
        }
        assert_eq!(site.asked(), attack.requests, "{file}: {}", attack.tries);
        is_the_same_again(&site.place, &run);
        let left = std::fs::read_dir(site.place.path("out")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{file}: nothing is written");
    }
}

/// What shows the demo to be about this example: the port is the one that its server takes.
#[test]
fn the_site_is_where_the_policy_and_the_plan_look_for_it() {
    let place = Place::with_example("web-digest");
    for file in ["policy.toml", "plan.json", "serve.rs"] {
        assert!(place.read(file).contains(ADDRESS), "{file}");
    }
}
