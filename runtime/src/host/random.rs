//! `wasi:random`: ChaCha20 from the step's seed, one stream for each interface, so that a replay draws the same.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use wasmtime::{Result, bail};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use super::Host;

/// Random bytes that one call may ask for; wasmtime's own default is 64 MiB.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// A step's random numbers. Authority: none. Nothing is computed before the first is drawn.
pub(super) struct Random {
    seed: [u8; 32],
    secure: Option<ChaCha20Rng>,
    insecure: Option<ChaCha20Rng>,
}

/// Which of the seed's streams: what is drawn from one tells nothing of another.
#[derive(Clone, Copy)]
enum Stream {
    Secure = 0,
    Insecure = 1,
    InsecureSeed = 2,
}

impl Random {
    /// All of it comes from `seed`, and the same seed gives the same.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seed, secure: None, insecure: None }
    }

    fn secure(&mut self) -> &mut ChaCha20Rng {
        self.secure.get_or_insert_with(|| stream(self.seed, Stream::Secure))
    }

    fn insecure(&mut self) -> &mut ChaCha20Rng {
        self.insecure.get_or_insert_with(|| stream(self.seed, Stream::Insecure))
    }
}

fn stream(seed: [u8; 32], stream: Stream) -> ChaCha20Rng {
    let mut numbers = ChaCha20Rng::from_seed(seed);
    numbers.set_stream(stream as u64);
    numbers
}

fn bytes(from: &mut ChaCha20Rng, len: u64) -> Result<Vec<u8>> {
    if len > RANDOM_BYTES_MAX {
        bail!("{len} random bytes asked for at once; at most {RANDOM_BYTES_MAX} are given");
    }
    let mut bytes = vec![0; usize::try_from(len)?];
    from.fill_bytes(&mut bytes);
    Ok(bytes)
}

impl random::Host for Host {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.bound()?;
        bytes(self.random.secure(), len)
    }

    fn get_random_u64(&mut self) -> Result<u64> {
        self.bound()?;
        Ok(self.random.secure().next_u64())
    }
}

impl insecure::Host for Host {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>> {
        self.bound()?;
        bytes(self.random.insecure(), len)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64> {
        self.bound()?;
        Ok(self.random.insecure().next_u64())
    }
}

impl insecure_seed::Host for Host {
    fn insecure_seed(&mut self) -> Result<(u64, u64)> {
        self.bound()?;
        let mut numbers = stream(self.random.seed, Stream::InsecureSeed);
        Ok((numbers.next_u64(), numbers.next_u64()))
    }
}
