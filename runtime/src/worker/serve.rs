//! The worker: the same program started again, which runs guests and nothing else.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rustix::process::{Resource, Signal, set_parent_process_death_signal};
use tokio::runtime::{self, Runtime};
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, Val, types};

use super::channel::{Channel, ChannelError, Received, Wait};
use super::effort::Effort;
use super::protocol::{Call, CallFailure, Ended, FolderUse, Form, Preparation, Reply, Request};
use super::wall::{self, Wall};
use crate::engine::{self, Allocation};
use crate::host::{self, Folder, Host, Outside, Settings, Stop};
use crate::{artefact, signature, value};

/// The most bytes of one message from the parent: a component or its artefact.
pub(super) const REQUEST_BYTES_MAX: u64 = 1 << 30;
/// The most characters of why something cannot be loaded: a component's names are in it.
const REFUSED_CHARS_MAX: usize = 2_500;
/// A worker waits for its parent, and ends with it.
const FOREVER: Wait<'static> = Wait { until: None, interrupt: None };

/// Runs a worker over the socket that is its standard input, until the parent closes it.
///
/// # Errors
/// When the socket or the engine fails. There is nobody to tell but the exit code.
pub fn serve(socket: OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
    // The parent kills its worker; this is for when the parent itself is killed.
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))?;
    wall::limit(Resource::Core, 0)?;
    let channel = Arc::new(Mutex::new(Channel::new(socket, REQUEST_BYTES_MAX)));
    let runtime = runtime::Builder::new_current_thread().build()?;
    let mut stage = Stage::new()?;
    loop {
        let received = match held(&channel).receive(FOREVER) {
            Ok(received) => received,
            Err(ChannelError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let (next, reply, payload) = stage.answer(received, &runtime, Some(&channel))?;
        stage = next;
        held(&channel).send(&reply, &payload, &[], FOREVER)?;
    }
}

/// The worker's end of the socket. What a guest asks for goes over it too, while its call goes on.
type Shared = Arc<Mutex<Channel>>;

fn held(channel: &Shared) -> MutexGuard<'_, Channel> {
    channel.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the parent do what a guest asks for, one thing at a time.
fn outside(parent: &Shared) -> Outside {
    let parent = Arc::clone(parent);
    Outside::new(move |mut ask| {
        let (bytes, mut parent) = (ask.beside().map(std::mem::take).unwrap_or_default(), held(&parent));
        parent.send(&Reply::Asks(ask), &bytes, &[], FOREVER).map_err(io::Error::other)?;
        let Received { message, payload, .. } = parent.receive(FOREVER).map_err(io::Error::other)?;
        let Request::Tells(mut told) = message else {
            return Err(io::Error::other("the parent answered something else"));
        };
        if let Some(bytes) = told.beside() {
            *bytes = payload;
        }
        Ok(told)
    })
}

/// The stage after a request, the reply to it, and what comes along with that.
type Answer = (Stage, Reply, Vec<u8>);

/// How far a worker is. Each request has its turn.
pub(super) enum Stage {
    /// It holds nothing of anybody's.
    New(Worker),
    /// It takes components, and runs nothing.
    Loading(Worker),
    /// It runs guests behind the wall, and takes nothing.
    Enclosed(Worker),
}

impl Stage {
    /// The first, with all that takes time and depends on nothing: the parent is about its own start meanwhile.
    pub(super) fn new() -> wasmtime::Result<Self> {
        Worker::new(Allocation::OnDemand).map(Self::New)
    }

    /// Does what is asked, where it is its turn: the stage after it, and the reply with what comes along. `parent` is who
    /// does what guests ask for; without one, each is denied.
    pub(super) fn answer(
        self,
        asked: Received<Request>,
        runtime: &Runtime,
        parent: Option<&Shared>,
    ) -> Result<Answer, Box<dyn std::error::Error>> {
        let Received { message, payload, descriptors } = asked;
        let nothing = Vec::new();
        Ok(match (message, self) {
            (Request::Compile { digest }, Self::New(worker)) => {
                let (reply, artefact) = compile(&worker.engine, &payload, digest)?;
                (Self::New(worker), reply, artefact)
            }
            (Request::Open { allocation }, Self::New(worker)) => {
                let worker = match allocation {
                    Allocation::OnDemand => worker,
                    Allocation::Pooled => Worker::new(allocation)?,
                };
                let folders = descriptors.into_iter().map(File::from).collect();
                (Self::Loading(Worker { folders, ..worker }), Reply::Ready, nothing)
            }
            (Request::Load { digest }, Self::Loading(mut worker)) => {
                let reply = worker.load(digest, &payload);
                (Self::Loading(worker), reply, nothing)
            }
            (Request::Prepare(preparation), Self::Loading(mut worker)) => {
                let reply = worker.prepare(preparation);
                (Self::Loading(worker), reply, nothing)
            }
            // INVARIANT: no guest instruction before this.
            (Request::Enclose, Self::Loading(worker)) => {
                let wall = worker.enclose()?;
                (Self::Enclosed(worker), Reply::Enclosed(wall), nothing)
            }
            (Request::Call(call), Self::Enclosed(worker)) => {
                let (reply, output) = runtime.block_on(worker.call(call, parent))?;
                (Self::Enclosed(worker), reply, output)
            }
            (_, stage) => (stage, Reply::Refused("the request is out of turn".to_owned()), nothing),
        })
    }
}

/// Reads and compiles a component. A worker that compiles does nothing else: its limits are what that may take.
fn compile(engine: &Engine, bytes: &[u8], digest: String) -> Result<(Reply, Vec<u8>), Box<dyn std::error::Error>> {
    let effort = Effort::of(bytes.len());
    // Of what it writes to, and not of addresses: threads reserve many of those, and use few.
    wall::limit(Resource::Data, effort.memory_bytes)?;
    wall::limit(Resource::Cpu, effort.cpu_seconds)?;
    // It reads bytes of strangers and needs no file for it.
    wall::raise_for_files(&[])?;
    wall::raise_for_calls(wall::Purpose::Compile)?;
    let component = match signature::read(bytes, digest) {
        Ok(component) => component,
        Err(why) => return Ok((Reply::Refused(why), Vec::new())),
    };
    match engine.precompile_component(bytes) {
        Ok(artefact) => Ok((Reply::Compiled(Box::new(component)), artefact)),
        Err(error) => {
            Ok((Reply::Refused(format!("the component does not compile: {}", error.root_cause())), Vec::new()))
        }
    }
}

pub(super) struct Worker {
    engine: Engine,
    linker: Linker<Host>,
    folders: Vec<File>,
    components: HashMap<String, InstancePre<Host>>,
    prepared: HashMap<String, Prepared>,
}

/// A capability that is ready to be called.
struct Prepared {
    instance: InstancePre<Host>,
    function: ComponentExportIndex,
    folders: Vec<(FolderUse, Option<GlobSet>)>,
    connects: bool,
    limits: claw_policy::Limits,
}

impl Worker {
    /// Without folders.
    fn new(allocation: Allocation) -> wasmtime::Result<Self> {
        let engine = engine::engine(allocation)?;
        let mut linker = Linker::new(&engine);
        host::link(&mut linker)?;
        Ok(Self { engine, linker, folders: Vec::new(), components: HashMap::new(), prepared: HashMap::new() })
    }

    fn load(&mut self, digest: String, artefact: &[u8]) -> Reply {
        let instance = artefact::load_authenticated(&self.engine, artefact)
            .and_then(|component| host::with_udp(&self.linker, &component)?.instantiate_pre(&component));
        match instance {
            Ok(instance) => {
                self.components.insert(digest, instance);
                Reply::Ready
            }
            Err(error) => {
                let why = format!("the component cannot be linked: {}", error.root_cause());
                Reply::Refused(why.chars().take(REFUSED_CHARS_MAX).collect())
            }
        }
    }

    fn prepare(&mut self, preparation: Preparation) -> Reply {
        let Preparation { capability, component, interface, function, folders, connects, limits } = preparation;
        let Some(instance) = self.components.get(&component).cloned() else {
            return Reply::Refused("the component has not been loaded".to_owned());
        };
        let Some(function) = export(instance.component(), interface.as_deref(), &function) else {
            return Reply::Refused("the component does not export the function".to_owned());
        };
        let folders = folders.into_iter().map(|folder| Ok((globs(folder.files.as_deref())?, folder)));
        match folders
            .map(|folder| folder.map(|(globs, folder)| (folder, globs)))
            .collect::<Result<Vec<_>, globset::Error>>()
        {
            Ok(folders) => {
                self.prepared.insert(capability, Prepared { instance, function, folders, connects, limits });
                Reply::Ready
            }
            Err(error) => Reply::Refused(error.to_string()),
        }
    }

    /// Gives up all that calling what is prepared does not need.
    fn enclose(&self) -> Result<Wall, Box<dyn std::error::Error>> {
        let used = self.prepared.values().flat_map(|prepared| &prepared.folders);
        let openings = used.filter_map(|(folder, _)| {
            let dir = self.folders.get(folder.descriptor?)?;
            Some(wall::Opening { folder: dir.as_fd(), writes: folder.write })
        });
        let landlock = wall::raise_for_files(&openings.collect::<Vec<_>>())?;
        // The last thread; what holds for this one now holds for it.
        engine::tick(&self.engine)?;
        let seccomp = wall::raise_for_calls(wall::Purpose::Run)?;
        Ok(Wall { landlock, seccomp })
    }

    /// One call, in a store that is made for it and thrown away after it.
    async fn call(&self, call: Call, parent: Option<&Shared>) -> Result<(Reply, Vec<u8>), Box<dyn std::error::Error>> {
        let Call { capability, arguments, written_left, files_left, clock_ms, seed, tape } = call;
        let Some(prepared) = self.prepared.get(&capability) else {
            return Ok((Reply::Refused("the capability has not been prepared".to_owned()), Vec::new()));
        };
        let folders =
            prepared.folders.iter().map(|(folder, globs)| self.folder(folder, globs)).collect::<Result<_, _>>()?;
        let limits = prepared.limits.clone();
        let (fuel, output_bytes) = (limits.fuel, limits.output_bytes);
        let host = Host::new(Settings {
            folders,
            connects: prepared.connects,
            limits,
            written_left,
            files_left,
            clock_ms,
            seed,
            tape,
            outside: parent.map(outside),
        });
        let mut store = host::store(&self.engine, host)?;
        let result = match prepared.run(&mut store, &arguments).await {
            Ok(result) => result,
            Err(error) => Err(CallFailure::Stopped(Stop::of(&error, store.data()))),
        };
        let fuel = fuel.saturating_sub(store.get_fuel().unwrap_or(0));
        let report = store.into_data().report();
        let (result, output) = match result {
            Ok(output) if claw_policy::json::fits(&output, output_bytes) => {
                let (form, output) = Form::write(output)?;
                (Ok(form), output)
            }
            Ok(_) => (Err(CallFailure::TooLong { most: output_bytes }), Vec::new()),
            Err(failure) => (Err(failure), Vec::new()),
        };
        Ok((Reply::Ended(Box::new(Ended { result, fuel, report })), output))
    }

    fn folder(&self, folder: &FolderUse, globs: &Option<GlobSet>) -> io::Result<Folder> {
        let open = |descriptor: usize| self.folders.get(descriptor).ok_or(io::ErrorKind::NotFound)?.try_clone();
        let dir = folder.descriptor.map(open).transpose()?;
        Ok(Folder {
            guest_path: folder.guest_path.clone(),
            dir,
            write: folder.write,
            dotfiles: folder.dotfiles,
            files: globs.clone(),
        })
    }
}

impl Prepared {
    async fn run(
        &self,
        store: &mut wasmtime::Store<Host>,
        arguments: &[serde_json::Value],
    ) -> wasmtime::Result<Result<serde_json::Value, CallFailure>> {
        let instance = self.instance.instantiate_async(&mut *store).await?;
        let Some(function) = instance.get_func(&mut *store, self.function) else {
            return Ok(Err(CallFailure::Value("the component does not export the function".to_owned())));
        };
        let ty = function.ty(&*store);
        let arguments = ty.params().zip(arguments).map(|((_, ty), argument)| value::to_val(argument, &ty));
        let arguments = match arguments.collect::<Result<Vec<Val>, _>>() {
            Ok(arguments) => arguments,
            Err(fault) => return Ok(Err(CallFailure::Value(fault.to_string()))),
        };
        let mut results = vec![Val::Bool(false); ty.results().len()];
        if let Err(error) = function.call_async(&mut *store, &arguments, &mut results).await {
            // A program that ends by `exit(0)` has done what it should, where it was to give nothing else.
            let is_done = matches!(error.downcast_ref(), Some(Stop::Exited(0))) && gives_nothing(&ty);
            return if is_done { Ok(Ok(serde_json::Value::Null)) } else { Err(error) };
        }
        let no_json = |fault: value::ValueFault| CallFailure::Value(fault.to_string());
        Ok(match (results.pop(), ty.results().next()) {
            (Some(Val::Result(result)), Some(wasmtime::component::Type::Result(ty))) => match result {
                Ok(output) => value::payload(output, ty.ok().as_ref()).map_err(no_json),
                Err(error) => Err(value::payload(error, ty.err().as_ref()).map_or_else(no_json, CallFailure::Returned)),
            },
            (Some(output), Some(ty)) => value::to_json(output, &ty).map_err(no_json),
            _ => Ok(serde_json::Value::Null),
        })
    }
}

fn gives_nothing(function: &types::ComponentFunc) -> bool {
    match function.results().next() {
        None => true,
        Some(types::Type::Result(result)) => result.ok().is_none(),
        Some(_) => false,
    }
}

fn export(component: &Component, interface: Option<&str>, function: &str) -> Option<ComponentExportIndex> {
    let interface = match interface {
        Some(interface) => Some(component.get_export_index(None, interface)?),
        None => None,
    };
    match component.get_export(interface.as_ref(), function)? {
        (ComponentItem::ComponentFunc(_), index) => Some(index),
        _ => None,
    }
}

pub(super) fn globs(patterns: Option<&[String]>) -> Result<Option<GlobSet>, globset::Error> {
    let Some(patterns) = patterns else { return Ok(None) };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
    }
    set.build().map(Some)
}
