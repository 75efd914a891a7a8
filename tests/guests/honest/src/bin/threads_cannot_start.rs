//! There is one thread: starting another fails, and is no crash. Locks, channels and lazy values work.

use std::io::ErrorKind;
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;

static ONCE: OnceLock<u32> = OnceLock::new();

fn main() {
    assert_eq!(thread::Builder::new().spawn(|| ()).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(thread::available_parallelism().map_or(1, |most| most.get()), 1);
    *Mutex::new(1).lock().unwrap() += 1;
    assert_eq!(*ONCE.get_or_init(|| 7), 7);
    let (send, receive) = mpsc::channel();
    send.send(1).unwrap();
    assert_eq!(receive.recv(), Ok(1));
}
