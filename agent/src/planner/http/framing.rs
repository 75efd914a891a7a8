//! From the bytes of a body, however they are cut, to the events in it.

use super::problem::Fault;

/// How events stand in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events (HTML Living Standard, section 9.2): the data of each, its other fields left away.
    Events,
    /// A JSON document on each line.
    Lines,
    /// The whole body is one.
    Whole,
}

impl Framing {
    /// That of a body by its `content-type`, if it is one in which events can stand.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "text/event-stream" => Some(Self::Events),
            "application/x-ndjson" | "application/jsonl" => Some(Self::Lines),
            "application/json" => Some(Self::Whole),
            _ => None,
        }
    }
}

/// What finds the events in a body.
#[derive(Debug)]
pub(super) struct Frames {
    framing: Framing,
    /// The most bytes of a line, and of an event.
    most: usize,
    line: Vec<u8>,
    /// Whether the last byte was a carriage return: a line feed after it ends no further line.
    returned: bool,
    /// Whether a line was there already: a byte order mark can only stand before the first.
    begun: bool,
    /// The data of the event that its lines are read of.
    data: Option<Vec<u8>>,
}

impl Frames {
    /// Nothing read yet.
    pub(super) fn new(framing: Framing, most: usize) -> Self {
        Self { framing, most, line: Vec::new(), returned: false, begun: false, data: None }
    }

    /// Reads on, and hands over each event that is there whole.
    pub(super) fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
        if self.framing == Framing::Whole {
            return extend(&mut self.line, bytes, self.most);
        }
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let Some((end, line)) = piece.split_last() else { continue };
            match end {
                // The second half of a line break.
                b'\n' if line.is_empty() && self.returned => self.returned = false,
                b'\n' | b'\r' => {
                    extend(&mut self.line, line, self.most)?;
                    self.returned = *end == b'\r';
                    let line = std::mem::take(&mut self.line);
                    self.line(&line, each)?;
                }
                _ => {
                    self.returned = false;
                    extend(&mut self.line, piece, self.most)?;
                }
            }
        }
        Ok(())
    }

    /// The body is at its end. An event of a stream that its end does not stand behind was cut, and is none.
    pub(super) fn finish(self, each: &mut dyn FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
        match self.framing {
            Framing::Events => Ok(()),
            Framing::Lines | Framing::Whole if self.line.is_empty() => Ok(()),
            Framing::Lines | Framing::Whole => each(text(&self.line)?),
        }
    }

    fn line(&mut self, line: &[u8], each: &mut dyn FnMut(&str) -> Result<(), Fault>) -> Result<(), Fault> {
        let first = !std::mem::replace(&mut self.begun, true);
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| first).unwrap_or(line);
        match self.framing {
            Framing::Lines | Framing::Whole if line.is_empty() => Ok(()),
            Framing::Lines | Framing::Whole => each(text(line)?),
            Framing::Events if line.is_empty() => match self.data.take() {
                Some(data) => each(text(&data)?),
                None => Ok(()),
            },
            Framing::Events => self.field(line),
        }
    }

    /// One line of an event.
    fn field(&mut self, line: &[u8]) -> Result<(), Fault> {
        let Some(value) = line.strip_prefix(b"data") else { return Ok(()) };
        let value = match value.split_first() {
            None => value,
            Some((b':', value)) => value.strip_prefix(b" ").unwrap_or(value),
            // Another field, whose name begins the same.
            Some(_) => return Ok(()),
        };
        match &mut self.data {
            None => {
                self.data = Some(value.to_vec());
                Ok(())
            }
            Some(data) => {
                extend(data, b"\n", self.most)?;
                extend(data, value, self.most)
            }
        }
    }
}

