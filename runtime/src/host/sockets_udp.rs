//! `wasi:sockets/udp`, linked with nothing behind it: each function says `not-supported`. Authority: none.
//!
//! What is built for sockets imports it, used or not. It is linked by the names and types that a component asks for.

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType, Type, Val};
use wasmtime::{Engine, Result, StoreContextMut, bail};
use wasmtime_wasi::p2::bindings::sockets::network::Network;

use super::Host;

/// The interfaces.
const INTERFACES: [&str; 2] = ["wasi:sockets/udp@", "wasi:sockets/udp-create-socket@"];

/// The resources that they bring; but for networks, the others that they name come from elsewhere.
const RESOURCES: [&str; 3] = ["udp-socket", "incoming-datagram-stream", "outgoing-datagram-stream"];

/// There is no resource of [`RESOURCES`], since none is ever made.
struct Nothing;

/// The linker for `component`: `linker`, and what the component imports of UDP.
///
/// # Errors
/// The linker has one of those interfaces already.
pub fn with_udp(linker: &Linker<Host>, component: &Component) -> Result<Linker<Host>> {
    let mut linker = linker.clone();
    let engine = linker.engine().clone();
    for (name, import) in component.component_type().imports(&engine) {
        let is_udp = INTERFACES.iter().any(|interface| name.starts_with(interface));
        if let (true, ComponentItem::ComponentInstance(interface)) = (is_udp, import.ty) {
            link(&mut linker.instance(name)?, &interface, &engine)?;
        }
    }
    Ok(linker)
}

fn link(linker: &mut LinkerInstance<'_, Host>, interface: &ComponentInstance, engine: &Engine) -> Result<()> {
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
            ComponentItem::Resource(_) if name == "network" => {
                linker.resource(name, ResourceType::host::<Network>(), |_, _| Ok(()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The answer to every call.
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
        _ => bail!("a function of `wasi:sockets/udp` was called, and nothing stands behind it"),
    };
    let [result] = results else { bail!("a function of `wasi:sockets/udp` gives more than one result") };
    *result = answer;
    Ok(())
}
