//! Rule: every kernel of this repository has a CUDA launch; the default of `Kernel::launch` is for kernels of other crates.

use super::Finding;
use super::tree::Tree;

/// The folders of the kernels.
const FOLDERS: [&str; 4] =
    ["crates/tensor/src/", "crates/autograd/src/", "crates/models/src/", "crates/data/src/"];

pub(super) fn of_every_kernel(tree: &Tree) -> Vec<Finding> {
    let ours =
        tree.ending_with(".rs").filter(|(path, _)| FOLDERS.iter().any(|folder| path.starts_with(folder)));
    ours.flat_map(|(path, text)| of_file(path, text)).collect()
}

/// Kernels in test modules are indented, and may lack a launch.
fn of_file(path: &str, text: &str) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let is_kernel = |line: &str| {
        let named = [" Kernel<", "::Kernel<", " Update<", "::Update<"].iter().any(|name| line.contains(name));
        named && line.starts_with("impl") && line.contains(" for ")
    };
    let found = lines.iter().enumerate().filter(|(at, line)| {
        is_kernel(line)
            && !lines[*at..].iter().take_while(|line| **line != "}").any(|line| line.contains("fn launch("))
    });
    found
        .map(|(at, _)| Finding::new(path, at + 1, "no CUDA launch; write `fn launch` and its kernel"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_launch_is_reported_except_in_tests() {
        let launch = "    fn launch(&self) {}\n";
        for (text, n_findings) in [
            (format!("impl Kernel<1, 1> for Relu {{\n{launch}}}\n"), 0),
            (format!("impl Kernel<1, 1> for Relu {{\n}}\nimpl Relu {{\n{launch}}}\n"), 1),
            ("impl<'a> tensor::Update<2, 1> for Step<'a> {\n}\n".into(), 1),
            ("mod tests {\n    impl Kernel<1, 1> for Sum {\n    }\n}\n".into(), 0),
            ("pub trait Kernel<const N: usize> {\n}\n".into(), 0),
        ] {
            for (path, counts) in
                [("crates/autograd/src/ops/relu.rs", n_findings), ("tests/outside/src/lib.rs", 0)]
            {
                assert_eq!(of_every_kernel(&Tree::of([(path, &*text)])).len(), counts, "{path}: {text}");
            }
        }
    }
}
