//! A file is read and written at any place in it, and appended to.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

fn main() {
    fs::write("/out/a.md", "0123456789").unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open("/out/a.md").unwrap();
    assert_eq!(file.seek(SeekFrom::End(-3)).unwrap(), 7);
    file.write_all(b"ABC").unwrap();
    assert_eq!(file.stream_position().unwrap(), 10);
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "0123456ABC");
    drop(file);

    let mut log = OpenOptions::new().append(true).open("/out/a.md").unwrap();
    log.seek(SeekFrom::Start(0)).unwrap();
    writeln!(log, "!").unwrap();
    assert_eq!(
        fs::read_to_string("/out/a.md").unwrap(),
        "0123456ABC!\n",
        "what is appended comes last wherever one is"
    );
}