fn extend(buffer: &mut Vec<u8>, bytes: &[u8], most: usize) -> Result<(), Fault> {
    if buffer.len().saturating_add(bytes.len()) > most {
        return Err(Fault::TooLarge);
    }
    buffer.extend_from_slice(bytes);
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| Fault::Broken("an event of the stream is not UTF-8 text".to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn events(framing: Framing, most: usize, pieces: &[&[u8]]) -> Result<Vec<String>, Fault> {
        let mut events = Vec::new();
        let mut each = |event: &str| {
            events.push(event.to_owned());
            Ok(())
        };
        let mut frames = Frames::new(framing, most);
        for piece in pieces {
            frames.push(piece, &mut each)?;
        }
        frames.finish(&mut each)?;
        Ok(events)
    }

    fn table(framing: Framing, cases: &[(&str, &[&str])]) {
        for (body, expected) in cases {
            assert_eq!(events(framing, 1000, &[body.as_bytes()]).unwrap(), *expected, "{body:?}");
        }
    }

    #[test]
    fn the_data_of_events_is_found() {
        table(
            Framing::Events,
            &[
                ("data: a\n\ndata: b\n\n", &["a", "b"]),
                ("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
                ("data: a\r\rdata: b\r\r", &["a", "b"]),
                ("event: x\nid: 1\ndata: a\nretry: 5\n\n", &["a"]),
                (": OPENROUTER PROCESSING\n\ndata:a\n\n", &["a"]),
                ("data: a\ndata: b\n\n", &["a\nb"]),
                ("data:  a\n\n", &[" a"]),
                ("data\n\n", &[""]),
                ("database: a\n\n", &[]),
                ("\u{feff}data: a\n\n", &["a"]),
                ("\n\n\n", &[]),
                ("data: cut", &[]),
                ("data: cut\n", &[]),
                ("<html>no events</html>\n\n", &[]),
            ],
        );
    }

    #[test]
    fn lines_and_whole_bodies_are_events() {
        table(Framing::Lines, &[("{}\n{ }\n", &["{}", "{ }"]), ("{}\r\n\n{ }", &["{}", "{ }"]), ("", &[])]);
        table(Framing::Whole, &[("{\n}\n", &["{\n}\n"]), ("", &[])]);
    }

    #[test]
    fn the_type_of_a_body_says_how_to_read_it() {
        assert_eq!(Framing::of("text/event-stream; charset=utf-8"), Some(Framing::Events));
        assert_eq!(Framing::of("Application/JSON"), Some(Framing::Whole));
        assert_eq!(Framing::of("application/x-ndjson"), Some(Framing::Lines));
        assert_eq!(Framing::of("text/html"), None);
    }

    #[test]
    fn what_is_larger_than_its_bound_ends_it() {
        for framing in [Framing::Events, Framing::Lines, Framing::Whole] {
            assert!(matches!(events(framing, 10, &[b"data: 01", b"23456789"]), Err(Fault::TooLarge)), "{framing:?}");
        }
        let many = b"data: 1\n".repeat(10);
        assert!(matches!(events(Framing::Events, 10, &[&many]), Err(Fault::TooLarge)));
    }

    #[test]
    fn what_is_no_text_is_broken() {
        assert!(matches!(events(Framing::Events, 10, &[b"data: \xff\n\n"]), Err(Fault::Broken(_))));
    }

    proptest! {
        #[test]
        fn cuts_make_no_difference(
            body in "(data|id|:| |\\{\"a\"\\}|ü|\u{feff}|\n|\r|\r\n){0,40}",
            cuts in vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let body = body.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            for framing in [Framing::Events, Framing::Lines, Framing::Whole] {
                let whole = events(framing, 1000, &[body]).unwrap();
                prop_assert_eq!(events(framing, 1000, &pieces).unwrap(), whole);
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(pieces in vec(vec(any::<u8>(), 0..50), 0..5)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            for framing in [Framing::Events, Framing::Lines, Framing::Whole] {
                let _ = events(framing, 40, &pieces);
            }
        }

        #[test]
        fn an_event_comes_out_as_it_went_in(lines in vec("[^\r\n]{0,20}", 1..5)) {
            let body: String = lines.iter().map(|line| format!("data: {line}\n")).collect::<String>() + "\n";
            prop_assert_eq!(events(Framing::Events, 1000, &[body.as_bytes()]).unwrap(), [lines.join("\n")]);
        }
    }
}
