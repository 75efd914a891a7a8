//! Group O: the operator's machine, and a worker that an attacker owns.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::arena::Arena;
use crate::case::cases;
use crate::intruder::{Given, Intruder};
use crate::oracle::{Contained, Ending};
use crate::watch::{is_busy, signal};

cases! {
    case_083_286_an_attacker_who_owns_the_worker
    case_286_what_an_owned_worker_says_is_its_word
    case_279_keys_that_are_none
    case_287_folders_of_its_own_that_others_can_write
    case_288_nothing_is_found_in_the_current_folder_or_taken_from_the_environment
    case_289_runs_that_share_one_home
    case_290_a_machine_that_sleeps
}

/// Every way out that a process has, and the error that it must meet.
fn case_083_286_an_attacker_who_owns_the_worker(arena: &mut Arena) -> Contained {
    use Given::{Bytes, Number as N};
    use nix::libc::*;
    if !claw_runtime::Wall::supported().missing().is_empty() {
        return Contained::lacking("the kernel has no Landlock or no seccomp");
    }
    let cwd = i64::from(AT_FDCWD);
    let path = |name: &str| arena.place.path(name).into_os_string().into_encoded_bytes();
    let (read_only, key, made) = (path("in/notes.md"), path("sentinel/key"), path("out/made"));
    let open = |path, flags: i32| vec![N(cwd), Bytes(path), N(flags.into()), N(0o600)];
    // 127.0.0.1:9, and a Unix socket by name.
    let address: &[u8] = &[2, 0, 0, 9, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let parent = i64::from(std::process::id());
    let (denied, refused) = (-i64::from(EACCES), -i64::from(EPERM));
    let any = |number| (number, vec![N(0), N(0), N(0), N(0)], refused);
    let mut attacks = vec![
        (SYS_openat, open(b"/etc/passwd", O_RDONLY), denied),
        (SYS_openat, open(b"/proc/1/environ", O_RDONLY), denied),
        (SYS_openat, open(b"/proc/self/mem", O_RDWR), denied),
        (SYS_openat, open(b"/dev/null", O_RDWR), denied),
        (SYS_openat, open(b"/", O_RDONLY | O_DIRECTORY), denied),
        (SYS_openat, open(&key, O_RDONLY), denied),
        (SYS_openat, open(&read_only, O_RDWR), denied),
        (SYS_openat, open(&read_only, O_WRONLY | O_TRUNC), denied),
        (SYS_unlinkat, vec![N(cwd), Bytes(&read_only), N(0)], denied),
        (SYS_renameat, vec![N(cwd), Bytes(&read_only), N(cwd), Bytes(&made)], denied),
        (SYS_linkat, vec![N(cwd), Bytes(&read_only), N(cwd), Bytes(&made), N(0)], -i64::from(EXDEV)),
        (SYS_socket, vec![N(AF_INET.into()), N(SOCK_STREAM.into()), N(0)], refused),
        (SYS_socket, vec![N(AF_UNIX.into()), N(SOCK_STREAM.into()), N(0)], refused),
        (SYS_connect, vec![N(0), Bytes(address), N(16)], refused),
        (SYS_fork, vec![], refused),
        (SYS_vfork, vec![], refused),
        (SYS_clone, vec![N(SIGCHLD.into()), N(0)], refused),
        (SYS_clone, vec![N((CLONE_VM | CLONE_SIGHAND | CLONE_THREAD).into()), N(0)], refused),
        (SYS_execve, vec![Bytes(b"/bin/sh"), N(0), N(0)], refused),
        (SYS_ptrace, vec![N(16), N(parent), N(0), N(0)], refused),
        (SYS_kill, vec![N(parent), N(SIGTERM.into())], refused),
        (SYS_kill, vec![N(-1), N(SIGTERM.into())], refused),
        (SYS_tgkill, vec![N(parent), N(parent), N(SIGTERM.into())], refused),
        (
            SYS_mmap,
            vec![N(0), N(4096), N((PROT_READ | PROT_EXEC).into()), N((MAP_PRIVATE | MAP_ANONYMOUS).into())],
            refused,
        ),
        (SYS_mprotect, vec![N(4096), N(4096), N((PROT_READ | PROT_EXEC).into())], refused),
        (SYS_fcntl, vec![N(0), N(F_SETOWN.into()), N(parent)], refused),
        (SYS_prctl, vec![N(PR_SET_DUMPABLE.into()), N(1)], refused),
    ];
    attacks.extend([
        any(SYS_clone3),
        any(SYS_execveat),
        any(SYS_process_vm_readv),
        any(SYS_process_vm_writev),
        any(SYS_setns),
        any(SYS_unshare),
        any(SYS_mount),
        any(SYS_umount2),
        any(SYS_chroot),
        any(SYS_pivot_root),
        any(SYS_bpf),
        any(SYS_perf_event_open),
        any(SYS_userfaultfd),
        any(SYS_io_uring_setup),
        any(SYS_keyctl),
        any(SYS_add_key),
        any(SYS_setuid),
        any(SYS_setgid),
        any(SYS_capset),
        any(SYS_reboot),
        any(SYS_init_module),
        any(SYS_kexec_load),
        any(SYS_ioctl),
        any(SYS_prlimit64),
        any(SYS_setrlimit),
        any(SYS_open_by_handle_at),
        any(SYS_name_to_handle_at),
        any(SYS_pidfd_open),
        any(SYS_pidfd_getfd),
        any(SYS_personality),
        any(SYS_shmget),
        any(SYS_msgget),
        any(SYS_mknodat),
        any(SYS_fchmodat),
        any(SYS_fchownat),
        any(SYS_setxattr),
        any(SYS_inotify_init1),
        any(SYS_fanotify_init),
        any(SYS_timer_create),
        any(SYS_modify_ldt),
        any(SYS_memfd_secret),
        any(SYS_pkey_mprotect),
        any(SYS_remap_file_pages),
        any(SYS_seccomp),
        any(SYS_landlock_restrict_self),
    ]);
    arena.guest("case_286_works_for_a_while").limits("time = \"60s\"\nhost-calls = 1_000_000");
    // Compiled first: the worker that does that is another one.
    let _contained = arena.attack(Ending::Completed);
    let mut results = Vec::new();
    let contained = arena.attack_while(&[Ending::Completed], &mut |_, workers| {
        if let (true, Some(worker)) = (results.is_empty(), workers.iter().find(|worker| is_busy(**worker))) {
            let mut intruder = Intruder::enter(*worker);
            results = attacks
                .iter()
                .map(|(number, given, _)| intruder.call(*number, given))
                .collect::<Option<Vec<_>>>()
                .expect("it lives");
            // It can do what it does all the time.
            let own = intruder.call(SYS_openat, &open(&read_only, O_RDONLY)).expect("it lives");
            assert!(own >= 0, "reading what is granted: {own}");
            assert_eq!(intruder.call(SYS_close, &[N(own)]), Some(0));
            intruder.leave();
        }
    });
    assert_eq!(results.len(), attacks.len(), "it was taken over while it ran");
    for (result, (number, given, expected)) in results.iter().zip(&attacks) {
        assert_eq!(result, expected, "system call {number} {given:?}");
    }
    contained
}

/// It can say anything of its own step, and nothing more: its output must have the type that the component's function has,
/// and what it says that it called is on record as calls of that step, until a replay finds that they were none.
fn case_286_what_an_owned_worker_says_is_its_word(arena: &mut Arena) -> Contained {
    let report = json!({
        "calls": [{
            "call": {
                "function": "wasi:filesystem/types#forged", "arguments": claw_policy::digest(b"forged"),
                "subject": "/out/\n{\"event\":\"seal\"}", "outcome": "ok",
            },
            "answered": { "answer": "done" },
        }],
        "calls_left_out": 0, "printed": [], "printed_cut": false, "written": 0, "files": 0, "peak_memory": 0,
        "host_calls": 0, "denied": null,
    });
    arena.worker_lies = true;
    let ended = |result| json!({ "Ended": { "result": result, "fuel": 7, "report": report } });
    let mut contained = None;
    for (says, along, ending) in [
        (ended(json!({ "Ok": "Json" })), &b"null"[..], Ending::Completed),
        (ended(json!({ "Ok": "Json" })), b"{\"path\":\"/etc/passwd\"}", Ending::Failed("output")),
        (ended(json!({ "Ok": "Text" })), b"null", Ending::Failed("output")),
        (ended(json!({ "Ok": "Text" })), b"\xff", Ending::Failed("worker")),
        (ended(json!({ "Ok": "Json" })), b"null null", Ending::Failed("worker")),
        (ended(json!({ "Err": { "Returned": "THE-LIE" } })), b"", Ending::Failed("capability")),
        (json!("Ready"), b"", Ending::Failed("worker")),
        (json!({ "Enclosed": { "landlock": true, "seccomp": true } }), b"", Ending::Failed("worker")),
        (json!({ "Verdict": "accepted" }), b"", Ending::Failed("worker")),
    ] {
        arena.guest("case_286_works_for_a_while").limits("time = \"60s\"\nhost-calls = 1_000_000");
        let text = says.to_string();
        let lengths = [text.len(), along.len()].map(|length| (length as u64).to_be_bytes());
        let frame = [lengths.as_flattened(), text.as_bytes(), along].concat();
        contained = Some(says_by_its_worker(arena, &frame, ending));
        if ending == Ending::Completed {
            let events = &contained.as_ref().expect("an attack").events;
            let calls: Vec<_> = events.iter().filter(|event| event["event"] == "call").collect();
            assert_eq!(calls.len(), 1, "the worker's word, as a call of its step: {events:#?}");
            assert_eq!(calls[0]["step"], "attack");
        }
    }
    // Lengths without end are no message.
    for frame in [[0xff; 16].to_vec(), [&(1_u64 << 40).to_be_bytes()[..], &0_u64.to_be_bytes()].concat()] {
        contained = Some(says_by_its_worker(arena, &frame, Ending::Failed("worker")));
    }
    contained.expect("some attacks")
}

/// Has the worker of the next run write `frame` to its parent, in the middle of its step.
fn says_by_its_worker(arena: &mut Arena, frame: &[u8], ending: Ending) -> Contained {
    let mut said = false;
    let contained = arena.attack_while(&[ending], &mut |_, workers| {
        if let (false, Some(worker)) = (said, workers.iter().find(|worker| is_busy(**worker))) {
            let mut intruder = Intruder::enter(*worker);
            let given = [Given::Number(0), Given::Bytes(frame), Given::Number(frame.len() as i64)];
            // Its parent may be done with it before the call returns.
            said = intruder.call(nix::libc::SYS_write, &given).is_none_or(|bytes| bytes == frame.len() as i64);
            intruder.leave();
        }
    });
    assert!(said, "it was taken over while it ran");
    contained
}

/// Another user could take records away there, or plant components and keys.
fn case_287_folders_of_its_own_that_others_can_write(arena: &mut Arena) -> Contained {
    arena.guest("case_009_short_run").environment("XDG_STATE_HOME", "stage/state");
    arena.environment("XDG_CACHE_HOME", "stage/cache");
    let _contained = arena.attack(Ending::Completed);
    let folders = ["stage/state/claw", "stage/state/claw/runs", "stage/cache/claw", "stage/cache/claw/components"];
    let is_root = rustix::process::geteuid().is_root();
    for folder in folders.map(|folder| arena.place.path(folder)) {
        for mode in [0o777, 0o720, 0o702] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).expect("modes can be set");
            let _contained = arena.attack(Ending::NotLoaded("home.shared"));
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("modes can be set");
        if is_root {
            chown(&folder, Some(12_345), None).expect("root can give folders away");
            let _contained = arena.attack(Ending::NotLoaded("home.shared"));
            chown(&folder, Some(0), None).expect("and take them back");
        }
    }
    arena.attack(Ending::Completed)
}

