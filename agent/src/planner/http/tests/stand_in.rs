//! A server on loopback that reads whole requests and answers them as it is told.

use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// What is written on a connection, once its request is there.
pub(super) type Answer = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + Send + Sync>;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Its first line and headers, in small letters.
    pub(super) head: String,
    pub(super) body: Value,
}

pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    /// Gives the answers one after the other, a connection each, and the last one from then on.
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Vec<Answer> = answers.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (turn, connection) in listener.incoming().enumerate() {
                // Who was asked may have enough of it before the answer's end.
                let _ = serve(connection.unwrap(), &answers[turn.min(answers.len() - 1)], &notes);
            }
        });
        Self { address, seen }
    }

    /// One that listens no more.
    pub(super) fn gone() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { address, seen: Arc::default() }
    }

    /// The requests that came.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(mut connection: TcpStream, answer: &Answer, notes: &Mutex<Vec<Seen>>) -> io::Result<()> {
    let seen = read(&connection)?;
    notes.lock().unwrap().push(seen);
    answer(&mut connection)
}

/// Reads a request.
pub(super) fn read(from: impl io::Read) -> io::Result<Seen> {
    let mut from = BufReader::new(from);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = head.to_ascii_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|length| length.parse().unwrap());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    Ok(Seen { head, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// Bytes as they are.
pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Answer {
    let bytes = bytes.into();
    Box::new(move |to| to.write_all(&bytes))
}

/// A status with further headers, each with its line's end, and a body.
pub(super) fn status(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    raw(format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"))
}

/// A body of a type.
pub(super) fn ok(kind: &str, body: &str) -> Answer {
    status("200 OK", &format!("content-type: {kind}\r\n"), body)
}

/// A stream of events, each a JSON document, in chunks that are cut anywhere.
pub(super) fn events<'a>(events: impl IntoIterator<Item = &'a str>) -> Answer {
    let body: String = events.into_iter().map(|event| format!("data: {event}\n\n")).collect();
    chunked("text/event-stream; charset=utf-8", &body)
}

/// A body of a type, in chunks of 7 bytes.
pub(super) fn chunked(kind: &str, body: &str) -> Answer {
    let mut bytes = head(kind);
    for piece in body.as_bytes().chunks(7) {
        bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
        bytes.extend(piece);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    raw(bytes)
}

/// The beginning of a body in chunks, whose end never comes.
pub(super) fn cut(kind: &str, body: &str) -> Answer {
    let mut bytes = head(kind);
    bytes.extend(format!("{:x}\r\n{body}\r\n", body.len()).bytes());
    raw(bytes)
}

/// A piece again and again, `times` times at most, with a pause before each.
pub(super) fn repeated(kind: &str, piece: &str, times: usize, pause: Duration) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n");
    let piece = piece.to_owned();
    Box::new(move |to| {
        to.write_all(head.as_bytes())?;
        for _ in 0..times {
            std::thread::sleep(pause);
            to.write_all(piece.as_bytes())?;
        }
        Ok(())
    })
}

/// Nothing, for a long time.
pub(super) fn silence() -> Answer {
    Box::new(|_| {
        std::thread::sleep(Duration::from_secs(60));
        Ok(())
    })
}

fn head(kind: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        .into_bytes()
}
