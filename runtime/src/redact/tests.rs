//! Every encoding that is promised is found, wherever it stands, and nothing beside it is changed.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn redaction(secrets: &[&[u8]]) -> Redaction {
    let secrets: Vec<Secret> = secrets.iter().map(|secret| Secret::new(*secret).unwrap()).collect();
    Redaction::of(&secrets).unwrap()
}

#[track_caller]
fn check(secrets: &[&[u8]], body: &str, expect: &str, count: usize) {
    let (redacted, found) = redaction(secrets).redact(body.as_bytes().to_vec());
    assert_eq!((String::from_utf8_lossy(&redacted).as_ref(), found), (expect, count), "{body}");
}

/// How a secret is written into a body.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Raw,
    Base64 { url_safe: bool, padded: bool },
    Hex,
    Percent,
    PercentBase64,
    Json,
}

const ENCODINGS: [Encoding; 9] = [
    Encoding::Raw,
    Encoding::Base64 { url_safe: false, padded: false },
    Encoding::Base64 { url_safe: false, padded: true },
    Encoding::Base64 { url_safe: true, padded: false },
    Encoding::Base64 { url_safe: true, padded: true },
    Encoding::Hex,
    Encoding::Percent,
    Encoding::PercentBase64,
    Encoding::Json,
];

/// A secret in a body, and what has to be left of it.
struct Written {
    text: Vec<u8>,
    left: Vec<u8>,
}

/// Writes a secret between two texts that are encoded with it. Each bit of `dice` decides something that a remote is
/// free to do: the case of a digit, whether a character is escaped.
fn write(encoding: Encoding, before: &[u8], secret: &[u8], after: &[u8], dice: u64) -> Written {
    let mut dice = dice;
    let mut throw = move || {
        dice = dice.rotate_left(1);
        dice & 1 == 1
    };
    let whole = [before, secret, after].concat();
    let around = |text: &[u8], from: usize, to: usize| [&text[..from], MARKER, &text[to..]].concat();
    let mut percent = |text: &[u8]| -> Vec<u8> {
        let escaped = text.iter().flat_map(|byte| match (*byte == b'%' || throw(), throw()) {
            (false, _) => vec![*byte],
            (true, false) => format!("%{byte:02x}").into_bytes(),
            (true, true) => format!("%{byte:02X}").into_bytes(),
        });
        escaped.collect()
    };
    let base64 = |url_safe: bool, padded: bool| {
        let text = if url_safe { URL_SAFE.encode(&whole) } else { STANDARD.encode(&whole) };
        let text = if padded { text } else { text.trim_end_matches('=').to_owned() };
        // The characters that have bits of the secret.
        let (from, to) = (before.len() * 8 / 6, ((before.len() + secret.len()) * 8).div_ceil(6));
        (text.into_bytes(), from, to)
    };
    match encoding {
        Encoding::Raw => Written { left: around(&whole, before.len(), before.len() + secret.len()), text: whole },
        Encoding::Base64 { url_safe, padded } => {
            let (text, from, to) = base64(url_safe, padded);
            Written { left: around(&text, from, to), text }
        }
        Encoding::Hex => {
            let digits = whole.iter().flat_map(|byte| format!("{byte:02x}").into_bytes());
            let text: Vec<u8> = digits.map(|c| if throw() { c.to_ascii_uppercase() } else { c }).collect();
            Written { left: around(&text, before.len() * 2, (before.len() + secret.len()) * 2), text }
        }
        Encoding::Percent => {
            let [before, secret, after] = [before, secret, after].map(&mut percent);
            Written { left: [&before, MARKER.as_slice(), &after].concat(), text: [before, secret, after].concat() }
        }
        Encoding::PercentBase64 => {
            let (text, from, to) = base64(false, true);
            let [before, secret, after] = [&text[..from], &text[from..to], &text[to..]].map(&mut percent);
            Written { left: [&before, MARKER.as_slice(), &after].concat(), text: [before, secret, after].concat() }
        }
        Encoding::Json => {
            let mut json = |text: &[u8]| -> Vec<u8> {
                let escaped = text.iter().flat_map(|byte| match byte {
                    b'\n' if throw() => b"\\n".to_vec(),
                    b'"' | b'\\' | b'/' if throw() => vec![b'\\', *byte],
                    b'"' | b'\\' | 0..0x20 => format!("\\u{byte:04x}").into_bytes(),
                    0x20..0x80 if throw() => format!("\\u{byte:04X}").into_bytes(),
                    _ => vec![*byte],
                });
                escaped.collect()
            };
            let [before, secret, after] = [before, secret, after].map(&mut json);
            Written { left: [&before, MARKER.as_slice(), &after].concat(), text: [before, secret, after].concat() }
        }
    }
}

/// Text that starts no escape of its own: what `%4` before a secret that starts with `1` means is not the secret.
fn surroundings() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>().prop_filter("it escapes", |byte| !matches!(byte, b'%' | b'\\')), 0..40)
}