/// A key that others have seen, that is cut off, too long or of zeroes is refused; one that is not there is made.
fn case_279_keys_that_are_none(arena: &mut Arena) -> Contained {
    arena.guest("case_009_short_run").environment("XDG_STATE_HOME", "stage/state");
    let _contained = arena.attack(Ending::Completed);
    let key = arena.place.path("stage/state/claw/cache.key");
    let good = fs::read(&key).expect("it was made");
    for mode in [0o640, 0o604, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("modes can be set");
        let _contained = arena.attack(Ending::NotLoaded("own"));
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("modes can be set");
    for bad in [&[][..], &good[..31], &[&good[..], b"x"].concat(), &[0; 32]] {
        fs::write(&key, bad).expect("it can be written");
        let _contained = arena.attack(Ending::NotLoaded("own"));
    }
    fs::remove_file(&key).expect("it can be removed");
    let contained = arena.attack(Ending::Completed);
    assert_ne!(fs::read(&key).expect("it was made again"), good);
    contained
}

/// Many at once, over one home and one cache that has nothing yet: each has its own record, and all of them end.
fn case_289_runs_that_share_one_home(arena: &mut Arena) -> Contained {
    arena.guest("case_009_short_run").environment("XDG_STATE_HOME", "stage/state");
    arena.environment("XDG_CACHE_HOME", "stage/cache");
    let mut others = Vec::new();
    for _ in 0..8 {
        let mut other = arena.command();
        others.push(other.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts"));
    }
    let contained = arena.attack(Ending::Completed);
    for other in others {
        let ended = other.wait_with_output().expect("it ends");
        let document: Value = serde_json::from_slice(&ended.stdout).expect("one document");
        assert_eq!(document["status"], "completed", "{document:#}");
    }
    let runs = fs::read_dir(arena.place.path("stage/state/claw/runs")).expect("they are there");
    assert_eq!(runs.count(), 9);
    contained
}

/// A program that did not run for a while goes on, or its step has run out of time; nothing else.
fn case_290_a_machine_that_sleeps(arena: &mut Arena) -> Contained {
    let mut contained = None;
    for (time, ending) in [("60s", Ending::Completed), ("1500ms", Ending::Failed("limit.time"))] {
        arena.guest("case_286_works_for_a_while").limits(&format!("time = \"{time}\"\nhost-calls = 1_000_000"));
        let mut slept = false;
        contained = Some(arena.attack_while(&[ending], &mut |program, workers| {
            if !slept && workers.iter().any(|worker| is_busy(*worker)) {
                signal(program, "STOP");
                signal(*workers.first().expect("there is one"), "STOP");
                thread::sleep(Duration::from_secs(2));
                signal(*workers.first().expect("there is one"), "CONT");
                signal(program, "CONT");
                slept = true;
            }
        }));
        assert!(slept);
    }
    contained.expect("two attacks")
}

fn case_288_nothing_is_found_in_the_current_folder_or_taken_from_the_environment(arena: &mut Arena) -> Contained {
    // The folder of an untrusted repository: everything that a program could look for is there, and allows everything.
    arena.tools().plan(json!([{ "id": "a", "capability": "write", "arguments": { "path": "a.md", "text": "x" } }]));
    let open = arena.place.read("policy.toml");
    for lure in [
        "claw.toml",
        ".claw.toml",
        "claw.json",
        ".claw/policy.toml",
        ".claw/config.toml",
        ".config/claw/policy.toml",
        "Claw.toml",
        "default.toml",
        "policy.d/x.toml",
        "--policy",
        "--only",
        "-",
        "*",
        ".env",
        ".clawrc",
        "wasmtime.toml",
    ] {
        arena.place.write(lure, &open);
    }
    for arguments in [
        &["run", "--plan", "plan.json"][..],
        &["check", "--plan", "plan.json"],
        &["run", "--policy", "--plan", "plan.json"],
        &["check", "--policy", "--plan", "plan.json"],
        &["run", "--policy=", "--plan", "plan.json"],
        &["run", "--policy", "*.toml", "--plan", "plan.json"],
        &["run", "--policy", "policy.toml", "--plan", "*.json"],
        &["run", "--policy", "policy.toml", "--policy", "claw.toml", "--plan", "plan.json"],
        &["policy", "explain"],
        &["run"],
    ] {
        let mut command = arena.place.command(arguments);
        for name in ["CLAW_POLICY", "POLICY", "CLAW_CONFIG", "CLAW_HOME", "CLAW_ARGS", "CLAW_ALLOW", "CLAW_PLAN"] {
            command.env(name, "policy.toml");
        }
        let ran = command.output().expect("it starts");
        assert_eq!(ran.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    assert_eq!(fs::read_dir(arena.place.path("out")).expect("it is there").count(), 0, "nothing has run");
    // The policy that is named is the one that decides, beside all of them, and an option's value is one.
    arena.instead("[capability.write]\ncomponent = \"builtin:write-file\"\ngrants = [\"out\"]\n", "");
    let _contained = arena.attack(Ending::Refused("capability.unknown"));
    for arguments in [["--only", "--json"], ["--task", "--policy=claw.toml"], ["--input", "-"], ["--dir", "--"]] {
        let _contained =
            arena.arguments(&arguments).attack_any(&[Ending::NotLoaded("usage"), Ending::NotLoaded("task.unknown")]);
    }
    arena.arguments(&[]).tools().attack(Ending::Completed)
}
