//! JSON read strictly: one meaning for each text, and every fault with its place.

use std::{fmt, io};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How much JSON is read.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most bytes of text.
    pub bytes: u64,
    /// The deepest nesting of arrays and objects.
    pub depth: u64,
}

/// Why a text is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// Which rule: the last part of a rule's name.
    pub kind: FaultKind,
    /// JSON pointer to the place, empty where the text is no JSON.
    pub at: String,
    /// What is wrong.
    pub message: String,
}

/// The ways in which JSON text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Not JSON (RFC 8259), or not UTF-8.
    Syntax,
    /// Over the bytes.
    Size,
    /// Over the depth.
    Depth,
    /// The same key twice in an object, also when it is escaped differently.
    DuplicateKey,
    /// A key that is too long to be pointed at.
    Key,
    /// A number that would not be the same once read.
    Number,
}

/// The most bytes of an object's key.
const KEY_BYTES_MAX: usize = 1024;
/// The most faults that are reported of one text.
const FAULTS_MAX: usize = 100;

/// Whether a value takes no more than `most` bytes of JSON. They are counted and not made: a zero byte of text is six.
pub fn fits(value: &Value, most: u64) -> bool {
    if let Value::String(text) = value {
        return text.len() as u64 <= most && text_bytes(text) <= most;
    }
    /// Takes so many bytes, and keeps none.
    struct Room(u64);
    impl io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Room(most), value).is_ok()
}

/// Bytes of a text that are counted together: their escapes are five bytes more each at most, and their sum one byte.
const CHUNK_BYTES: usize = 48;

/// How many bytes of JSON a text takes. Outputs can be large and are counted wherever they pass, so there is no branch and no
/// check a byte, and the compiler counts many at once.
fn text_bytes(text: &str) -> u64 {
    let escape = |byte: u8| {
        let is_short = matches!(byte, 0x08..=0x0a | 0x0c | 0x0d) | (byte == b'"') | (byte == b'\\');
        if is_short {
            1
        } else if byte < 0x20 {
            5
        } else {
            0
        }
    };
    let chunks = text.as_bytes().chunks(CHUNK_BYTES);
    let escapes = chunks.map(|chunk| u64::from(chunk.iter().fold(0_u8, |sum, byte| sum.wrapping_add(escape(*byte)))));
    escapes.sum::<u64>() + text.len() as u64 + 2
}

/// Reads one JSON document.
///
/// serde_json keeps the last of duplicate keys and reads every decimal to the nearest double; both let two readers
/// of one text disagree, so both are faults here.
///
/// # Errors
/// All duplicate keys and numbers, or the first fault of another kind.
pub fn read(text: &[u8], bounds: Bounds) -> Result<Value, Vec<JsonFault>> {
    let fault = |kind, message: String| vec![JsonFault { kind, at: String::new(), message }];
    if text.len() as u64 > bounds.bytes {
        return Err(fault(
            FaultKind::Size,
            format!("{} bytes are over the {} that are read", text.len(), bounds.bytes),
        ));
    }
    let text = std::str::from_utf8(text)
        .map_err(|e| fault(FaultKind::Syntax, format!("the text is not UTF-8, from byte {} on", e.valid_up_to())))?;
    let mut reading =
        Reading { numbers: numbers(text), faults: Vec::new(), place: Vec::new(), depth_left: bounds.depth };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // INVARIANT: the visitor's own bound is below serde_json's 128, so that depth is always named as depth.
    let read = reading.deserialize_any_value(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    let Reading { mut faults, .. } = reading;
    match read {
        Ok(value) if faults.is_empty() => Ok(value),
        Ok(_) => Err(faults),
        Err(error) => {
            if !faults.iter().any(|f| matches!(f.kind, FaultKind::Depth | FaultKind::Key)) {
                let message = syntax_message(text, &error);
                let kind =
                    if message.starts_with("number out of range") { FaultKind::Number } else { FaultKind::Syntax };
                faults.extend(fault(kind, message));
            }
            Err(faults)
        }
    }
}

fn syntax_message(text: &str, error: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        return "the text is empty".to_owned();
    }
    crate::printable::printable(&error.to_string())
}

