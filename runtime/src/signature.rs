//! From a component's bytes to its entry in the catalogue: what it exports, as the policy's types, and what it imports.

use claw_policy::catalogue::{Component, Failure, Function, Import, Signature};
use claw_policy::types::{Case, Field, Type};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, Type as Wit, TypeDefKind, WorldItem, WorldKey};

use crate::host::authority;

/// The deepest nesting of a type that a capability may have. Values are converted by recursion.
const TYPE_DEPTH_MAX: usize = 32;
/// The most parts of all types of one function, names of cases and flags too: a short chain of types can name an enormous one,
/// and a policy holds the parts of what comes out of one function against those of what goes into another.
const TYPE_PARTS_MAX: usize = 1_000;

/// The most bytes of all that is kept of a component, as JSON: names can be long, and there can be a hundred thousand.
const SIGNATURE_BYTES_MAX: usize = 1 << 20;

/// Reads what a component exports and imports.
///
/// # Errors
/// What is no component, in words.
pub(crate) fn read(bytes: &[u8], digest: String) -> Result<Component, String> {
    // Decoding sets aside what a section announces, up to 4 GiB. So first, that every section is there.
    for section in wasmparser::Parser::new(0).parse_all(bytes) {
        section.map_err(|error| format!("this is no component: {error}"))?;
    }
    // The decoder panics on some names that are valid, such as a function's that is an interface's (wit-parser 0.254.2).
    let decoded = std::panic::catch_unwind(|| decode(bytes));
    let (resolve, world) = match decoded.map_err(|_| "the component has names that cannot be read")? {
        Ok(DecodedWasm::Component(resolve, world)) => (resolve, world),
        Ok(DecodedWasm::WitPackage(..)) => return Err("this is a WIT package, and no component".to_owned()),
        Err(error) => return Err(format!("this is no component: {}", error.root_cause())),
    };
    let world = resolve.worlds.get(world).ok_or("the component has no world")?;
    let mut functions = Vec::new();
    for (key, item) in &world.exports {
        match item {
            WorldItem::Interface { id, .. } => {
                let interface = interface_name(&resolve, key);
                let exported =
                    resolve.interfaces.get(*id).map(|interface| interface.functions.values()).into_iter().flatten();
                functions.extend(exported.map(|function| export(&resolve, Some(interface.clone()), function)));
            }
            WorldItem::Function(function) => functions.push(export(&resolve, None, function)),
            WorldItem::Type { .. } => {}
        }
    }
    let mut imports = Vec::new();
    for (key, item) in &world.imports {
        let name = interface_name(&resolve, key);
        let is_empty = match item {
            // An interface of types alone is no authority, and nothing is linked for it.
            WorldItem::Interface { id, .. } => resolve.interfaces.get(*id).is_some_and(|interface| {
                let resources = interface.types.values().filter_map(|id| resolve.types.get(*id));
                interface.functions.is_empty()
                    && !resources.into_iter().any(|ty| matches!(ty.kind, TypeDefKind::Resource))
            }),
            WorldItem::Function(_) => false,
            WorldItem::Type { .. } => true,
        };
        if !is_empty {
            imports.push(Import { authority: authority(&name), name });
        }
    }
    let component = Component { digest, functions, imports, defaults: None };
    let bytes = serde_json::to_vec(&component).map_err(|error| error.to_string())?.len();
    if bytes > SIGNATURE_BYTES_MAX {
        return Err(format!("what it exports and imports is {bytes} bytes as JSON, over {SIGNATURE_BYTES_MAX}"));
    }
    Ok(component)
}

/// Adds to functions the documentation that stands in `wit`, their interface's text: components carry none.
pub(crate) fn document(functions: &mut [Function], wit: &str) {
    let mut resolve = Resolve::default();
    if resolve.push_str("builtin.wit", wit).is_err() {
        return;
    }
    for (_, interface) in &resolve.interfaces {
        for function in functions.iter_mut() {
            let found = interface.functions.get(&function.name);
            function.docs = function.docs.take().or_else(|| found.and_then(|found| found.docs.contents.clone()));
        }
    }
}

fn interface_name(resolve: &Resolve, key: &WorldKey) -> String {
    resolve.name_world_key(key)
}