fn secrets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), SECRET_BYTES_MIN..60),
        vec(select(b"%25ab/+\\\"u0.".as_slice()), 16..40),
        "[A-Za-z0-9_-]{8,40}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn each_encoding_of_each_secret_is_found_and_nothing_beside_it_is_changed(
        secrets in vec(secrets(), 1..4),
        pieces in vec((any::<prop::sample::Index>(), select(&ENCODINGS), surroundings(), surroundings(), any::<u64>()), 0..6),
        end in surroundings(),
    ) {
        let kept: Vec<Secret> = secrets.iter().map(|secret| Secret::new(secret.clone()).unwrap()).collect();
        let (mut body, mut left) = (Vec::new(), Vec::new());
        for (which, encoding, before, after, dice) in &pieces {
            let written = write(*encoding, before, which.get::<Vec<u8>>(&secrets), after, *dice);
            // Between two values in a body there is something that neither can be a part of.
            body.extend([written.text, b" ; ".to_vec()].concat());
            left.extend([written.left, b" ; ".to_vec()].concat());
        }
        body.extend(&end);
        left.extend(&end);
        let length = body.len();
        let (redacted, count) = Redaction::of(&kept).unwrap().redact(body);
        prop_assert!(redacted.len() <= length, "no body grows");
        prop_assert_eq!(String::from_utf8_lossy(&redacted), String::from_utf8_lossy(&left));
        prop_assert_eq!(count, pieces.len());
    }

    #[test]
    fn what_has_no_secret_is_handed_back_as_it_is(secret in secrets(), body in vec(any::<u8>(), 0..300)) {
        let (redacted, count) = redaction(&[&secret]).redact(body.clone());
        prop_assert_eq!((redacted, count), (body, 0));
    }
}

#[test]
fn secrets_that_overlap_are_one_place_and_those_side_by_side_are_two() {
    let both: [&[u8]; 2] = [b"abcdefgh12345678", b"12345678zyxwvuts"];
    check(&both, "<abcdefgh12345678zyxwvuts>", "<[secret]>", 1);
    check(&both, "<abcdefgh1234567812345678zyxwvuts>", "<[secret][secret]>", 2);
    check(&[b"inner-secret", b"an inner-secret in another"], "an inner-secret in another", "[secret]", 1);
    check(&[b"aaaaaaaa"], "aaaaaaaaaaaa", "[secret]", 1);
    // In two encodings at once: the hexadecimal of one ends in the other.
    check(&[b"\x01\x02\x03\x04\x05\x06\x07\x08", b"0708 and more"], "0102030405060708 and more", "[secret]", 1);
}

#[test]
fn what_is_almost_a_secret_stays() {
    let secret: [&[u8]; 1] = [b"correct-horse/+"];
    for text in
        ["correct-horse/", "orrect-horse/+", "Correct-horse/+", "correct%2Dhorse%2F%2", "correct-horse\\u002f", ""]
    {
        check(&secret, text, text, 0);
    }
    check(&secret, "a=correct%2Dhorse%2f+&b", "a=[secret]&b", 1);
    check(&secret, r#"{"a":"correct-horse\/+","b":"correct-horse\u002F+"}"#, r#"{"a":"[secret]","b":"[secret]"}"#, 2);
}

#[test]
fn a_secret_that_could_be_guessed_or_is_no_header_is_refused_and_none_is_printed() {
    for length in [0, 1, 2, 3, 7, SECRET_BYTES_MAX + 1] {
        let error = Secret::new(vec![b'x'; length]).unwrap_err();
        assert!(error.to_string().contains(&format!("a secret of {length} bytes")), "{error}");
    }
    for length in [SECRET_BYTES_MIN, SECRET_BYTES_MAX] {
        let secret = Secret::new(vec![b'x'; length]).unwrap();
        assert_eq!(secret.expose().len(), length);
        let redaction = Redaction::of(std::slice::from_ref(&secret)).unwrap();
        assert!(!format!("{secret:?} {redaction:?}").contains("xx"));
        assert_eq!(redaction.redact(vec![b'x'; length * 2]), (MARKER.to_vec(), 1));
    }
}

/// Bodies that are all secrets, all beginnings of secrets, or all escapes: a search that looked at anything again and
/// again would not come to an end.
#[test]
fn bodies_that_are_made_to_be_slow_are_read_in_one_go() {
    let long = [vec![b'a'; SECRET_BYTES_MAX - 1], b"b".to_vec()].concat();
    let redaction = redaction(&[b"aaaaaaaa", &long]);
    let size = 4 << 20;
    for (piece, count) in [("a", 1), ("aaaaaaa ", 0), ("%61", 1), ("\\u0061", 1), ("YWFh", 1), ("61", 1), ("%", 0)] {
        assert_eq!(redaction.redact(piece.repeat(size / piece.len()).into_bytes()).1, count, "{piece}");
    }
    let spaced = "aaaaaaaa ".repeat(size / 9).into_bytes();
    assert_eq!(redaction.redact(spaced).1, size / 9);
}
