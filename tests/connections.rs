//! TCP connections go where they are granted to, are bounded, and are on record as the parent saw them.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::peer::Peer;
use crate::program::{Place, build_guests, events, violations};
use crate::replay::is_the_same_again;

/// A place where `tcp_script` may connect to `peer`, and does what `script` says.
fn place(peer: &Peer, script: &str, limits: &str) -> Place {
    static COMPONENT: OnceLock<Vec<u8>> = OnceLock::new();
    let component = COMPONENT.get_or_init(|| {
        fs::read(build_guests("tests/guests/honest").join("tcp_script.wasm")).expect("the program is built")
    });
    let place = Place::new();
    place.write("guest.wasm", component);
    place.write("in/peers", peer.address.to_string());
    place.write("in/script", script);
    let (digest, address) = (claw_policy::digest(component), peer.address);
    place.write(
        "policy.toml",
        format!(
            "claw = 1\nname = \"peers\"\n[grant.in]\ndir = \"in\"\naccess = \"read\"\nsecrecy = []\nmount = \"/in\"\n\
             [grant.peer]\ntcp = [\"{address}\"]\nsecrecy = []\naccepts = []\n\
             [capability.talk]\ncomponent = {{ path = \"guest.wasm\", digest = \"{digest}\" }}\ngrants = [\"in\", \"peer\"]\n\
             [capability.talk.limits]\n{limits}\n"
        ),
    );
    place.write("plan.json", r#"{ "claw": 1, "steps": [{ "id": "talk", "capability": "talk" }] }"#);
    place
}

fn run(place: &Place) -> (Option<i32>, Value) {
    place.json(&["run", "--policy", "policy.toml", "--plan", "plan.json"])
}

fn exchanges(run: &Value) -> Vec<Value> {
    let record = Path::new(run["record"].as_str().expect("a run has a record")).to_owned();
    events(&record).into_iter().filter(|event| event["event"] == "exchange").collect()
}

fn failure(run: &Value) -> &Value {
    &run["steps"][0]["failure"]["kind"]
}

#[test]
fn what_a_connection_carried_is_on_record_as_the_parent_saw_it() {
    let peer = Peer::new();
    let place = place(&peer, "ask echo\nsend 100000\nreceive 100000\n", "");
    let (code, run) = run(&place);
    assert_eq!(code, Some(0), "{run:#}");
    let sent = [b"echo\n".as_slice(), &[b'x'; 100_000]].concat();
    assert_eq!(
        exchanges(&run),
        [json!({
            "event": "exchange", "step": "talk", "method": "TCP", "url": format!("tcp://{}", peer.address),
            "grant": "peer", "address": peer.address.to_string(), "outcome": "ok",
            "sent": sent.len(), "body": claw_policy::digest(&sent), "received": 100_000,
        })]
    );
    is_the_same_again(&place, &run);
    assert_eq!(peer.heard().len(), 1, "a replay connects to nobody");
}

#[test]
fn a_connection_that_is_not_granted_is_denied_and_on_record() {
    let (peer, other) = (Peer::new(), Peer::new());
    let place = place(&peer, &format!("connect {}\n", other.address), "");
    let (code, run) = run(&place);
    assert_eq!((code, failure(&run)), (Some(3), &json!("trap")), "{run:#}");
    assert_eq!(violations(&run), [("connection.denied".to_owned(), "/steps/0".to_owned())]);
    let exchanges = exchanges(&run);
    assert_eq!((exchanges.len(), &exchanges[0]["grant"], &exchanges[0]["sent"]), (1, &Value::Null, &json!(0)));
    assert!(exchanges[0]["outcome"].as_str().is_some_and(|outcome| outcome.contains("no grant")), "{exchanges:#?}");
    assert_eq!(other.heard(), [b""; 0]);
    is_the_same_again(&place, &run);
}

/// What a step sends and what it receives are bounded, over all of its connections.
#[test]
fn case_115_what_is_sent_and_received_is_bounded() {
    let peer = Peer::new();
    for (script, limit) in [
        ("ask silent\nsend 1018\n", "sent"),
        ("ask silent\nsend 500\nask silent\nsend 511\n", "sent"),
        ("ask echo\nsend 600\nreceive 600\nask echo\nsend 500\n", "sent"),
        ("ask flood\nreceive 1025\n", "http-bytes"),
        ("ask flood\nreceive 1024\nask flood\nreceive 1\n", "http-bytes"),
    ] {
        let place = place(&peer, script, "http-bytes = 1024\nsent = 1024");
        let (code, run) = run(&place);
        assert_eq!((code, failure(&run)), (Some(4), &json!(format!("limit.{limit}"))), "{script}: {run:#}");
        let total = |of: &str| exchanges(&run).iter().map(|one| one[of].as_u64().expect("a number")).sum::<u64>();
        // One byte more is received, to see that there is one.
        assert!(total("sent") <= 1024 && total("received") <= 1025, "{script}");
        is_the_same_again(&place, &run);
    }
    let all = "ask silent\nsend 1017\n";
    assert_eq!(run(&place(&peer, all, "sent = 1024")).0, Some(0));
    assert!(peer.heard().iter().all(|heard| heard.len() <= 1024));
}

#[test]
fn connections_count_as_open_files() {
    let peer = Peer::new();
    let (code, run) = run(&place(&peer, &"ask silent\n".repeat(9), "open-files = 8"));
    assert_eq!((code, failure(&run)), (Some(4), &json!("trap")), "{run:#}");
    assert_eq!(exchanges(&run).len(), 8);
    assert_eq!(self::run(&place(&peer, &"ask silent\n".repeat(7), "open-files = 8")).0, Some(0));
}

/// Case 59: a peer that says nothing, and one that takes nothing.
#[test]
fn case_059_a_peer_that_does_nothing_is_not_waited_for_longer_than_the_step_may_take() {
    let peer = Peer::new();
    for script in ["ask silent\nreceive 1\n", "ask silent\nsend 100000000\n"] {
        let place = place(&peer, script, "time = \"1s\"\nsent = \"256MiB\"\nfuel = 100000000000\nmemory = \"512MiB\"");
        let (code, run) = run(&place);
        assert_eq!((code, failure(&run)), (Some(4), &json!("limit.time")), "{script}: {run:#}");
        assert!(run["steps"][0]["ms"].as_f64().is_some_and(|ms| (900.0..5_000.0).contains(&ms)), "{run:#}");
        // What the peer did not take was not sent.
        let sent = &exchanges(&run)[0];
        let is_whole = sent["outcome"] == "ok";
        assert!(is_whole != script.contains("send"), "{sent:#}");
        assert!(sent["sent"].as_u64().is_some_and(|sent| sent < 100_000_000), "{sent:#}");
    }
}
