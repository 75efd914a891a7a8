//! The lines of a log, one after the other, none of them longer than it may be.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

/// Reads a log's lines. What comes after the last line feed is no line.
pub(crate) struct Lines<'f> {
    reader: BufReader<&'f File>,
    most: u64,
    line: Vec<u8>,
}

impl<'f> Lines<'f> {
    /// Of `file`, from where it stands; no line is longer than `most`.
    pub(crate) fn of(file: &'f File, most: u64) -> Self {
        Self { reader: BufReader::new(file), most, line: Vec::new() }
    }

    /// The next line, without its line feed; none where there is no more that ends with one.
    ///
    /// # Errors
    /// A line that is too long, and what the system says.
    pub(crate) fn next_whole(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = self.reader.by_ref().take(self.most + 1).read_until(b'\n', &mut self.line)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Ok(Some(&self.line));
        }
        if read as u64 > self.most { Err(io::Error::from(io::ErrorKind::FileTooLarge)) } else { Ok(None) }
    }

    /// What came after the last whole line.
    pub(crate) fn torn(&self) -> &[u8] {
        &self.line
    }
}
