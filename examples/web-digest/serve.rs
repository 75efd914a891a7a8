//! The site of this example: it serves `pages/` on loopback, and prints where, and each request that it gets.
//!
//! Build it with `rustc --edition 2024 serve.rs`, and run it in this folder.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path};

/// Where the example's policy looks for the site.
const ADDRESS: &str = "127.0.0.1:8042";

/// A page that has moved, and where to: what a site sends its readers to, once somebody else has it.
const MOVED: (&str, &str) = ("/news/latest.html", "http://169.254.169.254/latest/meta-data/");

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(ADDRESS)?;
    tell(&format!("serving pages/ at http://{ADDRESS}/"));
    serve(&listener, Path::new("pages"), tell);
    Ok(())
}

/// Whoever reads it may have gone.
fn tell(line: &str) {
    let mut out = io::stdout();
    let _told = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Answers one request after the other, and tells the first line of each.
pub(crate) fn serve(listener: &TcpListener, pages: &Path, mut tell: impl FnMut(&str)) {
    for stream in listener.incoming().flatten() {
        // A client that has gone away wants no answer.
        let _answered = answer(&stream, pages, &mut tell);
    }
}

fn answer(mut stream: &TcpStream, pages: &Path, tell: &mut impl FnMut(&str)) -> io::Result<()> {
    let (mut reader, mut request) = (BufReader::new(stream), String::new());
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    tell(request.trim_end());
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    if path == MOVED.0 {
        return write!(stream, "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", MOVED.1);
    }
    let file = Path::new(path.trim_start_matches('/'));
    let is_inside = file.components().all(|part| matches!(part, Component::Normal(_)));
    let (status, page) = match std::fs::read(pages.join(file)) {
        Ok(page) if is_inside => ("200 OK", page),
        _ => ("404 Not Found", b"<p>There is no such page.".to_vec()),
    };
    write!(stream, "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", page.len())?;
    stream.write_all(&page)
}
