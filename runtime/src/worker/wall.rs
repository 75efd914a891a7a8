//! The second wall: what a worker gives up before it runs a guest, so that a guest that gets out of wasmtime finds little.

use std::fmt;
use std::os::fd::BorrowedFd;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// What a walled worker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Running guests: one thread, and the ticker that is started before.
    Run,
    /// Compiling a component: threads, and no folder at all.
    Compile,
}

/// A folder that stays reachable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening<'f> {
    pub(super) folder: BorrowedFd<'f>,
    pub(super) writes: bool,
}

/// The parts of the wall that stand. A kernel that lacks one leaves it out; a policy can demand them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// No file is opened but in the granted folders, and none is written where only reading is granted: whatever code asks.
    pub landlock: bool,
    /// No system call but those that running guests needs: no socket, process, thread, or new native code.
    pub seccomp: bool,
}

/// A part of the wall that the kernel has, and that cannot be raised.
#[derive(Debug)]
pub(super) struct WallError(String);

impl fmt::Display for WallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker cannot be walled in: {}", self.0)
    }
}

impl std::error::Error for WallError {}

impl Wall {
    /// What this kernel has of it: tried on a thread of its own, which ends with it.
    pub fn supported() -> Self {
        let tried = std::thread::spawn(|| Self::around_this_thread(Self { landlock: true, seccomp: true }, &[]));
        tried.join().unwrap_or_default()
    }

    /// Raises the parts that `parts` names around the calling thread, for good, and leaves it `readable` alone of all
    /// folders. Gives what stands now. A worker raises it around all of its threads; this is to try it, and to measure it.
    pub fn around_this_thread(parts: Self, readable: &[BorrowedFd<'_>]) -> Self {
        let openings: Vec<_> = readable.iter().map(|folder| Opening { folder: *folder, writes: false }).collect();
        Self {
            landlock: parts.landlock && files::restrict(&openings).unwrap_or(false),
            seccomp: parts.seccomp && calls::restrict(Purpose::Run, calls::Threads::This).is_ok(),
        }
    }

    /// The names of its parts that do not stand.
    pub fn missing(self) -> Vec<&'static str> {
        let parts = [("landlock", self.landlock), ("seccomp", self.seccomp)];
        parts.into_iter().filter(|(_, stands)| !stands).map(|(name, _)| name).collect()
    }
}

