//! What a decoding child gives up before it looks at the first byte of a video.
//!
//! Limits bound what it takes. A system call filter (seccomp) leaves it memory, threads, clocks and its three pipes;
//! no file, no network, no other process. Landlock denies the same on a second level. Both come before the child has
//! a second thread, so that all of them are bound.

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

/// Files the child may have open. It needs its three pipes, and opens nothing.
const MAX_FILES: u64 = 16;
/// Bytes the child may write to any one file: there is only its standard error.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// The newest Landlock that is asked for; an older kernel gives what it has.
const LANDLOCK: ABI = ABI::V6;

/// What the kernel gave of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// System calls are filtered.
    pub seccomp: bool,
    /// Files, networks and other processes are out of reach by Landlock as well: all of it, or part on older kernels.
    pub landlock: Landlock,
}

/// How far Landlock goes on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Landlock {
    /// All that was asked for.
    Full,
    /// Part of it: an older kernel.
    Partial,
    /// Nothing.
    None,
}

/// Gives up what decoding does not need.
///
/// # Errors
/// If a limit cannot be set, or the kernel has system call filters and refuses this one.
pub fn confine(limits: &Limits) -> io::Result<Confinement> {
    limit(limits)?;
    // Landlock first: the filter leaves no way to ask for it.
    let landlock = landlock()?;
    let seccomp = match filter()? {
        Some(filter) => apply(&filter)?,
        None => false,
    };
    Ok(Confinement { seccomp, landlock })
}

/// Whether the kernel has such filters; then this one holds from now on.
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
        // The soft limit ends the process with a signal of its own, which tells the parent why.
        let limit = Rlimit {
            current: Some(seconds),
            maximum: Some(seconds.saturating_add(5)),
        };
        setrlimit(Resource::Cpu, limit)?;
    }
    Ok(())
}

/// Denies every file, every connection and every signal to others. Kernels without Landlock give nothing.
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

/// The filter of system calls; none on processors that it does not know.
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
    // Threads of this process, and no process.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(
        libc::SYS_clone,
        vec![rule(compare(0, SeccompCmpOp::MaskedEq(thread), thread))?],
    );
    // A thread may name itself; nothing else of `prctl`, which could undo much.
    let name = u64::from(libc::PR_SET_NAME.unsigned_abs());
    rules.insert(
        libc::SYS_prctl,
        vec![rule(compare(0, SeccompCmpOp::Eq, name))?],
    );
    // To abort, a process signals itself.
    let own = u64::from(std::process::id());
    rules.insert(
        libc::SYS_tgkill,
        vec![rule(compare(0, SeccompCmpOp::Eq, own))?],
    );
    Ok(rules)
}

/// Memory, threads, clocks and the end.
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
