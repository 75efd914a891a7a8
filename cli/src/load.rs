//! From names on the command line to a policy that is ready: components compiled, folders open, inputs bound.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use claw_policy::{Catalogue, Document, Folder, Given, Limits, LoadError, Name, Narrowing, Policy, Session, run_tests};
use claw_runtime::{Allocation, Cache, Compiler, Components, Folders, Network, Places, Runtime, Wall};

use crate::ambient::{self, Home};
use crate::arguments::{PolicyArguments, SessionArguments};
use crate::error::Error;
use crate::{network, progress};

/// A policy that is ready to decide and to run.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) file: PathBuf,
    pub(crate) document: Document,
    pub(crate) catalogue: Catalogue,
    pub(crate) policy: Arc<Policy>,
    pub(crate) components: Components,
    pub(crate) folders: Folders,
    pub(crate) home: Home,
    pub(crate) cache: Cache,
}

/// What a policy is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To decide, without any effect.
    Decide,
    /// To run, with the folders that it creates.
    Run,
    /// To run its own tests, which otherwise must pass.
    Test,
}

impl Loaded {
    /// Loads the policy that the user names. None is ever looked for: what is in the current folder is somebody else's.
    pub(crate) fn policy(arguments: &PolicyArguments, narrowing: &Narrowing, purpose: Purpose) -> Result<Self, Error> {
        let home = Home::find()?.private()?;
        let file = home.policy(&arguments.policy);
        let text = ambient::read_policy(&file)?;
        let refuse = |errors: Vec<LoadError>| Error::Policy { file: file.clone(), text: text.clone(), errors };
        let document = Document::parse(&text).map_err(|error| refuse(vec![error]))?;
        let base = folder_of(&file)?;
        let cache = Cache::open(&home.cache, &home.state)?;
        let program = ambient::program()?;
        let components = Compiler { cache: &cache, program: &program }
            .components(&document, &base, &mut progress::note)
            .map_err(refuse)?;
        let files = test_plans(&document, &base).map_err(refuse)?;
        let places = Places {
            make: purpose == Purpose::Run,
            ..places(&document, &file, base, &home, &components, &arguments.dir)?
        };
        let folders = Folders::open(&document, &places).map_err(refuse)?;
        let catalogue = Catalogue { components: components.known(), overlaps: folders.overlaps(), files };
        let policy = Policy::load(&document, &catalogue).map_err(refuse)?;
        let policy = Arc::new(policy);
        if purpose != Purpose::Test {
            let failed =
                run_tests(&policy, &document, &catalogue).iter().filter_map(|test| test.error(&document)).collect();
            nothing_wrong(failed).map_err(refuse)?;
        }
        // The tests are about the whole policy; what is kept of it is for this run.
        let whole =
            Arc::into_inner(policy).ok_or_else(|| Error::own("the policy is in use", "run the command again"))?;
        let policy = if narrowing.is_none() {
            Ok(whole)
        } else {
            whole.narrow(narrowing).map_err(|refusal| {
                let why = refusal.violations().first();
                let help = why.and_then(|why| why.help.clone()).unwrap_or_default();
                Error::input(
                    why.map_or("usage", |why| why.rule),
                    why.map_or_else(String::new, |why| why.message.clone()),
                )
                .help(help)
            })
        };
        let policy = policy?;
        if purpose == Purpose::Run {
            has_required(&document).map_err(refuse)?;
        }
        Ok(Self { file, document, catalogue, policy: Arc::new(policy), components, folders, home, cache })
    }

    /// The text of this policy, for showing its lines.
    pub(crate) fn text(&self) -> &str {
        self.document.text()
    }

    /// A session with what the user gives.
    pub(crate) fn session(&self, arguments: &SessionArguments) -> Result<Session, Error> {
        let mut given = BTreeMap::new();
        for (name, value) in &arguments.input {
            let bound = match value.strip_prefix('@') {
                None => Given { text: value.clone(), from_file: false },
                Some(path) => Given { text: self.input_file(name, Path::new(path))?, from_file: true },
            };
            if given.insert(name.clone(), bound).is_some() {
                return Err(Error::input("input.twice", format!("the input `{}` is given twice", printed(name))));
            }
        }
        Session::open(&self.policy, given).map_err(|violations| {
            let texts: Vec<String> = violations.iter().map(|violation| violation.message.clone()).collect();
            let rule = violations.first().map_or("input", |violation| violation.rule);
            Error::input(rule, texts.join("\n")).help("the policy's `[input.NAME]` says what may be given")
        })
    }

