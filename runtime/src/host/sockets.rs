//! `wasi:sockets`, linked with nothing behind it: each function says `not-supported`. Authority: none.
//!
//! Runtimes of whole languages import it, used or not. Whether a component may is up to its capability's `inert`.

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, Resource, ResourceType, Type, Val};
use wasmtime::{Result, StoreContextMut, bail};

use super::Host;

/// The resources that its interfaces bring; the others that they name come from elsewhere.
const RESOURCES: [&str; 6] = [
    "network",
    "tcp-socket",
    "udp-socket",
    "incoming-datagram-stream",
    "outgoing-datagram-stream",
    "resolve-address-stream",
];

/// What a guest holds instead of a network. There is no other of [`RESOURCES`], since none is ever made.
struct Nothing;

/// The linker for `component`: `linker`, and what the component imports of `wasi:sockets`.
///
/// # Errors
/// The linker has one of those interfaces already.
pub fn with_sockets(linker: &Linker<Host>, component: &Component) -> Result<Linker<Host>> {
    let mut linker = linker.clone();
    let engine = linker.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        if let (true, ComponentItem::ComponentInstance(interface)) = (name.starts_with("wasi:sockets/"), import.ty) {
            link(&mut linker.instance(name)?, &interface, &engine)?;
        }
    }
    Ok(linker)
}

fn link(linker: &mut LinkerInstance<'_, Host>, interface: &ComponentInstance, engine: &wasmtime::Engine) -> Result<()> {
    for (name, export) in interface.exports(engine) {
        match export.ty {
            ComponentItem::ComponentFunc(_) => {
                linker.func_new_async(name, |store, ty, arguments, results| {
                    Box::new(not_supported(store, ty, arguments, results))
                })?;
            }
            ComponentItem::Resource(_) if RESOURCES.contains(&name) => {
                linker.resource(name, ResourceType::host::<Nothing>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The answer to every call: `not-supported`, where the function can fail, or the network that is none.
async fn not_supported(
    mut store: StoreContextMut<'_, Host>,
    function: ComponentFunc,
    arguments: &[Val],
    results: &mut [Val],
) -> Result<()> {
    store.data_mut().bound()?;
    // What is lent to a call is given back before it returns.
    for argument in arguments {
        if let Val::Resource(lent) = argument {
            lent.resource_drop_async(&mut store).await?;
        }
    }
    let answer = match function.results().next() {
        Some(Type::Result(ty)) if matches!(ty.err(), Some(Type::Enum(_))) => {
            Val::Result(Err(Some(Box::new(Val::Enum("not-supported".to_owned())))))
        }
        Some(Type::Own(ty)) if ty == ResourceType::host::<Nothing>() => {
            Val::Resource(Resource::<Nothing>::new_own(0).try_into_resource_any(&mut store)?)
        }
        _ => bail!("a function of `wasi:sockets` was called, and nothing stands behind it"),
    };
    let [result] = results else { bail!("a function of `wasi:sockets` gives more than one result") };
    *result = answer;
    Ok(())
}
