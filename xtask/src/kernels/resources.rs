//! The resource usage of each kernel, from the assembler's report.

use serde_json::{Value, json};

/// A kernel compiled for one architecture.
#[derive(Debug, PartialEq)]
pub(super) struct Resources {
    pub(super) name: String,
    pub(super) architecture: String,
    /// Registers per thread.
    pub(super) registers: u32,
    /// Bytes of static shared memory per block.
    pub(super) shared: u32,
    /// Bytes of register spills per thread.
    pub(super) spilled: u32,
    /// Bytes of the stack frame of a thread, which lies in the memory of the GPU.
    pub(super) stack: u32,
}

impl Resources {
    pub(super) fn json(&self) -> Value {
        let Self { name, architecture, registers, shared, spilled, stack } = self;
        json!({ "name": name, "architecture": architecture, "registers": registers, "shared": shared,
                "spilled": spilled, "stack": stack })
    }
}

/// Parses the report of `ptxas -v`.
pub(super) fn of_report(report: &str) -> Vec<Resources> {
    let mut kernels: Vec<Resources> = Vec::new();
    for line in report.lines() {
        if let Some(rest) = line.split("Compiling entry function '").nth(1) {
            let mut quoted = rest.split('\'');
            let (name, architecture) = (quoted.next(), quoted.nth(1));
            let (name, architecture) =
                (name.unwrap_or_default().into(), architecture.unwrap_or_default().into());
            kernels.push(Resources { name, architecture, registers: 0, shared: 0, spilled: 0, stack: 0 });
        } else if let Some(kernel) = kernels.last_mut() {
            let number = |what: &str| number_before(line, what).unwrap_or_default();
            kernel.spilled += number(" bytes spill stores") + number(" bytes spill loads");
            kernel.stack = kernel.stack.max(number(" bytes stack frame"));
            kernel.registers = kernel.registers.max(number(" registers"));
            kernel.shared = kernel.shared.max(number(" bytes smem"));
        }
    }
    kernels
}

fn number_before(line: &str, what: &str) -> Option<u32> {
    line[..line.find(what)?].rsplit(' ').next()?.parse().ok()
}

/// A table with one line per kernel and all architectures side by side, sorted by name.
pub(super) fn table(kernels: &[&Resources]) -> String {
    let mut sorted = kernels.to_vec();
    sorted.sort_by_key(|kernel| (&kernel.name, &kernel.architecture));
    let mut text =
        String::from("kernel: registers, bytes of shared memory, bytes spilled on each architecture\n");
    for of_one in sorted.chunk_by(|a, b| a.name == b.name) {
        text += &format!("  {:42}", of_one[0].name);
        for Resources { architecture, registers, shared, spilled, .. } in of_one {
            text += &format!("  {architecture:>6} {registers:3} {shared:6} {spilled:4}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "ptxas info    : 0 bytes gmem\n\
        ptxas info    : Compiling entry function 'add_f32' for 'sm_80'\n\
        ptxas info    : Function properties for add_f32\n\
        \x20   0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n\
        ptxas info    : Used 18 registers, used 0 barriers, 380 bytes cmem[0]\n\
        ptxas info    : Compiling entry function 'sum_f16' for 'sm_90a'\n\
        ptxas info    : Function properties for sum_f16\n\
        \x20   24 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\n\
        ptxas info    : Used 255 registers, used 1 barriers, 1024 bytes smem\n";

    #[test]
    fn registers_shared_memory_and_spills_are_read_from_the_report() {
        let of = |name: &str, architecture: &str, registers, shared, spilled, stack| Resources {
            name: name.into(),
            architecture: architecture.into(),
            registers,
            shared,
            spilled,
            stack,
        };
        let expected = [of("add_f32", "sm_80", 18, 0, 0, 0), of("sum_f16", "sm_90a", 255, 1024, 20, 24)];
        assert_eq!(of_report(REPORT), expected);
    }

    #[test]
    fn the_table_has_a_line_for_each_kernel() {
        let mut kernels = of_report(REPORT);
        kernels.extend(of_report(&REPORT.replace("'sm_80'", "'sm_90a'").replace("sum_f16", "sub_f16")));
        let table = table(&kernels.iter().collect::<Vec<_>>());
        let lines: Vec<&str> = table.lines().skip(1).collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[0].contains("sm_80  18") && lines[0].contains("sm_90a  18"), "{table}");
    }
}
