//! Free and total memory.

use std::path::Path;

/// The free memory in bytes, within the limits of the process (`ulimit -v`, `ulimit -d`) and of its control group;
/// `None` if unknown.
pub fn free_memory() -> Option<u64> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let (limits, status) = (read("/proc/self/limits"), read("/proc/self/status"));
    let within = |limit: &str, used: &str| left(limited(&limits, limit), kilobytes(&status, used));
    let found = [
        available(&read("/proc/meminfo")),
        within("Max address space", "VmSize:"),
        within("Max data size", "VmData:"),
        of_groups(&read("/proc/self/cgroup"), &read),
    ];
    found.into_iter().flatten().min()
}

/// The total memory of the machine in bytes; `None` if unknown.
pub fn total_memory() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// The unused part of a limit; `None` without a limit.
fn left(limit: Option<u64>, used: Option<u64>) -> Option<u64> {
    Some(limit?.saturating_sub(used.unwrap_or(0)))
}

/// The soft limit of this name in `/proc/self/limits`, in bytes; `None` if it is unlimited.
fn limited(limits: &str, name: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// The value of a line of `/proc/self/status` in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The free memory within the control group of the process and its ancestors; reclaimable page cache counts as free.
fn of_groups(of_process: &str, read: &impl Fn(&str) -> String) -> Option<u64> {
    let own = of_process.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |text: String| text.trim().parse::<u64>().ok();
    let of_group = |group: &Path| {
        let file = |name: &str| read(&format!("/sys/fs/cgroup{}/{name}", group.display()).replace("//", "/"));
        let stat = file("memory.stat");
        let dropped = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse().ok());
        let used = number(file("memory.current")).map(|used| used.saturating_sub(dropped.unwrap_or(0)));
        left(number(file("memory.max")), used)
    };
    Path::new(own).ancestors().filter_map(of_group).min()
}

/// The line `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    kilobytes(meminfo, "MemAvailable:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_parsed() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   12 kB\n"), Some(12 * 1024));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn limits_of_the_process_and_of_its_groups_count() {
        let limits = "Max cpu time              unlimited            unlimited            seconds   \n\
                      Max data size             unlimited            unlimited            bytes     \n\
                      Max address space         1048576              unlimited            bytes     \n";
        assert_eq!(limited(limits, "Max address space"), Some(1_048_576));
        assert_eq!(limited(limits, "Max data size"), None);
        assert_eq!(
            left(limited(limits, "Max address space"), kilobytes("VmSize:\t  24 kB\n", "VmSize:")),
            Some(1_024_000)
        );
        assert_eq!(left(Some(5), Some(9)), Some(0));
        let read = |file: &str| match file {
            "/sys/fs/cgroup/a/b/memory.max" => "max\n".to_owned(),
            "/sys/fs/cgroup/a/memory.max" => "1000\n".to_owned(),
            "/sys/fs/cgroup/a/memory.current" => "700\n".to_owned(),
            "/sys/fs/cgroup/a/memory.stat" => "anon 600\ninactive_file 100\n".to_owned(),
            _ => String::new(),
        };
        assert_eq!(of_groups("0::/a/b\n", &read), Some(400));
        assert_eq!(of_groups("0::/\n", &read), None);
        assert_eq!(of_groups("", &read), None);
    }
}
