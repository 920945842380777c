//! Describes the machine of a benchmark, and measures its load.

use std::fs::read_to_string;
use std::path::Path;
use std::thread::available_parallelism;

use serde_json::{Value, json};
use xshell::{Shell, cmd};

/// The unit of CPU time in `/proc`: hundredths of a second.
const TICKS_A_SECOND: f64 = 100.0;

pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// The busy time of all CPU cores since boot in seconds, including time stolen by other virtual machines; `None` if the
/// system does not report it.
pub(crate) fn busy_s() -> Option<f64> {
    busy_in(&read_to_string("/proc/stat").ok()?)
}

/// The first line is `cpu user nice system idle iowait irq softirq steal ...`.
fn busy_in(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else { return None };
    let busy = user + nice + system + irq + softirq + steal;
    (busy > 0.0).then_some(busy / TICKS_A_SECOND)
}

/// The context of the measurements: CPU, system, compiler, commit.
pub(crate) fn describe(root: &Path) -> anyhow::Result<Value> {
    let sh = Shell::new()?;
    sh.change_dir(root);
    let said = |program: &str, arguments: &[&str]| sh.cmd(program).args(arguments).quiet().read().ok();
    Ok(json!({
        "cpu": cpu_model(),
        "cores": cores(),
        "system": said("uname", &["-srm"]),
        "rustc": said("rustc", &["--version"]),
        "commit": said("git", &["rev-parse", "HEAD"]),
        "changed_files": said("git", &["status", "--porcelain"]).map(|text| text.lines().count()),
        "load_average": read_to_string("/proc/loadavg").ok().map(|text| text.trim().to_owned()),
    }))
}

fn cpu_model() -> Option<String> {
    let info = read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The date, as `YYYY-MM-DD`.
pub(crate) fn today() -> anyhow::Result<String> {
    let sh = Shell::new()?;
    Ok(cmd!(sh, "date +%F").quiet().read()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_is_all_but_idle_and_waiting() {
        assert_eq!(busy_in("cpu  100 20 30 900 900 1 2 47 0 0\ncpu0 1\n"), Some(2.0));
    }

    #[test]
    fn an_unreported_load_is_none_and_not_zero() {
        assert_eq!(busy_in("cpu  0 0 0 0 0 0 0 0 0 0\n"), None);
        assert_eq!(busy_in("intr 1"), None);
        assert_eq!(busy_in(""), None);
    }

    #[test]
    fn dates_have_the_form_yyyy_mm_dd() {
        let day = today().unwrap();
        assert_eq!((day.len(), day.matches('-').count()), (10, 2), "{day}");
    }
}
