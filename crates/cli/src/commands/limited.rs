//! Reads untrusted files in a child process with limits, since the HDF5 library can hang or crash on them.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// The environment variable set for the child.
const IN_CHILD: &str = "AGON_IN_LIMITED_CHILD";

/// The maximum address space of the child, sufficient for our largest results.
const MAX_MEMORY: u64 = 4 << 30;

/// The exit code of Rust programs after a panic.
const PANICKED: i32 = 101;

/// The interval at which the parent checks whether the child has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Runs the same command line in a child process limited to the time `most` and 4 GiB, and returns its exit code.
/// Returns `None` in the child itself, which then reads `file` under these limits.
///
/// # Errors
/// [`Error::Unreadable`] if the child was stopped or crashed, [`Error::Reader`] if it could not be started or
/// limited.
pub(super) fn run_in_child(file: &Path, most: Duration) -> Result<Option<ExitCode>> {
    let unreadable = |why: String| Error::Unreadable { path: file.into(), why };
    let no_reader = |source| Error::Reader { path: file.into(), source };
    if std::env::var_os(IN_CHILD).is_some() {
        limit_this_process(most).map_err(|error| no_reader(error.into()))?;
        return Ok(None);
    }
    let started = std::env::current_exe().and_then(|program| {
        Command::new(program).args(std::env::args_os().skip(1)).env(IN_CHILD, "1").spawn()
    });
    let mut child = started.map_err(no_reader)?;
    let status = wait(&mut child, most).map_err(no_reader)?;
    match status.map(|status| (status.code(), status.signal())) {
        None => Err(unreadable(format!("reading did not end within {} s", most.as_secs()))),
        Some((Some(PANICKED), _)) => Err(unreadable("the reading process panicked".into())),
        // The child printed the reason; an exit code has 8 bits.
        Some((Some(code), _)) => Ok(Some(ExitCode::from(code as u8))),
        Some((None, signal)) => {
            Err(unreadable(format!("the reading process crashed (signal {})", signal.unwrap_or(0))))
        }
    }
}

/// The status of the child; `None` if it was stopped.
fn wait(child: &mut Child, most: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begin = Instant::now();
    while begin.elapsed() < most {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// Limits CPU time too, for a child whose parent has ended, and disables core dumps.
fn limit_this_process(most: Duration) -> rustix::io::Result<()> {
    for (resource, limit) in
        [(Resource::As, MAX_MEMORY), (Resource::Cpu, most.as_secs().saturating_add(1)), (Resource::Core, 0)]
    {
        let Rlimit { current, maximum } = getrlimit(resource);
        let lower = |known: Option<u64>| Some(known.map_or(limit, |known| known.min(limit)));
        setrlimit(resource, Rlimit { current: lower(current), maximum: lower(maximum) })?;
    }
    Ok(())
}
