//! The canonical form of JSON (RFC 8785): one byte form for one value.

use std::borrow::Cow;
use std::ops::Range;

use claw_policy::types::EXACT_INTEGER_MAX;
use serde::Serialize;
use serde::ser::{self, Error as _};
use serde_json::Error;

/// Appends the canonical form of `value` to `out`.
///
/// A count or a time beyond what a JSON number carries exactly is written as that most: the RFC would round it, to what no
/// reader takes for a count, and some are the word of a worker or a service. Values have no such integers: in a record they are
/// strings, or decimals ([`claw_policy::recorded`]).
///
/// The crate `serde_json_canonicalizer` says the same bytes in twenty times the time, which every step would pay four
/// times; it is what the tests hold this against.
///
/// # Errors
/// What has no JSON.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Error> {
    value.serialize(Canonical(out))
}

/// Writes one value.
struct Canonical<'o>(&'o mut Vec<u8>);

/// Writes the items of an array.
struct Items<'o> {
    out: &'o mut Vec<u8>,
    is_first: bool,
    close: &'static [u8],
}

/// Writes the fields of an object: as they come, and in their order at its end, if that is another one.
struct Fields<'o> {
    out: &'o mut Vec<u8>,
    /// Where the first one begins.
    start: usize,
    /// Each key, and where it and its value are.
    fields: Vec<(Cow<'static, str>, Range<usize>)>,
    close: &'static [u8],
}

impl<'o> Canonical<'o> {
    fn raw(self, text: &[u8]) -> Result<(), Error> {
        self.0.extend_from_slice(text);
        Ok(())
    }

    fn double(self, double: f64) -> Result<(), Error> {
        match double.is_finite() {
            true => self.raw(ryu_js::Buffer::new().format(double).as_bytes()),
            false => self.raw(b"null"),
        }
    }