    fn input_file(&self, name: &str, path: &Path) -> Result<String, Error> {
        let failed = |why: String| {
            Error::input("input.read", format!("the file of the input `{}` cannot be read: {why}", printed(name)))
        };
        let most = self.policy.limits.argument_bytes;
        let bytes = ambient::read(path, most).map_err(|error| failed(error.to_string()))?;
        if bytes.len() as u64 > most {
            return Err(failed(format!("it is over the {most} bytes of `argument-bytes`")));
        }
        String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))
    }

    /// The plan's text, of which no more is read than a plan may have and one byte.
    pub(crate) fn plan(&self, path: &Path) -> Result<Vec<u8>, Error> {
        ambient::read(path, self.policy.limits.plan_bytes).map_err(|error| {
            Error::policy_file(
                "plan.read",
                path,
                format!("the plan `{}` cannot be read: {error}", printed(&path.to_string_lossy())),
            )
        })
    }

    /// What the plans of this policy run with.
    pub(crate) fn runtime(
        components: Components,
        folders: Folders,
        network: Option<Network>,
    ) -> Result<Runtime, Error> {
        let mut runtime =
            Runtime::new(ambient::program()?, Allocation::OnDemand, components, folders, ambient::random()?);
        runtime.network = network;
        runtime.interrupt = Some(ambient::interrupt()?);
        Ok(runtime)
    }
}

/// The texts of the plans that the policy's tests name.
fn test_plans(document: &Document, base: &Path) -> Result<BTreeMap<String, String>, Vec<LoadError>> {
    let (mut files, mut errors) = (BTreeMap::new(), Vec::new());
    for (path, span) in document.test_plans() {
        let most = Limits::default().plan_bytes;
        let text = ambient::read(&base.join(path), most).map_err(|error| error.to_string());
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned()));
        match text {
            Ok(text) => {
                files.insert(path.to_owned(), text);
            }
            Err(why) => {
                let message = format!("the plan `{}` of a test cannot be read: {why}", printed(path));
                errors.push(
                    LoadError::new("policy.test", span, message)
                        .help("its path is from the folder that the policy is in"),
                );
            }
        }
    }
    nothing_wrong(errors).map(|()| files)
}

/// What the policy requires of this machine.
fn has_required(document: &Document) -> Result<(), Vec<LoadError>> {
    let required = document.requires();
    if required.is_empty() {
        return Ok(());
    }
    let missing = Wall::supported().missing();
    let missing = required.into_iter().filter(|(part, _)| missing.contains(part)).map(|(part, span)| {
        let message = format!("the policy requires `{part}`, which this machine's kernel does not have");
        LoadError::new("sandbox.require", span, message).help("run it on a machine that has it: see `claw doctor`")
    });
    nothing_wrong(missing.collect())
}

fn nothing_wrong(errors: Vec<LoadError>) -> Result<(), Vec<LoadError>> {
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn places(
    document: &Document,
    file: &Path,
    base: PathBuf,
    home: &Home,
    components: &Components,
    dirs: &[(String, String)],
) -> Result<Places, Error> {
    let mut binds = BTreeMap::new();
    for (name, path) in dirs {
        let name = Name::new(name).map_err(|error| Error::input("usage", error.to_string()))?;
        let wanted =
            document.folders().iter().any(|grant| matches!(&grant.folder, Folder::Bind(bind) if bind.bind == name));
        if !wanted {
            return Err(Error::input("usage", format!("the policy leaves no folder `{name}` to be given"))
                .help("see its `{ bind = \"NAME\" }`"));
        }
        let path = std::path::absolute(path)
            .map_err(|error| Error::input("usage", format!("`--dir {name}={}`: {error}", printed(path))))?;
        if binds.insert(name, path).is_some() {
            return Err(Error::input("usage", "a folder is given twice with `--dir`"));
        }
    }
    let mut protected = vec![std::path::absolute(file)?];
    protected.extend(components.files().iter().cloned());
    protected.extend(ambient::program_file());
    let private = vec![home.config.clone(), home.state.clone(), home.cache.clone()];
    let secrets = network::secret_files(document.secrets(), &base);
    Ok(Places { base, home: home.home.clone(), binds, private, protected, secrets, make: false })
}

/// The folder that a policy file is in: what its relative paths are relative to.
pub(crate) fn folder_of(file: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(file)?;
    Ok(absolute.parent().map(Path::to_owned).unwrap_or(absolute))
}

fn printed(text: &str) -> String {
    claw_policy::printable::printable(text)
}
