//! `cargo xtask`: commands to set up, run, test and check this repository.

#![forbid(unsafe_code)]

mod repo;

mod setup;

mod forward;

mod ci;
mod tidy;
mod mutants;
mod prove;
mod gpu;
mod kernels;

mod book;
mod learn;

use std::ffi::OsString;
use std::process::ExitCode;
use system::note;

use clap::{Args, Parser, Subcommand};

use repo::Repo;

/// Sets up, runs, tests and checks this repository
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the compilers and install cmake into .tools (commands that build do this when needed)
    Setup,
    /// Build the program `agon` and run `agon reproduce ARGUMENT...`
    #[command(disable_help_flag = true)]
    Reproduce(Forwarded),
    /// Build the program `agon` and run `agon report ARGUMENT...`: the committed results, without training
    #[command(disable_help_flag = true)]
    Report(Forwarded),
    /// Run all tests: `cargo test --release --workspace ARGUMENT...`
    #[command(disable_help_flag = true)]
    Test(Forwarded),
    /// Run every check; stops at the first failure
    Ci(ci::Options),
    /// Check repository rules, such as the dependencies between crates
    Tidy,
    /// Compile the CUDA kernels into target/kernels, without a GPU; fails if a hot kernel spills registers
    Kernels(kernels::Options),
    /// Run the GPU tests, the memory checkers and the comparison with PyTorch on a GPU
    Gpu(gpu::Options),
    /// Plant gradient bugs in a copy of the sources, one at a time; fails if the tests miss one
    Mutants(mutants::Options),
    /// Run the reliability tests and write RELIABILITY.json and its table in book/reliability.md
    Prove(prove::Options),
    /// Run the tests of the crate with unsafe code under AddressSanitizer
    AddressSanitizer,
    /// Run the book's Python scripts, and build its pages if mdBook is installed; needs a network the first time
    Book(book::Options),
    /// Do the exercises of the book: `list`, `start N`, `check N`, `hint N`, `watch`
    Learn(learn::Options),
    /// Time training steps against PyTorch: builds and runs the program `side-by-side` of `benches`
    #[command(disable_help_flag = true)]
    Peers(Forwarded),
}

/// Arguments for another program, including `--help`.
#[derive(Debug, Args)]
struct Forwarded {
    /// Passed on unchanged
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Exit codes: 0 success, 1 failure, 2 usage error; `reproduce`, `report` and `peers` return the code of their program.
fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let command = parse(&words).unwrap_or_else(|error| error.exit());
    run(command).unwrap_or_else(|error| {
        note!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn parse(words: &[OsString]) -> Result<Command, clap::Error> {
    let mut command = Cli::try_parse_from(words)?.command;
    if let Command::Reproduce(to) | Command::Report(to) | Command::Test(to) | Command::Peers(to) =
        &mut command
    {
        // clap drops the first `--`, which `cargo xtask test -- --nocapture` needs.
        to.arguments = words[2..].to_vec();
    }
    Ok(command)
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let repo = Repo::of_this_program()?;
    match command {
        Command::Reproduce(Forwarded { arguments }) => return forward::agon(&repo, "reproduce", &arguments),
        Command::Report(Forwarded { arguments }) => return forward::agon(&repo, "report", &arguments),
        Command::Peers(Forwarded { arguments }) => return forward::peers(&repo, &arguments),
        Command::Learn(options) => return learn::run(&repo, &options),
        Command::Setup => setup::run(&repo),
        Command::Test(Forwarded { arguments }) => forward::test(&repo, &arguments),
        Command::Ci(options) => ci::run(&repo, &options),
        Command::Tidy => tidy::run(&repo),
        Command::Kernels(options) => kernels::run(&repo, &options),
        Command::Gpu(options) => gpu::run(&repo, &options),
        Command::Mutants(options) => mutants::run(&repo, &options),
        Command::Prove(options) => prove::run(&repo, &options),
        Command::AddressSanitizer => prove::address_sanitizer(&repo),
        Command::Book(options) => book::run(&repo, &options),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        let words: Vec<OsString> =
            ["xtask"].into_iter().chain(line.split_whitespace()).map(Into::into).collect();
        parse(&words)
    }

    #[test]
    fn the_command_line_is_well_defined() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_reaches_the_program_behind_a_command() {
        for line in ["--help", "--only fc -s seeds=[7]", "-- --nocapture"] {
            for command in ["reproduce", "report", "test", "peers"] {
                let (Command::Reproduce(Forwarded { arguments })
                | Command::Report(Forwarded { arguments })
                | Command::Test(Forwarded { arguments })
                | Command::Peers(Forwarded { arguments })) = parsed(&format!("{command} {line}")).unwrap()
                else {
                    unreachable!("these commands forward their arguments")
                };
                assert!(arguments.iter().eq(line.split_whitespace()), "{command} {line}: {arguments:?}");
            }
        }
    }

    #[test]
    fn usage_errors_have_exit_code_2_and_suggest_the_nearest_command() {
        let error = parsed("reproduse").unwrap_err();
        assert!(error.to_string().contains("'reproduce'") && error.exit_code() == 2, "{error}");
        for line in
            ["", "setup --fast", "tidy --fast", "mutants --fast", "prove --only R99", "ci --budget soon"]
        {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
