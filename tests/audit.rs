//! What is done to a record afterwards is found: every line, every blob, the checkpoints, a run, and yesterday's folder.

use std::fs;
use std::path::{Path, PathBuf};

use claw_audit::checkpoint::PublicKey;
use claw_audit::{Fault, Machine, Verified, recheck, verify, verify_machine};
use serde_json::{Value, json};

use crate::program::{Place, copy};

const RUN: [&str; 5] = ["run", "--policy", "policy.toml", "--plan", "plan.json"];

/// Two runs of four steps, one of them with an output that is a blob.
struct Runs {
    place: Place,
    state: PathBuf,
    runs: [PathBuf; 2],
}

impl Runs {
    fn new() -> Self {
        let place = Place::with_own_home();
        let example = Place::with_example("notes");
        copy(&example.path(""), &place.path(""));
        place.write("notes/long.md", "long\n".repeat(20_000));
        let steps = json!([
            { "id": "list", "capability": "list" },
            { "id": "long", "capability": "read", "arguments": { "path": "long.md" } },
            { "id": "short", "capability": "read", "arguments": { "path": "week-47.md" } },
            { "id": "copy", "capability": "write", "arguments": { "path": "copy.md", "text": { "$step": "short" } } },
        ]);
        place.write("plan.json", json!({ "claw": 1, "steps": steps }).to_string());
        let runs = [(), ()].map(|()| {
            let (code, run) = place.json(&RUN);
            assert_eq!(code, Some(0), "{run:#}");
            PathBuf::from(run["record"].as_str().expect("a path"))
        });
        let state = place.home().join(".local/state/claw");
        Self { place, state, runs }
    }

    fn key(&self) -> PublicKey {
        Machine::open(&self.state).expect("there is a key").key().public()
    }

    /// As `claw audit verify RUN` does it.
    fn verify(&self, run: &Path) -> Result<Verified, Fault> {
        let machine = verify_machine(&self.state.join("machine"), self.key(), None)?;
        let verified = verify(run, self.key())?;
        verified.in_machine(&machine)?;
        recheck(run, &verified.events)?;
        Ok(verified)
    }

    /// Fails unless what `change` does to the file is found; puts it back.
    fn finds(&self, what: &str, file: &Path, change: impl FnOnce(&Path)) {
        let before = fs::read(file).expect("it is there");
        change(file);
        assert!(self.verify(&self.runs[0]).is_err(), "{what} was not found");
        fs::write(file, before).expect("it can be written");
    }
}

#[test]
fn what_was_written_verifies() {
    let runs = Runs::new();
    for run in &runs.runs {
        let verified = runs.verify(run).unwrap_or_else(|fault| panic!("{fault}"));
        assert!(verified.notes.is_empty(), "{:?}", verified.notes);
    }
    let (code, document) = runs.place.json(&["audit", "verify"]);
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!(document["verified"].as_array().map(Vec::len), Some(2));
    let (_, key) = runs.place.json(&["audit", "key"]);
    assert_eq!(key["key"], runs.key().to_text());
}

#[test]
fn every_line_that_is_changed_moved_taken_away_or_added_is_found() {
    let runs = Runs::new();
    let log = runs.runs[0].join("log.jsonl");
    let text = fs::read_to_string(&log).expect("it is there");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() >= 10, "{}", lines.len());
    let write = |lines: &[&str]| {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        move |file: &Path| fs::write(file, &text).expect("it can be written")
    };
    for at in 0..lines.len() {
        let with = |change: &dyn Fn(&mut Vec<&str>)| {
            let mut changed = lines.clone();
            change(&mut changed);
            write(&changed)
        };
        runs.finds(
            &format!("line {at} taken away"),
            &log,
            with(&|lines| {
                lines.remove(at);
            }),
        );
        runs.finds(&format!("line {at} twice"), &log, with(&|lines| lines.insert(at, lines[at])));
        runs.finds(&format!("all from line {at} on taken away"), &log, with(&|lines| lines.truncate(at)));
        runs.finds(&format!("a line before {at}"), &log, with(&|lines| lines.insert(at, "{\"event\":\"seal\"}")));
        // Calls can be the same twice.
        if at > 0 && lines[at - 1] != lines[at] {
            runs.finds(
                &format!("lines {at} and the one before changed places"),
                &log,
                with(&|lines| lines.swap(at - 1, at)),
            );
        }
        for byte in (0..lines[at].len()).step_by(lines[at].len() / 40 + 1) {
            let mut bytes = lines[at].as_bytes().to_vec();
            bytes[byte] ^= 1;
            let changed = String::from_utf8(bytes).expect("a bit of ASCII is ASCII");
            let mut other = lines.clone();
            other[at] = &changed;
            runs.finds(&format!("line {at}, byte {byte}"), &log, write(&other));
        }
    }
    runs.finds("the last line feed", &log, |file| fs::write(file, text.trim_end()).expect("it can be written"));
    runs.finds("more at the end", &log, |file| fs::write(file, format!("{text}x")).expect("it can be written"));
    assert!(runs.verify(&runs.runs[0]).is_ok(), "and it is as it was");
}

