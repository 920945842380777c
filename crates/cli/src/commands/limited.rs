//! Files from elsewhere are read in a child process with limits: the HDF5 library can hang or crash on them.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, Result};

/// Set for the child.
const IN_CHILD: &str = "AGON_IN_LIMITED_CHILD";

/// Address space of the child: room for our largest results, and no more than a machine can spare.
const MOST_MEMORY: u64 = 4 << 30;

/// What Rust's programs end with after a panic.
const PANICKED: i32 = 101;

/// How often the parent looks whether the child has ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Gives the same command line to a child process that may take so much time and 4 GiB, and says what it ended with.
/// `None` is for the child itself, which now has these limits and goes on to read `file`.
///
/// # Errors
/// [`Error::Unreadable`] if the child had to be stopped or crashed, [`Error::Reader`] if it could not be started or
/// limited.
pub(super) fn answer_of_child(file: &Path, most: Duration) -> Result<Option<ExitCode>> {
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
        None => Err(unreadable(format!("the reader had not ended after {} s", most.as_secs()))),
        Some((Some(PANICKED), _)) => Err(unreadable("the reader panicked".into())),
        // It said why; a code has 8 bits.
        Some((Some(code), _)) => Ok(Some(ExitCode::from(code as u8))),
        Some((None, signal)) => {
            Err(unreadable(format!("the reader crashed (signal {})", signal.unwrap_or(0))))
        }
    }
}

/// How the child ended; `None` if it had to be stopped.
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

/// The processor's time is limited too, for a child whose parent has gone; and a crash leaves no copy of the memory.
fn limit_this_process(most: Duration) -> rustix::io::Result<()> {
    for (resource, wanted) in
        [(Resource::As, MOST_MEMORY), (Resource::Cpu, most.as_secs().saturating_add(1)), (Resource::Core, 0)]
    {
        let Rlimit { current, maximum } = getrlimit(resource);
        let lower = |known: Option<u64>| Some(known.map_or(wanted, |known| known.min(wanted)));
        setrlimit(resource, Rlimit { current: lower(current), maximum: lower(maximum) })?;
    }
    Ok(())
}