    fn items(self, open: &[u8], close: &'static [u8]) -> Items<'o> {
        self.0.extend_from_slice(open);
        Items { out: self.0, is_first: true, close }
    }

    fn fields(self, open: &[u8], count: usize, close: &'static [u8]) -> Fields<'o> {
        self.0.extend_from_slice(open);
        Fields { start: self.0.len(), out: self.0, fields: Vec::with_capacity(count), close }
    }

    /// What stands before the value of a variant: it is an object of one field.
    fn tagged(self, variant: &str, open: &str) -> Result<Self, Error> {
        self.0.push(b'{');
        write(variant, self.0)?;
        self.0.push(b':');
        self.0.extend_from_slice(open.as_bytes());
        Ok(self)
    }
}

impl Fields<'_> {
    fn key(&mut self) -> usize {
        if !self.fields.is_empty() {
            self.out.push(b',');
        }
        self.out.len()
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        let start = self.key();
        write(key, self.out)?;
        self.out.push(b':');
        write(value, self.out)?;
        self.fields.push((key.into(), start..self.out.len()));
        Ok(())
    }

    fn close(mut self) -> Result<(), Error> {
        // By UTF-16 code units, as the RFC has it: above U+FFFF that is another order than that of UTF-8.
        let order = |a: &str, b: &str| a.encode_utf16().cmp(b.encode_utf16());
        if !self.fields.is_sorted_by(|(a, _), (b, _)| order(a, b).is_le()) {
            self.fields.sort_by(|(a, _), (b, _)| order(a, b));
            let mut sorted = Vec::with_capacity(self.out.len() - self.start);
            for (index, (_, place)) in self.fields.into_iter().enumerate() {
                if index > 0 {
                    sorted.push(b',');
                }
                sorted.extend_from_slice(self.out.get(place).unwrap_or_default());
            }
            self.out.truncate(self.start);
            self.out.append(&mut sorted);
        }
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

impl<'o> ser::Serializer for Canonical<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'o>;
    type SerializeTuple = Items<'o>;
    type SerializeTupleStruct = Items<'o>;
    type SerializeTupleVariant = Items<'o>;
    type SerializeMap = Fields<'o>;
    type SerializeStruct = Fields<'o>;
    type SerializeStructVariant = Fields<'o>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.raw(if value { b"true" } else { b"false" })
    }

    fn serialize_i8(self, number: i8) -> Result<(), Error> {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Result<(), Error> {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Result<(), Error> {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Result<(), Error> {
        match u64::try_from(number) {
            Ok(number) => self.serialize_u64(number),
            Err(_) if number.unsigned_abs() <= EXACT_INTEGER_MAX => serde_json::to_writer(self.0, &number),
            Err(_) => self.double(number as f64),
        }
    }

    fn serialize_u8(self, number: u8) -> Result<(), Error> {
        self.serialize_u64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Result<(), Error> {
        self.serialize_u64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Result<(), Error> {
        self.serialize_u64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Result<(), Error> {
        serde_json::to_writer(self.0, &number.min(EXACT_INTEGER_MAX))
    }

    fn serialize_f32(self, number: f32) -> Result<(), Error> {
        self.double(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), Error> {
        self.double(number)
    }

    fn serialize_char(self, letter: char) -> Result<(), Error> {
        self.serialize_str(letter.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        // serde_json escapes what the RFC escapes, in the same way: quotes, backslashes and control characters.
        serde_json::to_writer(self.0, text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.raw(b"null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.raw(b"null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.raw(b"null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let Self(out) = self.tagged(variant, "")?;
        write(value, out)?;
        out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'o>, Error> {
        Ok(self.items(b"[", b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b"[", b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b"[", b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'o>, Error> {
        Ok(self.tagged(variant, "[")?.items(b"", b"]}"))
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Fields<'o>, Error> {
        Ok(self.fields(b"{", count.unwrap_or_default(), b"}"))
    }

    fn serialize_struct(self, _: &'static str, count: usize) -> Result<Fields<'o>, Error> {
        Ok(self.fields(b"{", count, b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Fields<'o>, Error> {
        Ok(self.tagged(variant, "{")?.fields(b"", count, b"}}"))
    }
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
        write(value, self.out)
    }

    fn close(self) -> Result<(), Error> {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

/// The three kinds of arrays that serde has are one in JSON.
macro_rules! array {
    ($($kind:ident $item:ident)*) => {$(
        impl ser::$kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}
array! {
    SerializeSeq serialize_element
    SerializeTuple serialize_element
    SerializeTupleStruct serialize_field
    SerializeTupleVariant serialize_field
}

/// So are two kinds of objects.
macro_rules! object {
    ($($kind:ident)*) => {$(
        impl ser::$kind for Fields<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        }
    )*};
}
object! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let start = self.key();
        write(key, self.out)?;
        // Its order is that of the text, which is escaped here.
        let key: String = serde_json::from_slice(self.out.get(start..).unwrap_or_default())?;
        self.out.push(b':');
        self.fields.push((key.into(), start..start));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        write(value, self.out)?;
        let (_, place) = self.fields.last_mut().ok_or_else(|| Error::custom("a value comes after its key"))?;
        place.end = self.out.len();
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write(value, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (i64::MIN..1 << 53).prop_map(Value::from),
            (-(1i64 << 54)..1 << 53).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..8).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_writes(value in values()) {
            prop_assert_eq!(written(&value), serde_json_canonicalizer::to_string(&value).unwrap());
        }

        #[test]
        fn what_is_read_back_is_written_the_same(value in values()) {
            let text = written(&value);
            let mut read = serde_json::from_str(&text).unwrap();
            claw_policy::recorded::from_record(&mut read);
            prop_assert_eq!(written(&read), text);
        }
    }

    #[test]
    fn what_is_no_value_yet_is_written_as_the_value_that_it_is() {
        #[derive(Serialize)]
        enum Kind {
            Unit,
            One(u8),
            Two(i16, char),
            Named { z: f32, a: Option<()> },
        }
        #[derive(Serialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            Of(Thing),
        }
        #[derive(Serialize)]
        struct Thing {
            zebra: [Kind; 4],
            apple: BTreeMap<&'static str, (bool, f64, u64, i64)>,
            #[serde(skip_serializing_if = "Option::is_none")]
            none: Option<u8>,
        }
        let apple =
            BTreeMap::from([("\u{fb33}\"", (true, 1e30, 1 << 40, i64::MIN)), ("\u{1f600}", (false, 0.5, 7, -7))]);
        let zebra = [Kind::Unit, Kind::One(1), Kind::Two(-2, '\u{1}'), Kind::Named { z: 0.5, a: None }];
        let tagged = Tagged::Of(Thing { zebra, apple, none: None });
        let mut out = Vec::new();
        write(&tagged, &mut out).unwrap();
        let value = serde_json::to_value(&tagged).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), serde_json_canonicalizer::to_string(&value).unwrap());
        // A count is one that can be read again.
        let mut out = Vec::new();
        write(&[EXACT_INTEGER_MAX, EXACT_INTEGER_MAX + 1, u64::MAX], &mut out).unwrap();
        assert_eq!(serde_json::from_slice::<[u64; 3]>(&out).unwrap(), [EXACT_INTEGER_MAX; 3]);
        // A key that is no text has no form.
        assert!(write(&BTreeMap::from([(1, 2)]), &mut Vec::new()).is_err());
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (value, canonical) in [
            (json!(-0.0), "0"),
            (json!(1e21), "1e+21"),
            (json!(1e-7), "1e-7"),
            (serde_json::from_str("333333333.33333329").unwrap(), "333333333.3333333"),
            (json!("\u{20ac}$\u{f}\nA'\u{42}\u{22}\u{5c}\\\u{22}/"), r#""€$\u000f\nA'B\"\\\\\"/""#),
            // RFC 8785, 3.2.3: the emoji's first code unit is below U+FB33.
            (
                json!({"\u{fb33}": 1, "\u{1f600}": 2, "\u{80}": 3, "1": 4, "\r": 5, "\u{20ac}": 6, "\u{f6}": 7}),
                "{\"\\r\":5,\"1\":4,\"\u{80}\":3,\"\u{f6}\":7,\"\u{20ac}\":6,\"\u{1f600}\":2,\"\u{fb33}\":1}",
            ),
        ] {
            assert_eq!(written(&value), canonical);
        }
    }
}