#[test]
fn every_blob_that_is_changed_taken_away_or_added_is_found() {
    let runs = Runs::new();
    let blobs = runs.runs[0].join("blobs/sha256");
    let all: Vec<PathBuf> =
        fs::read_dir(&blobs).expect("there are some").map(|blob| blob.expect("it can be read").path()).collect();
    assert!(all.len() >= 2, "the seed, and an output");
    for blob in &all {
        let before = fs::read(blob).expect("it is there");
        for at in [0, before.len() / 2, before.len() - 1] {
            runs.finds("a byte of a blob", blob, |file| {
                let mut bytes = before.clone();
                bytes[at] ^= 1;
                fs::write(file, bytes).expect("it can be written");
            });
        }
        runs.finds("a blob that is cut", blob, |file| fs::write(file, &before[..1]).expect("it can be written"));
        runs.finds("a blob taken away", blob, |file| fs::remove_file(file).expect("it can be removed"));
    }
    fs::write(blobs.join("0".repeat(64)), "x").expect("it can be written");
    assert!(runs.verify(&runs.runs[0]).is_err(), "a blob that nothing refers to");
}

#[test]
fn checkpoints_that_are_swapped_and_runs_that_are_gone_or_old_are_found() {
    let runs = Runs::new();
    let [one, other] = runs.runs.clone();
    runs.finds("another run's checkpoint", &one.join("checkpoint"), |file| {
        fs::copy(other.join("checkpoint"), file).expect("it can be copied");
    });
    runs.finds("no checkpoint", &one.join("checkpoint"), |file| fs::remove_file(file).expect("it can be removed"));
    // A record that is whole, in the place of another one.
    fs::rename(&one, runs.place.path("kept")).expect("it can be moved");
    copy(&other, &{
        fs::create_dir(&one).expect("folders can be made");
        one.clone()
    });
    assert!(runs.verify(&one).is_err(), "another run's record in its place");
    fs::remove_dir_all(&one).expect("it can be removed");
    let (code, document) = runs.place.json(&["audit", "verify"]);
    assert_eq!(code, Some(5), "a run is gone: {document:#}");
    // An old copy of one run: what it was before it was sealed.
    copy(&runs.place.path("kept"), &{
        fs::create_dir(&one).expect("folders can be made");
        one.clone()
    });
    assert!(runs.verify(&one).is_ok());
    let log = fs::read_to_string(one.join("log.jsonl")).expect("it is there");
    let unsealed: String = log.lines().take(4).map(|line| format!("{line}\n")).collect();
    fs::write(one.join("log.jsonl"), unsealed).expect("it can be written");
    fs::remove_file(one.join("checkpoint")).expect("it can be removed");
    assert!(runs.verify(&one).is_err(), "the machine's log has sealed it");
}

/// Whoever restores the whole folder of yesterday leaves nothing wrong in it; a checkpoint that was kept elsewhere shows it.
#[test]
fn yesterdays_folder_is_found_by_a_checkpoint_that_was_kept_elsewhere_and_by_nothing_else() {
    let runs = Runs::new();
    let yesterday = runs.place.path("yesterday");
    fs::create_dir(&yesterday).expect("folders can be made");
    copy(&runs.state, &yesterday);
    let kept = |name: &str| {
        let (code, head) = runs.place.json(&["audit", "head"]);
        assert_eq!(code, Some(0), "{head:#}");
        runs.place.write(name, head["checkpoint"].as_str().expect("a note"))
    };
    let since = |file: &str| runs.place.json(&["audit", "verify", "--since", file]).0;
    kept("before");
    assert_eq!(runs.place.json(&RUN).0, Some(0));
    kept("after");
    assert_eq!((since("before"), since("after")), (Some(0), Some(0)), "the log goes on from both");
    fs::remove_dir_all(&runs.state).expect("it can be removed");
    fs::create_dir(&runs.state).expect("folders can be made");
    copy(&yesterday, &runs.state);
    assert_eq!(runs.place.json(&["audit", "verify"]).0, Some(0), "nothing in it is wrong");
    assert_eq!((since("before"), since("after")), (Some(0), Some(5)));
    // Nor is it when another run comes after it.
    assert_eq!(runs.place.json(&RUN).0, Some(0));
    assert_eq!((since("before"), since("after")), (Some(0), Some(5)));
}

