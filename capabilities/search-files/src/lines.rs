//! The lines that the searcher finds in one file, made hits with their context.

use crate::Hit;
use grep_searcher::{Searcher, Sink, SinkContext, SinkMatch};
use std::collections::BTreeMap;
use std::io;

/// How much of a line is given, in bytes: so that all hits with all their context fit the memory of a step.
const MAX_TEXT_BYTES: usize = 500;

/// What was found so far in one file.
pub(crate) struct Lines {
    /// How many lines may match.
    room: usize,
    /// The numbers of those that do, ascending.
    matched: Vec<u64>,
    /// Their texts and those of the lines around them, by number. A line can be around several.
    texts: BTreeMap<u64, String>,
}

impl Lines {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, matched: Vec::new(), texts: BTreeMap::new() }
    }

    /// Whether more lines match than there is room for.
    pub(crate) fn overflowed(&self) -> bool {
        self.matched.len() > self.room
    }

    pub(crate) fn into_hits(self, path: &str, context: u32) -> impl Iterator<Item = Hit> {
        let context = u64::from(context);
        self.matched.into_iter().map(move |line| {
            let texts = |range| self.texts.range(range).map(|(_, text)| text.clone()).collect();
            Hit {
                path: path.to_owned(),
                line: u32::try_from(line).unwrap_or(u32::MAX),
                text: self.texts.get(&line).cloned().unwrap_or_default(),
                before: texts(line.saturating_sub(context)..line),
                after: texts(line + 1..line + 1 + context),
            }
        })
    }

    fn keep(&mut self, line: Option<u64>, bytes: &[u8]) -> u64 {
        let line = line.unwrap_or_default();
        let mut text = String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned();
        if text.len() > MAX_TEXT_BYTES {
            text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
            text.push('…');
        }
        self.texts.insert(line, text);
        line
    }
}

impl Sink for Lines {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> io::Result<bool> {
        let line = self.keep(found.line_number(), found.bytes());
        self.matched.push(line);
        Ok(!self.overflowed())
    }

    fn context(&mut self, _: &Searcher, found: &SinkContext<'_>) -> io::Result<bool> {
        self.keep(found.line_number(), found.bytes());
        Ok(true)
    }

    fn binary_data(&mut self, _: &Searcher, _: u64) -> io::Result<bool> {
        self.matched.clear();
        Ok(false)
    }
}
