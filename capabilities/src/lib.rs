//! The built-in capabilities: components that are built with claw and embedded in it.

/// One built-in capability.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// What a policy calls it, after `builtin:`.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
    /// Its digest, `sha256:` and 64 hexadecimal digits.
    pub digest: &'static str,
    /// The part of a policy, as TOML, that holds for it where a policy says nothing else.
    pub policy: &'static str,
    /// Its interface and that of its errors, as a WIT document with comments: a component itself carries none.
    pub wit: &'static str,
}

/// An entry of the generated table.
macro_rules! embed {
    ($name:literal, $digest:literal) => {
        Builtin {
            name: $name,
            wasm: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm")),
            digest: concat!("sha256:", $digest),
            policy: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $name, "/policy.toml")),
            wit: concat!(
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/errors.wit")),
                "\n",
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit/", $name, ".wit")),
            ),
        }
    };
}

/// All of them, by name.
pub const BUILTINS: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/builtins.rs"));

/// The built-in capability that is called `name`.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
