//! The connector against servers that answer badly, names that lie, and guests that try. On loopback only.

mod bounds;
mod denied;
mod secrets;
mod server;
mod tcp;
mod tls;
mod tls_server;
mod wire;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claw_policy::{Catalogue, HostGrant, Name, Policy, Target};

use self::server::Server;
use super::{Bounds, Connector, Failure, Opened, Redact, Request, Resolve, Response, Told};

const LOOPBACK: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

/// Names with the answers that they have, one after the other; the last one stays.
#[derive(Default)]
struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(answers: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parse = |texts: &&[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let answers =
            answers.iter().map(|(name, answers)| ((*name).to_owned(), answers.iter().map(parse).collect())).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let of_name = answers.get_mut(name).ok_or_else(|| std::io::Error::other("no such name"))?;
        Ok(if of_name.len() > 1 { of_name.remove(0) } else { of_name[0].clone() })
    }
}

/// Every name is this machine.
struct AllLoopback;

impl Resolve for AllLoopback {
    fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(LOOPBACK.to_vec())
    }
}

/// The grant that a policy writes like this.
fn grant(text: &str) -> HostGrant {
    let policy = format!("claw = 1\nname = \"test\"\n[grant.web]\n{text}\n");
    let policy = Policy::parse(&policy, &Catalogue::default()).unwrap_or_else(|errors| panic!("{errors:?}"));
    match &policy.grants.values().next().unwrap().target {
        Target::Hosts(grant) => grant.clone(),
        Target::Folder(_) => panic!("a folder"),
    }
}

fn web() -> Vec<Name> {
    vec!["web".parse().unwrap()]
}

fn connector_of(opened: Opened, names: Arc<dyn Resolve>, redact: Redact) -> Connector {
    Connector::new([("web".parse().unwrap(), opened)], names, redact).unwrap()
}

fn connector(text: &str, names: Arc<dyn Resolve>) -> Connector {
    connector_of(Opened { grant: grant(text), ca: None, secret: None }, names, Box::new(|bytes| bytes))
}

/// A connector that may send anything to `a.example`, which is this machine, at a server's port.
fn to(server: &Server) -> Connector {
    let port = server.port;
    let requests = ["GET", "HEAD", "POST", "PUT"].map(|method| format!("{method} http://a.example:{port}/*"));
    connector(&format!("http = {requests:?}\naddresses = [\"127.0.0.0/8\"]"), Arc::new(AllLoopback))
}

fn bounds() -> Bounds {
    Bounds {
        time: Duration::from_secs(60),
        connect: None,
        first_byte: None,
        between_bytes: None,
        request_bytes: 1 << 20,
        response_bytes: 1 << 20,
    }
}

fn get(url: &str) -> Request {
    Request { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), body: Vec::new() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn send(connector: &Connector, request: Request) -> Result<Response, Failure> {
    send_within(connector, request, &bounds())
}

fn send_within(connector: &Connector, request: Request, bounds: &Bounds) -> Result<Response, Failure> {
    runtime().block_on(connector.send(&web(), request, bounds))
}

#[track_caller]
fn assert_denied(result: Result<Response, Failure>) {
    let failure = result.unwrap_err();
    assert_eq!((failure.told(), failure.told().to_string()), (Told::Denied, "denied".to_owned()), "{failure}");
}
