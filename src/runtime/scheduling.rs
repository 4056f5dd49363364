//! How the kernel shares processors among the threads of this process.

use std::io;

/// A thread that wakes another keeps its processor until it waits itself: for this thread and all threads that it starts.
///
/// A commit wakes threads of librdkafka forty times. By default the kernel often runs the woken thread in place of its waker,
/// which then needs the processor again for a few instructions before it waits: that is two more changes of threads.
/// `SCHED_BATCH` is the ordinary policy without this preemption; shares and niceness stay the same (sched(7)). It needs no
/// privilege.
///
/// # Errors
/// The kernel or a sandbox refuses it. Then nothing has changed.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a system call that std does not have")]
pub(crate) fn wake_without_preempting() -> io::Result<()> {
    // SAFETY: any bytes are a `sched_param`; all zero is what a policy without priorities wants.
    let ordinary: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: 0 is the calling thread, and the kernel only reads the parameter.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const ordinary) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Nothing to do elsewhere.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn wake_without_preempting() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The scheduling policy of the calling thread, as the kernel reports it: field 41 of `stat` (proc(5)).
    fn policy() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux has it");
        let behind_name = stat.rsplit_once(')').expect("the name is in brackets").1;
        behind_name.split_whitespace().nth(38).expect("41 fields").to_owned()
    }

    #[test]
    fn threads_that_are_started_later_inherit_the_policy() {
        const SCHED_BATCH: &str = "3";
        let policies = std::thread::spawn(|| {
            wake_without_preempting().expect("needs no privilege");
            (policy(), std::thread::spawn(policy).join().expect("it ends"))
        });
        let (own, inherited) = policies.join().expect("it ends");
        assert_eq!((own.as_str(), inherited.as_str()), (SCHED_BATCH, SCHED_BATCH));
    }
}
