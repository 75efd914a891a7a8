//! A TLS server on loopback whose certificate says what a test wants it to.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

/// Who signs certificates.
pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// A new one.
pub(super) fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What a certificate for this name, or address, says.
pub(super) fn for_name(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// A TLS server, and what it learnt of each client.
pub(super) struct TlsServer {
    pub(super) port: u16,
    pub(super) clients: Arc<Mutex<Vec<Client>>>,
}

/// The name that a client asked for, and how the handshake went.
pub(super) type Client = (Option<String>, Option<HandshakeKind>);

/// A server with this certificate, signed by an authority or else by itself.
pub(super) fn config(params: CertificateParams, by: Option<&Authority>) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = match by {
        Some(authority) => params.signed_by(&key, authority),
        None => params.self_signed(&key),
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.unwrap().der().clone()], key);
    Arc::new(config.unwrap())
}

/// A server that says `hello` to each client, one after the other.
pub(super) fn serve(params: CertificateParams, by: Option<&Authority>) -> TlsServer {
    let (config, clients) = (config(params, by), Arc::new(Mutex::new(Vec::new())));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, kept) = (listener.local_addr().unwrap().port(), Arc::clone(&clients));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                let client = (stream.conn.server_name().map(str::to_owned), stream.conn.handshake_kind());
                kept.lock().unwrap().push(client);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    TlsServer { port, clients }
}
