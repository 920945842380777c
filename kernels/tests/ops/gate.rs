//! No operation without its kernels, and no kernel that nobody checks.

use std::collections::BTreeSet;
use std::fs;

use autograd::for_each_op;

/// Operations that need no kernel, each with the reason.
const WITHOUT: &[(&str, &str)] = &[("reshape", "it moves no number")];

macro_rules! names_of {
    ($($module:ident::$op:ident,)*) => {
        const OPERATIONS: &[&str] = &[$(stringify!($module),)*];
    };
}

for_each_op!(names_of);

#[test]
fn every_operation_has_its_kernels_or_says_why_not() {
    let without = WITHOUT.iter().map(|(name, _)| name);
    let known: Vec<&str> = crate::WRITTEN.iter().chain(without).copied().collect();
    let set: BTreeSet<&str> = known.iter().copied().collect();
    assert_eq!(set, OPERATIONS.iter().copied().collect(), "the operations, and those that are known here");
    assert_eq!(set.len(), known.len(), "an operation is known in one way only");
}

#[test]
fn every_file_is_compiled_for_the_emulator() {
    let names = kernels::names();
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "cu") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let entries = text.match_indices("KERNEL(").map(|(at, word)| &text[at + word.len()..]);
        for entry in entries {
            let stem = entry.split(['#', ',']).next().unwrap();
            let compiled = names.iter().any(|name| name == stem || name.starts_with(&format!("{stem}f32")));
            assert!(compiled, "{}: add the file to the list in kernels/build.rs", path.display());
        }
    }
}
