//! What is read of a component is refused or stands in its bytes, and its types are bounded.
#![no_main]

use claw_policy::catalogue::Component;
use claw_policy::types::Type;
use claw_runtime::fuzzing::signature;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: survive_what_is_caught(), |bytes: &[u8]| {
    let read = signature(bytes);
    assert_eq!(read, signature(bytes));
    let component = match read {
        Ok(component) => component,
        Err(why) => return assert!(!why.is_empty()),
    };
    let is_there = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
    for import in &component.imports {
        assert!(is_there(&import.name), "{import:?}");
    }
    for function in &component.functions {
        assert!(is_there(&function.name) && function.interface.as_deref().is_none_or(is_there), "{function:?}");
        if let Ok(signature) = &function.signature {
            let types = signature.parameters.iter().map(|field| &field.ty).chain(&signature.output);
            types.for_each(|ty| assert!(depth(ty) <= 40, "{ty}"));
        }
    }
    let kept = serde_json::to_string(&component).expect("it is data");
    assert_eq!(serde_json::from_str::<Component>(&kept).expect("the cache reads what it keeps"), component);
});

/// Lets a panic be caught by what expects it, here as in the worker; libFuzzer would have none.
fn survive_what_is_caught() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}

fn depth(ty: &Type) -> usize {
    let deepest = match ty {
        Type::List(item) | Type::Option(item) => depth(item),
        Type::Tuple(items) => items.iter().map(depth).max().unwrap_or(0),
        Type::Record(fields) => fields.iter().map(|field| depth(&field.ty)).max().unwrap_or(0),
        Type::Variant(cases) => cases.iter().filter_map(|case| case.ty.as_ref()).map(depth).max().unwrap_or(0),
        Type::Result(ok, err) => ok.iter().chain(err).map(|side| depth(side)).max().unwrap_or(0),
        _ => 0,
    };
    1 + deepest
}
