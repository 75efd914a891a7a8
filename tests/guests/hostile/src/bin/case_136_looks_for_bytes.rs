//! Makes files longer without writing, and looks at what is in the part that nobody wrote.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

fn main() {
    for name in ["cut", "removed", "new"] {
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(format!("/out/{name}")).unwrap();
        file.set_len(100_000).unwrap();
        file.seek(SeekFrom::Start(200_000)).unwrap();
        file.write_all(b"end").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes.len(), 200_003);
        assert!(bytes[..200_000].iter().all(|byte| *byte == 0), "{name} has old bytes");
    }
}
