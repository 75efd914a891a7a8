//! Components in binary, for those that no text could be written for, or would take too long to be read.

/// What a component begins with; one with nothing in it is no more than this.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// A number as it is written: seven bits a byte.
pub(crate) fn number(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

/// A section, or anything else that begins with its size.
pub(crate) fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id], number(content.len()).as_slice(), content].concat()
}

/// A component whose `run` calls the first function of a core module, which has `count` of them: each declares these locals
/// and has this body.
pub(crate) fn component_of(locals: &[u8], body: &[u8], count: usize) -> Vec<u8> {
    let code = [locals, body, &[0x0b]].concat();
    let code = [number(code.len()), code].concat();
    let module = [
        MODULE.to_vec(),
        // One type, () -> (); each function is of it; one memory; the first is exported as `run`.
        section(1, &[1, 0x60, 0, 0]),
        section(3, &[number(count), vec![0; count]].concat()),
        section(5, &[1, 0, 1]),
        section(7, b"\x01\x03run\0\0"),
        section(10, &[number(count), code.repeat(count)].concat()),
    ]
    .concat();
    [
        COMPONENT.to_vec(),
        section(1, &module),
        // An instance of it, its `run`, the type of a function that takes and gives nothing, that lifted, and exported.
        section(2, &[1, 0, 0, 0]),
        section(6, b"\x01\0\0\x01\0\x03run"),
        section(7, &[1, 0x40, 0, 1, 0]),
        section(8, &[1, 0, 0, 0, 0, 0]),
        section(11, b"\x01\0\x03run\x01\0\0"),
    ]
    .concat()
}

/// A component that imports functions with these names.
pub(crate) fn importing(names: impl Iterator<Item = String>) -> Vec<u8> {
    let imports = names.map(|name| [&[0], &*number(name.len()), name.as_bytes(), &[1, 0]].concat());
    [COMPONENT.to_vec(), section(7, &[1, 0x40, 0, 1, 0]), section(10, &listed(imports))].concat()
}

/// A component that exports one function with these names.
pub(crate) fn exporting(names: impl Iterator<Item = String>) -> Vec<u8> {
    let exports = names.map(|name| [&[0], &*number(name.len()), name.as_bytes(), &[1, 0, 0]].concat());
    let without_export = component_of(&[0], &[], 1);
    let end = without_export.len() - section(11, b"\x01\0\x03run\x01\0\0").len();
    [&without_export[..end], &section(11, &listed(exports))].concat()
}

/// A list, as it is written: how many there are, and they.
fn listed(items: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<Vec<u8>> = items.collect();
    [number(items.len()), items.concat()].concat()
}

/// Components in each other, so many, and nothing else.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    // From the innermost out, since each begins with its size.
    let mut size = COMPONENT.len();
    let mut starts = Vec::new();
    for _ in 0..depth {
        let start = [COMPONENT, &[4], &number(size)].concat();
        size += start.len();
        starts.push(start);
    }
    starts.into_iter().rev().flatten().chain(COMPONENT.iter().copied()).collect()
}

/// Components beside each other in one, so many, with nothing in them.
pub(crate) fn beside(count: usize) -> Vec<u8> {
    [COMPONENT.to_vec(), section(4, COMPONENT).repeat(count)].concat()
}