/// The number tokens of `text`, in the order in which a reader meets them.
fn numbers(text: &str) -> std::vec::IntoIter<&str> {
    let bytes = text.as_bytes();
    let (mut found, mut position) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(position) {
        let start = position;
        position += 1;
        match byte {
            b'"' => {
                while let Some(byte) = bytes.get(position) {
                    position += if *byte == b'\\' { 2 } else { 1 };
                    if *byte == b'"' {
                        break;
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                while matches!(bytes.get(position), Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
                    position += 1;
                }
                found.extend(text.get(start..position));
            }
            _ => {}
        }
    }
    found.into_iter()
}

struct Reading<'t> {
    numbers: std::vec::IntoIter<&'t str>,
    faults: Vec<JsonFault>,
    place: Vec<Token>,
    depth_left: u64,
}

enum Token {
    Key(String),
    Index(usize),
}

impl Reading<'_> {
    fn deserialize_any_value<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<Value, D::Error> {
        Seed(self).deserialize(deserializer)
    }

    fn fault(&mut self, kind: FaultKind, message: String) {
        // Each fault costs more than the text that it is about: without a bound, a small text could ask for much memory.
        if self.faults.len() >= FAULTS_MAX {
            return;
        }
        let at = self.place.iter().fold(String::new(), |mut at, token| {
            match token {
                Token::Key(key) => push_key(&mut at, key),
                Token::Index(index) => push_index(&mut at, *index),
            }
            at
        });
        self.faults.push(JsonFault { kind, at, message });
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        match self.depth_left.checked_sub(1) {
            Some(left) => {
                self.depth_left = left;
                Ok(())
            }
            None => {
                self.fault(FaultKind::Depth, "arrays and objects are nested too deep here".to_owned());
                Err(E::custom("too deep"))
            }
        }
    }

    /// Takes the next number token, and faults it where reading changed it.
    fn number(&mut self, read: Number) -> Value {
        let written = self.numbers.next().unwrap_or_default();
        let short: String = written.chars().take(40).collect();
        if read.as_f64().is_some_and(f64::is_infinite) || (read.is_u64() && !read.is_i64()) {
            self.fault(
                FaultKind::Number,
                format!("`{short}` is beyond the numbers that are read exactly; write it as a string"),
            );
        } else if read.is_f64() && decimal(written) != decimal(&read.to_string()) {
            self.fault(
                FaultKind::Number,
                format!("`{short}` would become `{read}` when read; write it so, or as a string"),
            );
        }
        Value::Number(read)
    }
}

/// A decimal as sign, significant digits and exponent, so that `1.50`, `15e-1` and `1.5` are one.
fn decimal(text: &str) -> (bool, String, i64) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let dropped = i64::try_from(digits.len() - trimmed.len()).unwrap_or(i64::MAX);
    let fraction = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    // An exponent beyond i64 cannot equal one that a double prints.
    let exponent: i64 = exponent.parse().unwrap_or(i64::MAX / 4);
    let significant = trimmed.trim_start_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    (negative, significant.to_owned(), exponent.saturating_sub(fraction).saturating_add(dropped))
}

struct Seed<'r, 't>(&'r mut Reading<'t>);

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(self.0.number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(self.0.number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // There is one zero: `-0` is `0` to some readers, and on record.
        let number = Number::from_f64(value + 0.0).ok_or_else(|| E::custom("a number beyond a double"))?;
        Ok(self.0.number(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.0.enter()?;
        let mut array = Vec::new();
        loop {
            self.0.place.push(Token::Index(array.len()));
            let item = items.next_element_seed(Seed(self.0))?;
            self.0.place.pop();
            match item {
                Some(item) => array.push(item),
                None => break,
            }
        }
        self.0.depth_left += 1;
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.0.enter()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key.len() > KEY_BYTES_MAX {
                self.0.fault(FaultKind::Key, format!("a key here has {} bytes, over {KEY_BYTES_MAX}", key.len()));
                return Err(serde::de::Error::custom("a key is too long"));
            }
            self.0.place.push(Token::Key(key.clone()));
            if object.contains_key(&key) {
                let shown = crate::printable::printable(&key);
                self.0.fault(FaultKind::DuplicateKey, format!("the key `{shown}` stands twice in one object"));
            }
            let value = entries.next_value_seed(Seed(self.0))?;
            self.0.place.pop();
            object.insert(key, value);
        }
        self.0.depth_left += 1;
        Ok(Value::Object(object))
    }
}

/// The tokens of a JSON pointer, unescaped (RFC 6901).
pub fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// Appends an object's key to a JSON pointer (RFC 6901).
pub fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// Appends an array's index to a JSON pointer.
pub fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(&index.to_string());
}

/// `pointer` with one more key.
pub fn with_key(pointer: &str, key: &str) -> String {
    let mut longer = pointer.to_owned();
    push_key(&mut longer, key);
    longer
}

/// `pointer` with one more index.
pub fn with_index(pointer: &str, index: usize) -> String {
    let mut longer = pointer.to_owned();
    push_index(&mut longer, index);
    longer
}
