//! A TCP server on loopback that does what the first line of each connection says.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server. Dropping it leaves its threads to the end of the tests.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Peer {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
        let address = listener.local_addr().expect("it has one");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    let mut heard = Vec::new();
                    // A client that has enough goes away.
                    let _gone = serve(stream, &mut heard);
                    kept.lock().expect("nobody panics while it is held").push(heard);
                });
            }
        });
        Self { address, heard }
    }

    /// What each connection that is over has sent.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().expect("nobody panics while it is held").clone()
    }
}

fn serve(mut stream: TcpStream, heard: &mut Vec<u8>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    heard.extend(line.bytes());
    match line.trim_end() {
        // What comes goes back, at once.
        "echo" => loop {
            let bytes = reader.fill_buf()?.to_vec();
            if bytes.is_empty() {
                return Ok(());
            }
            heard.extend(&bytes);
            stream.write_all(&bytes)?;
            reader.consume(bytes.len());
        },
        // All of it goes back, once it is there.
        "all" => {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            heard.extend(&bytes);
            stream.write_all(&bytes)
        }
        "flood" => loop {
            stream.write_all(&[0; 64 << 10])?;
        },
        // Nothing is said or read, until the other end goes away.
        "silent" => {
            stream.set_nonblocking(false)?;
            while stream.peek(&mut [0])? > 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// An address of loopback where nobody is.
pub(crate) fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    listener.local_addr().expect("it has one")
}
