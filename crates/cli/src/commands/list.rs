//! `agon list`: lists the experiments and their claims.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::error::Result;
use crate::output::print_result;
use experiments::claims::ALL;
use experiments::experiment::{Experiment, Info};

/// The arguments of `agon list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// An experiment in the output.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    paper: &'static str,
    title: &'static str,
    claim: &'static str,
}

impl Entry {
    fn new(experiment: &dyn Experiment) -> Self {
        let &Info { name, title, claim, paper, .. } = experiment.info();
        Self { name, paper: paper.name(), title, claim }
    }

    fn text(&self) -> String {
        let Self { name, paper, title, claim } = self;
        format!("{name} ({paper}): {title}\n    {claim}\n")
    }
}

pub(crate) fn command(args: &List) -> Result<ExitCode> {
    let entries: Vec<Entry> = ALL.iter().map(|&experiment| Entry::new(experiment)).collect();
    print_result(args.json, &entries, || entries.iter().map(Entry::text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_paper_the_title_and_the_claim_in_both_forms() {
        for &experiment in ALL {
            let (entry, info) = (Entry::new(experiment), experiment.info());
            let json = serde_json::to_value(&entry).unwrap();
            for (key, value) in [
                ("name", info.name),
                ("paper", info.paper.name()),
                ("title", info.title),
                ("claim", info.claim),
            ] {
                assert_eq!(json[key], value);
                assert!(entry.text().contains(value), "{value}");
            }
        }
    }
}