/// Limits a resource of this process. Limits only go down: what there is may be less already.
pub(super) fn limit(resource: Resource, most: u64) -> Result<(), rustix::io::Errno> {
    let most = getrlimit(resource).maximum.map_or(most, |there_is| there_is.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

/// Raises what comes before the last threads are started: it holds for them too.
///
/// # Errors
/// A part that the kernel has, and refuses.
pub(super) fn raise_for_files(openings: &[Opening<'_>]) -> Result<bool, WallError> {
    process::restrict().map_err(|error| WallError(error.to_string()))?;
    files::restrict(openings)
}

/// Raises the rest, on every thread there is. Nothing can be started after it.
///
/// # Errors
/// A filter that the kernel refuses.
pub(super) fn raise_for_calls(purpose: Purpose) -> Result<bool, WallError> {
    calls::restrict(purpose, calls::Threads::All).map(|()| cfg!(target_os = "linux"))
}

#[cfg(target_os = "linux")]
mod process {
    //! Limits of the process itself.

    use rustix::process::{DumpableBehavior, Resource, set_dumpable_behavior, setpriority_process};

    /// The most descriptors: more than the limit `open-files` can be, and the granted folders.
    const DESCRIPTORS_MAX: u64 = 1_024;
    /// Guests do not compete with what the user does.
    const NICE: i32 = 10;

    pub(super) fn restrict() -> Result<(), rustix::io::Errno> {
        rustix::thread::set_no_new_privs(true)?;
        // Other processes of the user cannot look into it, and it leaves no memory on disk.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        super::limit(Resource::Nofile, DESCRIPTORS_MAX)?;
        super::limit(Resource::Msgqueue, 0)?;
        setpriority_process(None, NICE)
    }
}

#[cfg(target_os = "linux")]
mod files {
    //! Landlock: which files, whoever opens them.

    use landlock::{
        ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, PathBeneath,
        Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
    };

    use super::{Opening, WallError};

    /// The newest rules that are known here; an older kernel applies what it has of them.
    const NEWEST: ABI = ABI::V7;

    pub(super) fn restrict(openings: &[Opening<'_>]) -> Result<bool, WallError> {
        ruleset(openings).map_err(|error| WallError(error.to_string()))
    }

    fn ruleset(openings: &[Opening<'_>]) -> Result<bool, RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?;
        for opening in openings {
            let rights = if opening.writes { reading() | writing() } else { reading() };
            rules = rules.add_rule(PathBeneath::new(opening.folder, rights))?;
        }
        let status = rules.restrict_self()?;
        Ok(matches!(status.landlock, LandlockStatus::Available { .. }))
    }

    fn reading() -> BitFlags<AccessFs> {
        AccessFs::ReadFile | AccessFs::ReadDir
    }

    /// Files, folders and links; no device, socket or FIFO.
    fn writing() -> BitFlags<AccessFs> {
        AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::MakeReg
            | AccessFs::MakeDir
            | AccessFs::MakeSym
            | AccessFs::RemoveFile
            | AccessFs::RemoveDir
            | AccessFs::Refer
    }
}

#[cfg(target_os = "linux")]
mod calls {
    //! Seccomp: which system calls, by a list of those that are allowed.

    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        apply_filter, apply_filter_all_threads,
    };

    use super::{Purpose, WallError};

    /// Which threads a filter is for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Threads {
        /// The one that asks.
        This,
        /// Every one of the process.
        All,
    }

    /// What running guests needs: its socket, files by descriptors that it holds, memory, time.
    const ALLOWED: &[libc::c_long] = &[
        // The socket to the parent, and waiting.
        libc::SYS_recvmsg,
        libc::SYS_sendmsg,
        libc::SYS_ppoll,
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_dup3,
        // Files. Landlock says which.
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_newfstatat,
        libc::SYS_fstat,
        libc::SYS_statx,
        libc::SYS_statfs,
        libc::SYS_fstatfs,
        libc::SYS_getdents64,
        libc::SYS_lseek,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_preadv,
        libc::SYS_pwritev,
        libc::SYS_preadv2,
        libc::SYS_pwritev2,
        libc::SYS_ftruncate,
        libc::SYS_fallocate,
        libc::SYS_fadvise64,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        libc::SYS_mkdirat,
        libc::SYS_unlinkat,
        libc::SYS_renameat,
        libc::SYS_renameat2,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_readlinkat,
        libc::SYS_utimensat,
        libc::SYS_faccessat2,
        libc::SYS_memfd_create,
        // Memory.
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        // Time, threads that there are, signals of their own, randomness.
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_restart_syscall,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_gettid,
        libc::SYS_getpid,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_getrandom,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// What a descriptor may be asked for. Without `F_SETOWN`: by it, the kernel would send a signal to the parent.
    const FCNTL: &[libc::c_int] = &[
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_SETFL,
        libc::F_ADD_SEALS,
        libc::F_GET_SEALS,
    ];

    /// What a thread that starts needs besides.
    const FOR_THREADS: &[libc::c_long] = &[
        libc::SYS_set_robust_list,
        libc::SYS_rseq,
        libc::SYS_prctl,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_getparam,
        libc::SYS_sched_getscheduler,
        libc::SYS_prlimit64,
        libc::SYS_sysinfo,
        libc::SYS_clone3,
    ];

    pub(super) fn restrict(purpose: Purpose, threads: Threads) -> Result<(), WallError> {
        for program in programs(purpose).map_err(|error| WallError(error.to_string()))? {
            let applied = match threads {
                Threads::This => apply_filter(&program),
                Threads::All => apply_filter_all_threads(&program),
            };
            applied.map_err(|error| WallError(error.to_string()))?;
        }
        Ok(())
    }

    /// The filters, each as strict as the last: a call has to pass all of them.
    fn programs(purpose: Purpose) -> Result<Vec<BpfProgram>, seccompiler::Error> {
        let arch = std::env::consts::ARCH.try_into()?;
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // Memory, but none that is native code: what is loaded was loaded before.
        let not_executable = masked(2, libc::PROT_EXEC as u64, 0)?;
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            rules.insert(call, vec![SeccompRule::new(vec![not_executable.clone()])?]);
        }
        // The kernel reads 32 bits of the command.
        let commands = FCNTL.iter().map(|command| {
            let same = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *command as u64)?;
            SeccompRule::new(vec![same])
        });
        rules.insert(libc::SYS_fcntl, commands.collect::<Result<_, _>>()?);
        let mut programs = Vec::new();
        if purpose == Purpose::Compile {
            rules.extend(FOR_THREADS.iter().map(|call| (*call, Vec::new())));
            // A thread, and never a process.
            let thread = masked(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?;
            rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);
            // What `clone3` is asked for cannot be seen by a filter; without it, the C library uses `clone`.
            let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
            let absent = SeccompAction::Errno(libc::ENOSYS as u32);
            let filter = SeccompFilter::new(clone3, SeccompAction::Allow, absent, arch)?;
            programs.push(filter.try_into()?);
        }
        let arch = std::env::consts::ARCH.try_into()?;
        let refused = SeccompAction::Errno(libc::EPERM as u32);
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, arch)?;
        programs.push(filter.try_into()?);
        Ok(programs)
    }

    /// That an argument has exactly these of the bits of a mask.
    fn masked(argument: u8, mask: u64, bits: u64) -> Result<SeccompCondition, seccompiler::Error> {
        Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), bits)?)
    }
}

#[cfg(not(target_os = "linux"))]
mod process {
    //! Limits of the process itself: none on this system.
    pub(super) fn restrict() -> Result<(), rustix::io::Errno> {
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
mod files {
    //! No Landlock on this system.
    pub(super) fn restrict(_: &[super::Opening<'_>]) -> Result<bool, super::WallError> {
        Ok(false)
    }
}

#[cfg(not(target_os = "linux"))]
mod calls {
    //! No seccomp on this system.
    #[derive(Clone, Copy, Debug)]
    pub(super) enum Threads {
        This,
        All,
    }

    pub(super) fn restrict(_: super::Purpose, _: Threads) -> Result<(), super::WallError> {
        Err(super::WallError("there is no seccomp on this system".to_owned()))
    }
}
