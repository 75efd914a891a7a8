//! A component that does what a test asks it to: one action a name, `n` times or bytes of it.

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{Read, Write};

wit_bindgen::generate!({
    inline: "
        package claw:test;
        world probe {
            /// Does `what`, `n` times or bytes of it, to `path`.
            export act: func(what: string, n: option<u64>, path: option<string>) -> result<string, string>;
        }
    ",
});

struct Probe;

export!(Probe);

impl Guest for Probe {
    fn act(what: String, n: Option<u64>, path: Option<String>) -> Result<String, String> {
        let (n, path) = (n.unwrap_or(1), path.unwrap_or_default());
        let io = |error: std::io::Error| format!("{:?}: {error}", error.kind());
        match what.as_str() {
            "nothing" => Ok(String::new()),
            "spin" => loop {
                black_box(());
            },
            "recurse" => Ok(recurse(n).to_string()),
            "allocate" => {
                let held: Vec<Vec<u8>> = (0..n >> 20).map(|_| vec![1; 1 << 20]).collect();
                Ok(black_box(held).len().to_string())
            }
            "now" => {
                for _ in 0..n {
                    black_box(std::time::Instant::now());
                }
                Ok(String::new())
            }
            "handles" => {
                let held: Vec<_> = (0..n).map(|_| wasip2::clocks::monotonic_clock::subscribe_duration(0)).collect();
                Ok(black_box(held).len().to_string())
            }
            "open" => {
                let held: Result<Vec<File>, _> = (0..n).map(|_| File::open(&path)).collect();
                Ok(held.map_err(io)?.len().to_string())
            }
            "print" => {
                let line = [b'x'; 1024];
                for _ in 0..n / 1024 {
                    std::io::stdout().write_all(&line).map_err(io)?;
                    std::io::stderr().write_all(&line).map_err(io)?;
                }
                Ok(String::new())
            }
            "output" => Ok("x".repeat(usize::try_from(n).unwrap_or(usize::MAX))),
            "write" => {
                let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(io)?;
                let block = vec![b'x'; 4096];
                for _ in 0..n / 4096 {
                    file.write_all(&block).map_err(io)?;
                }
                Ok(String::new())
            }
            "grow-file" => {
                let file = File::create(&path).map_err(io)?;
                file.set_len(n).map_err(io)?;
                Ok(String::new())
            }
            "create" => {
                for number in 0..n {
                    File::create(format!("{path}/{number}.md")).map_err(io)?;
                }
                Ok(String::new())
            }
            "read" => fs::read_to_string(&path).map_err(io),
            "panic" => panic!("as it was asked to"),
            "exit" => std::process::exit(3),
            "fail" => Err(path),
            "say" => {
                print!("{path}");
                eprint!("{path}");
                Err("it was said".to_owned())
            }
            "sleep" => {
                let before = std::time::Instant::now();
                std::thread::sleep(std::time::Duration::from_secs(n));
                Ok(before.elapsed().as_secs().to_string())
            }
            "ambient" => {
                let mut stdin = Vec::new();
                let read = std::io::stdin().read_to_end(&mut stdin);
                let environment: Vec<_> = std::env::vars().collect();
                let arguments: Vec<_> = std::env::args().collect();
                let folder = std::env::current_dir().map_err(io);
                let root = fs::read_dir("/").map(|entries| entries.count()).map_err(io);
                Ok(format!("{environment:?} {arguments:?} {folder:?} {:?} {root:?}", read.map_err(io)))
            }
            "clock" => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Ok(since.map_err(|error| error.to_string())?.as_secs().to_string())
            }
            "random" => {
                let bytes = wasip2::random::random::get_random_bytes(16);
                Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
            }
            other => Err(format!("there is no action `{other}`")),
        }
    }
}

fn recurse(n: u64) -> u64 {
    if n == 0 { 0 } else { black_box(recurse(black_box(n - 1))) + 1 }
}
