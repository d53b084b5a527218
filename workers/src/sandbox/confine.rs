//! What a decoding process gives up before it reads the first byte of a video.
//!
//! Resource limits bound its consumption. A system call filter (seccomp) leaves it memory, threads, clocks and
//! its three pipes; no file, no network, no other process. Landlock denies the same on a second level. Both are
//! applied before the child has a second thread, so that they bind all threads.

use std::collections::BTreeMap;
use std::io;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use serde::{Deserialize, Serialize};

use super::Limits;

/// Files that the child may have open. It needs its three pipes and opens nothing.
const MAX_FILES: u64 = 16;
/// Bytes that the child may write to any one file. Its standard error is the only one.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// The newest Landlock version to request. An older kernel enforces what it supports.
const LANDLOCK: ABI = ABI::V6;

/// What the kernel enforces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// System calls are filtered.
    pub seccomp: bool,
    /// Landlock blocks files, networks and other processes too; older kernels do so in part.
    pub landlock: Landlock,
}

/// The extent of Landlock on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Landlock {
    /// All requested restrictions.
    Full,
    /// Part of them, on an older kernel.
    Partial,
    /// None.
    None,
}

/// Gives up everything that decoding does not need.
///
/// # Errors
/// If a limit cannot be set, or the kernel has system call filters but rejects this one.
pub fn confine(limits: &Limits) -> io::Result<Confinement> {
    limit(limits)?;
    // Landlock first, because the filter blocks its system calls.
    let landlock = landlock()?;
    let seccomp = match filter()? {
        Some(filter) => apply(&filter)?,
        None => false,
    };
    Ok(Confinement { seccomp, landlock })
}

/// Whether the kernel supports such filters; if so, this one is now in force.
fn apply(filter: &BpfProgram) -> io::Result<bool> {
    match seccompiler::apply_filter(filter) {
        Ok(()) => Ok(true),
        Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
            if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
        {
            Ok(false)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

fn limit(limits: &Limits) -> io::Result<()> {
    let at_most = |value: u64| Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    setrlimit(Resource::Core, at_most(0))?;
    setrlimit(Resource::Nofile, at_most(MAX_FILES))?;
    setrlimit(Resource::Fsize, at_most(MAX_FILE_BYTES))?;
    setrlimit(Resource::As, at_most(limits.memory_bytes))?;
    if let Some(seconds) = limits.cpu_seconds {
        // The soft limit ends the process with its own signal, which tells the parent the reason.
        let limit = Rlimit {
            current: Some(seconds),
            maximum: Some(seconds.saturating_add(5)),
        };
        setrlimit(Resource::Cpu, limit)?;
    }
    Ok(())
}

/// Denies every file, every connection and every signal to other processes. It does nothing on kernels without
/// Landlock.
fn landlock() -> io::Result<Landlock> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(LANDLOCK)))
        .and_then(|rules| rules.scope(Scope::from_all(LANDLOCK)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(io::Error::other)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::None,
    })
}

/// The system call filter; `None` on unknown processor architectures.
fn filter() -> io::Result<Option<BpfProgram>> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Ok(None);
    };
    let refused = SeccompAction::Errno(refusal());
    let filter = SeccompFilter::new(rules()?, refused, SeccompAction::Allow, arch);
    let filter = filter.and_then(BpfProgram::try_from);
    filter.map(Some).map_err(io::Error::other)
}

/// ENOSYS rather than EPERM: the C library then falls back from `clone3`, whose flags a filter cannot see, to `clone`.
fn refusal() -> u32 {
    libc::ENOSYS.unsigned_abs()
}

fn rules() -> io::Result<BTreeMap<i64, Vec<SeccompRule>>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALWAYS.iter().map(|&call| (call, Vec::new())).collect();
    let compare = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
    };
    let rule = |condition: Result<SeccompCondition, seccompiler::BackendError>| {
        condition
            .and_then(|condition| SeccompRule::new(vec![condition]))
            .map_err(io::Error::other)
    };
    // The three pipes, and no descriptor that the parent may have left open.
    for call in [
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
    ] {
        rules.insert(call, vec![rule(compare(0, SeccompCmpOp::Le, 2))?]);
    }
    // New threads of this process, but no new process.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(
        libc::SYS_clone,
        vec![rule(compare(0, SeccompCmpOp::MaskedEq(thread), thread))?],
    );
    // A thread may name itself. The rest of `prctl`, which could undo much, is blocked.
    let name = u64::from(libc::PR_SET_NAME.unsigned_abs());
    rules.insert(
        libc::SYS_prctl,
        vec![rule(compare(0, SeccompCmpOp::Eq, name))?],
    );
    // A process signals itself to abort.
    let own = u64::from(std::process::id());
    rules.insert(
        libc::SYS_tgkill,
        vec![rule(compare(0, SeccompCmpOp::Eq, own))?],
    );
    Ok(rules)
}

/// Memory, threads, clocks and exit.
const ALWAYS: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
];
