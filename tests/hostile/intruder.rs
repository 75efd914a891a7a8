//! An attacker who owns the worker: has the real one, behind its real wall, make any system call.

use nix::libc::{self, c_long, user_regs_struct};
use nix::sys::ptrace;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Bytes of the instruction `syscall`.
const SYSCALL_BYTES: u64 = 2;
/// How far below its stack the worker does not look.
const BELOW_STACK: u64 = 64 << 10;

/// A worker that is taken over, at the end of a system call of its own.
#[derive(Debug)]
pub(crate) struct Intruder {
    worker: Pid,
    own: user_regs_struct,
    /// Where the next bytes are put into its memory.
    free: u64,
}

/// What a system call is given: a number, or bytes that it gets the address of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'b> {
    Number(i64),
    Bytes(&'b [u8]),
}

impl Intruder {
    /// Takes over a worker that runs a guest.
    pub(crate) fn enter(worker: u32) -> Self {
        let worker = Pid::from_raw(i32::try_from(worker).expect("a process"));
        ptrace::attach(worker).expect("root may look into any process");
        waitpid(worker, None).expect("it stops");
        ptrace::setoptions(worker, ptrace::Options::PTRACE_O_TRACESYSGOOD).expect("it is stopped");
        while !ends_a_call(worker) {
            assert!(to_next_stop(worker), "it was killed");
        }
        let own = ptrace::getregs(worker).expect("it is stopped");
        Self { worker, own, free: own.rsp - BELOW_STACK }
    }

    /// Has it make the system call `number`: what that returned, or minus the number of its error; nothing where it was
    /// killed before it returned.
    pub(crate) fn call(&mut self, number: c_long, given: &[Given<'_>]) -> Option<i64> {
        let mut arguments = [0; 6];
        for (argument, given) in arguments.iter_mut().zip(given) {
            *argument = match given {
                Given::Number(number) => *number as u64,
                Given::Bytes(bytes) => self.put(bytes),
            };
        }
        let [rdi, rsi, rdx, r10, r8, r9] = arguments;
        let (rip, rax) = (self.own.rip - SYSCALL_BYTES, number as u64);
        // No system call of its own is begun again.
        let orig_rax = u64::MAX;
        let regs = user_regs_struct { rip, rax, orig_rax, rdi, rsi, rdx, r10, r8, r9, ..self.own };
        ptrace::setregs(self.worker, regs).expect("it is stopped");
        (to_next_stop(self.worker) && to_next_stop(self.worker))
            .then(|| ptrace::getregs(self.worker).map_or(0, |regs| regs.rax as i64))
    }

    /// Lets it go on as if nothing had been, if it still is.
    pub(crate) fn leave(self) {
        let _gone = ptrace::setregs(self.worker, self.own).and_then(|()| ptrace::detach(self.worker, None));
    }

    fn put(&mut self, bytes: &[u8]) -> u64 {
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(8) + 8, 0);
        self.free -= padded.len() as u64;
        self.free -= self.free % 8;
        for (word, at) in padded.chunks_exact(8).zip((self.free..).step_by(8)) {
            let word = c_long::from_ne_bytes(word.try_into().expect("eight bytes"));
            ptrace::write(self.worker, at as ptrace::AddressType, word).expect("its stack can be written");
        }
        self.free
    }
}

/// Lets it run to where a system call begins or ends. False where it has ended instead.
fn to_next_stop(worker: Pid) -> bool {
    loop {
        if ptrace::syscall(worker, None).is_err() {
            return false;
        }
        match waitpid(worker, None) {
            Ok(WaitStatus::PtraceSyscall(_)) => return true,
            Ok(WaitStatus::Stopped(..)) => {}
            _ => return false,
        }
    }
}

fn ends_a_call(worker: Pid) -> bool {
    ptrace::syscall_info(worker).is_ok_and(|info| info.op == libc::PTRACE_SYSCALL_INFO_EXIT)
}