#[test]
fn the_machines_log_goes_on_after_a_crash_and_not_after_a_change() {
    let runs = Runs::new();
    let machine = runs.state.join("machine");
    let (log, tree) = (machine.join("log.jsonl"), machine.join("tree"));
    let run = || runs.place.json(&RUN);
    let text = fs::read_to_string(&log).expect("it is there");
    assert_eq!(text.lines().count(), 4);
    // What is kept beside it is only there to be fast.
    for bad in ["", "{}", "{\"bytes\":1,\"full\":[],\"size\":0}"] {
        fs::write(&tree, bad).expect("it can be written");
        assert_eq!(run().0, Some(0), "{bad}");
    }
    // A line that was cut off in its middle is taken away, and that is noted.
    let text = fs::read_to_string(&log).expect("it is there");
    let torn = "{\"event\":\"opened\",\"ru";
    fs::write(&log, format!("{text}{torn}")).expect("it can be written");
    assert_eq!(run().0, Some(0));
    assert!(
        fs::read_to_string(&log)
            .expect("it is there")
            .contains(&format!("{{\"bytes\":{},\"event\":\"cut\"}}\n", torn.len()))
    );
    assert_eq!(runs.place.json(&["audit", "verify"]).0, Some(0));
    // What was signed has to be there.
    let good = fs::read_to_string(&log).expect("it is there");
    let lines: Vec<&str> = good.lines().collect();
    for changed in [good.replacen("completed", "failed", 1), lines[1..].join("\n") + "\n", lines[..5].join("\n") + "\n"]
    {
        fs::write(&log, changed).expect("it can be written");
        let (code, document) = run();
        assert_eq!(code, Some(1), "{document:#}");
        assert_eq!(runs.place.json(&["audit", "verify"]).0, Some(5));
    }
    fs::write(&log, &good).expect("it can be written");
    assert_eq!(run().0, Some(0));
    let document: Value = runs.place.json(&["audit", "verify"]).1;
    assert_eq!(document["fault"], Value::Null, "{document:#}");
}

#[test]
fn old_records_are_taken_away_and_verify_tells_them_from_deleted_ones() {
    let runs = Runs::new();
    let id = |run: &Path| run.file_name().expect("a name").to_string_lossy().into_owned();
    let [one, other] = &runs.runs;
    let prune = |span: &str| runs.place.json(&["audit", "prune", "--older-than", span]);
    assert_eq!(prune("30d"), (Some(0), json!({ "pruned": [], "kept": [] })), "they are of today");
    for bad in ["-1d", "1d ago", "soon", "100000y"] {
        assert_eq!(prune(bad).0, Some(2), "{bad}");
    }
    // One that was changed is evidence.
    runs.finds("a changed log", &one.join("log.jsonl"), |log| {
        let text = fs::read_to_string(log).expect("it is there");
        fs::write(log, text.replacen("week-47", "week-48", 1)).expect("it can be written");
        let (code, document) = prune("0s");
        assert_eq!(
            (code, &document["pruned"], &document["kept"][0]["run"]),
            (Some(5), &json!([id(other)]), &json!(id(one)))
        );
    });
    assert!(one.exists() && !other.exists());
    let (code, document) = runs.place.json(&["audit", "verify"]);
    assert_eq!((code, &document["pruned"]), (Some(0), &json!([id(other)])), "{document:#}");
    assert_eq!(document["verified"][0]["run"], id(one));
    let told = runs.place.claw(&["audit", "verify", &id(other)]);
    assert_eq!((told.code, told.out), (Some(0), format!("{}: pruned\n0 runs verified\n", id(other))));
    // One that somebody deleted is not made to look pruned.
    fs::remove_dir_all(one).expect("it can be removed");
    assert_eq!(prune("0s"), (Some(0), json!({ "pruned": [], "kept": [] })));
    assert_eq!(runs.place.json(&["audit", "verify"]).0, Some(5));
}