fn export(resolve: &Resolve, interface: Option<String>, function: &wit_parser::Function) -> Function {
    Function {
        interface,
        name: function.name.clone(),
        docs: function.docs.contents.clone(),
        signature: Reading { resolve, parts_left: TYPE_PARTS_MAX }.signature(function),
    }
}

struct Reading<'r> {
    resolve: &'r Resolve,
    parts_left: usize,
}

impl Reading<'_> {
    fn signature(&mut self, function: &wit_parser::Function) -> Result<Signature, String> {
        if !matches!(function.kind, wit_parser::FunctionKind::Freestanding) {
            return Err("it is a resource's, or asynchronous".to_owned());
        }
        let parameters = function.params.iter().map(|parameter| self.field(&parameter.name, parameter.ty, 0));
        let parameters = parameters.collect::<Result<_, _>>()?;
        let Some(result) = function.result else { return Ok(Signature { parameters, output: None, failure: None }) };
        if let Wit::Id(id) = result
            && let Some(TypeDefKind::Result(result)) = self.definition(id)
        {
            let side = |reading: &mut Self, ty: Option<Wit>| ty.map(|ty| reading.ty(ty, 0)).transpose();
            let output = side(self, result.ok)?;
            let failure = Some(Failure { ty: side(self, result.err)? });
            return Ok(Signature { parameters, output, failure });
        }
        Ok(Signature { parameters, output: Some(self.ty(result, 0)?), failure: None })
    }

    fn field(&mut self, name: &str, ty: Wit, depth: usize) -> Result<Field, String> {
        Ok(Field { name: name.to_owned(), ty: self.ty(ty, depth)? })
    }

    /// What an id stands for, behind all names that are given to it.
    fn definition(&self, mut id: wit_parser::TypeId) -> Option<TypeDefKind> {
        loop {
            match &self.resolve.types.get(id)?.kind {
                TypeDefKind::Type(Wit::Id(other)) => id = *other,
                kind => return Some(kind.clone()),
            }
        }
    }

    fn parts(&mut self, count: usize) -> Result<(), String> {
        self.parts_left = self.parts_left.checked_sub(count).ok_or("its types have too many parts")?;
        Ok(())
    }

    fn ty(&mut self, ty: Wit, depth: usize) -> Result<Type, String> {
        self.parts(1)?;
        if depth > TYPE_DEPTH_MAX {
            return Err("its types are nested too deep".to_owned());
        }
        let depth = depth + 1;
        Ok(match ty {
            Wit::Bool => Type::Bool,
            Wit::U8 => Type::Unsigned(8),
            Wit::U16 => Type::Unsigned(16),
            Wit::U32 => Type::Unsigned(32),
            Wit::U64 => Type::Unsigned(64),
            Wit::S8 => Type::Signed(8),
            Wit::S16 => Type::Signed(16),
            Wit::S32 => Type::Signed(32),
            Wit::S64 => Type::Signed(64),
            Wit::F32 => Type::Float(32),
            Wit::F64 => Type::Float(64),
            Wit::Char => Type::Char,
            Wit::String => Type::String,
            Wit::ErrorContext => return Err("its types have an error-context".to_owned()),
            Wit::Id(id) => match self.definition(id) {
                Some(TypeDefKind::Type(plain)) => self.ty(plain, depth)?,
                Some(kind) => self.compound(&kind, depth)?,
                None => return Err("its types cannot be read".to_owned()),
            },
        })
    }

    fn compound(&mut self, kind: &TypeDefKind, depth: usize) -> Result<Type, String> {
        match kind {
            TypeDefKind::Enum(cases) => self.parts(cases.cases.len())?,
            TypeDefKind::Flags(flags) => self.parts(flags.flags.len())?,
            TypeDefKind::Variant(variant) => self.parts(variant.cases.len())?,
            _ => {}
        }
        Ok(match kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| self.field(&field.name, field.ty, depth));
                Type::Record(fields.collect::<Result<_, _>>()?)
            }
            TypeDefKind::Tuple(tuple) => {
                Type::Tuple(tuple.types.iter().map(|ty| self.ty(*ty, depth)).collect::<Result<_, _>>()?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter().map(|case| {
                    Ok(Case { name: case.name.clone(), ty: case.ty.map(|ty| self.ty(ty, depth)).transpose()? })
                });
                Type::Variant(cases.collect::<Result<_, String>>()?)
            }
            TypeDefKind::Enum(cases) => Type::Enum(cases.cases.iter().map(|case| case.name.clone()).collect()),
            TypeDefKind::Flags(flags) => Type::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect()),
            TypeDefKind::Option(some) => match self.ty(*some, depth)? {
                Type::Option(_) => {
                    return Err(
                        "its types have an option directly in an option, which JSON cannot tell apart".to_owned()
                    );
                }
                some => Type::Option(Box::new(some)),
            },
            TypeDefKind::Result(result) => {
                let mut side = |ty: Option<Wit>| ty.map(|ty| self.ty(ty, depth).map(Box::new)).transpose();
                let ok = side(result.ok)?;
                Type::Result(ok, side(result.err)?)
            }
            TypeDefKind::List(Wit::U8) => Type::Bytes,
            TypeDefKind::List(item) => match self.ty(*item, depth)? {
                Type::Unsigned(8) => Type::Bytes,
                item => Type::List(Box::new(item)),
            },
            TypeDefKind::Resource | TypeDefKind::Handle(_) => return Err("its types have a resource".to_owned()),
            TypeDefKind::Future(_) | TypeDefKind::Stream(_) => {
                return Err("its types have a future or stream".to_owned());
            }
            TypeDefKind::Map(..) | TypeDefKind::FixedLengthList(..) => {
                return Err("its types have a map or a list of fixed length".to_owned());
            }
            TypeDefKind::Type(_) | TypeDefKind::Unknown => return Err("its types cannot be read".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
    use wit_parser::ManglingAndAbi;

    use super::*;

    /// What is read of the one function of a component with these declarations.
    fn signature(declared: &str, parameter: &str) -> Result<Signature, String> {
        let text = format!(
            "package t:t; interface i {{ {declared} take: func(value: {parameter}); }} world w {{ export i; }}"
        );
        let mut resolve = Resolve::default();
        let package = resolve.push_str("t.wit", &text).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let bytes = ComponentEncoder::default().module(&module).unwrap().encode().unwrap();
        read(&bytes, "sha256:t".to_owned()).unwrap().functions.remove(0).signature
    }

    /// The most memory that this process ever held, in KiB.
    fn most_held() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn a_section_that_is_announced_and_not_there_takes_no_memory() {
        // A component's header, and a section of 2 GiB.
        let bytes = [b"\0asm\x0d\0\x01\0".as_slice(), &[8, 0xff, 0xff, 0xff, 0xff, 0x07]].concat();
        let before = most_held();
        let refused = read(&bytes, "sha256:t".to_owned());
        assert!(refused.is_err_and(|why| why.starts_with("this is no component: unexpected end-of-file")));
        assert!(most_held() - before < 1 << 20, "{} KiB", most_held() - before);
    }

    #[test]
    fn a_function_with_an_interfaces_name_is_refused() {
        let bytes = wat::parse_str(
            r#"(component
                (core module $module (func (export "f")))
                (core instance $instance (instantiate $module))
                (func $f (canon lift (core func $instance "f")))
                (export "t:t/i" (func $f)))"#,
        );
        let refused = read(&bytes.unwrap(), "sha256:t".to_owned());
        assert_eq!(refused, Err("the component has names that cannot be read".to_owned()));
    }

    #[test]
    fn a_short_chain_of_types_does_not_make_an_enormous_one() {
        let cases: Vec<String> = (0..300).map(|n| format!("c{n}")).collect();
        let declared = format!("enum e {{ {} }}", cases.join(", "));
        assert!(signature(&declared, "tuple<e, e>").is_ok());
        let refused = signature(&declared, "tuple<e, e, e, e>");
        assert_eq!(refused, Err("its types have too many parts".to_owned()));
        let doubled = "record a { x: u8, y: u8 } record b { x: a, y: a } record c { x: b, y: b } record d { x: c, y: c } \
                       record f { x: d, y: d } record g { x: f, y: f } record h { x: g, y: g } record j { x: h, y: h } \
                       record k { x: j, y: j } record l { x: k, y: k }";
        assert_eq!(signature(doubled, "l"), Err("its types have too many parts".to_owned()));
    }
}
