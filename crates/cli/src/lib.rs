//! The program `agon`: its commands, its progress display and its export to TensorBoard.
#![forbid(unsafe_code)]

mod commands;
mod error;
mod output;
mod program;
mod progress;
pub mod provenance;
mod tensorboard;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use system::exit::ExitStatus;
use system::{terminal, text};

use self::commands::advise::Advise;
use self::commands::compare::Compare;
use self::commands::completions::Completions;
use self::commands::data_sets::DataSets;
use self::commands::doctor::Doctor;
use self::commands::eval::Eval;
use self::commands::export::Export;
use self::commands::graph::Graph;
use self::commands::inspect::Inspect;
use self::commands::list::List;
use self::commands::plan::Plan;
use self::commands::probe::Probe;
use self::commands::report::Report;
use self::commands::reproduce::Reproduce;
use self::commands::run::ComputeRuns;
use self::commands::runs::Runs;
use self::commands::sweep::Sweep;
use self::commands::train::Train;
use self::commands::why::Why;
use self::error::Result;
use runs::local::start_threads;

/// Trains and evaluates models that classify and reconstruct from one latent: do the two tasks help or hurt each other?
#[derive(Parser)]
#[command(name = "agon", version, after_help = exit_codes())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compute missing runs, draw the figures, evaluate the claims, write the page
    Reproduce(Reproduce),
    /// Compute missing runs, here or on a cluster, without drawing figures
    Run(ComputeRuns),
    /// Rebuild figures, verdicts and the page from stored results, without data and without training
    #[command(visible_alias = "draw")]
    Report(Report),
    /// Print which runs would be computed and an estimate of the time, without writing anything
    Plan(Plan),
    /// Train one model on one data set, stored where `agon reproduce` stores its runs
    ///
    /// A run is identified by its config, its seed and its images: a stored run is not computed again, and an
    /// interrupted one is resumed.
    Train(Train),
    /// Train presets over values, data sets and seeds; print and draw means and paired differences
    ///
    /// Several values of a key are separated by commas, as in `lambda=0,0.5,1`. Stored runs are reused, and an
    /// interrupted sweep is resumed.
    Sweep(Sweep),
    /// Evaluate a finished run on test images, class by class
    Eval(Eval),
    /// Evaluate simple probes of the frozen latent of a finished run
    Probe(Probe),
    /// Draw one training step of a CRE: operations, shapes, saved bytes, FLOPs and gradient norms
    ///
    /// The step is the first of a run with these settings, on a random batch. Without a file the operations are printed as a table.
    Graph(Graph),
    /// List the experiments and their claims
    List(List),
    /// List, download and verify data sets
    Data(DataSets),
    /// Check whether `agon reproduce` can run on this machine, with the next step if it cannot
    ///
    /// A line marked `note` reports a cause of slow training or missing results, a line marked `problem` one that
    /// prevents `agon reproduce`; then the exit code is 1.
    Doctor(Doctor),
    /// Print the content of a results file: its axes and arrays, with their units, ranges and missing values
    Inspect(Inspect),
    /// Compare two runs, sweeps or results files: their values, and the lines in which their configs differ
    Compare(Compare),
    /// Explain what the key of a run depends on, and why the run is reused or recomputed
    Why(Why),
    /// List the stored runs
    Runs(Runs),
    /// Export a finished run: its parameters for PyTorch, or its curves for TensorBoard
    ///
    /// Parameters go to a safetensors file. A name is the index of a layer in a part of the model, as in
    /// `encoder.0.weight`: a PyTorch module with the same layers at the same indices loads the file as its
    /// `state_dict`. An existing file of that name is replaced.
    Export(Export),
    /// Predict which masking, if any, should help with your own labelled images, by closed forms without training
    ///
    /// Masks are selected on one half of the images and evaluated on the other. With fewer than five images per pixel
    /// there is no advice, and the exit code is 3.
    Advise(Advise),
    /// Print the completions for a shell
    ///
    /// Save them where the shell looks: ~/.local/share/bash-completion/completions/agon for bash, _agon in a folder of
    /// $fpath for zsh, ~/.config/fish/completions/agon.fish for fish.
    Completions(Completions),
}

/// The table of exit codes, for the help.
fn exit_codes() -> String {
    let line = |status: ExitStatus| format!("\n  {}  {}", status.code(), status.meaning());
    let lines: String = ExitStatus::ALL.into_iter().map(line).collect();
    format!("Exit codes:{lines}")
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    // Without a handler the system would end the program where a file reaches `ulimit -f`; with one, the write is an
    // error like that of a full disk. If no handler can be installed, everything else still works.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let result = match Cli::try_parse() {
        Ok(Cli { command }) => start_threads_for(&command).and_then(|()| run(&command)),
        Err(message) => print_message(&message),
    };
    result.unwrap_or_else(|error| {
        terminal::notes(&format!("error: {}", error.message()));
        error.exit_status().into()
    })
}

/// Prints help, the version or a usage error, which has exit code 2.
fn print_message(message: &clap::Error) -> Result<ExitCode> {
    match message.use_stderr() {
        // The message repeats arguments, which may contain control characters: parsing the escaped arguments gives
        // the same message with safe text.
        true => {
            let shown = std::env::args_os().map(|typed| text::line(&typed.to_string_lossy()).into_owned());
            let again = Cli::try_parse_from(shown).err();
            terminal::notes(again.as_ref().unwrap_or(message).render().to_string().trim_end());
        }
        false => output::print_help(message)?,
    }
    Ok(ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2)))
}

/// Starts the global thread pool for commands that compute.
fn start_threads_for(command: &Command) -> Result<()> {
    match command {
        Command::List(_)
        | Command::Runs(_)
        | Command::Inspect(_)
        | Command::Compare(_)
        | Command::Export(_)
        | Command::Completions(_) => Ok(()),
        // `agon doctor` itself reports threads that cannot start.
        Command::Doctor(_) => Ok(()),
        Command::Train(args) => Ok(start_threads(args.threads)?),
        _ => Ok(start_threads(None)?),
    }
}

fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Reproduce(args) => commands::reproduce::command(args),
        Command::Run(args) => commands::run::command(args),
        Command::Report(args) => commands::report::command(args),
        Command::Train(args) => commands::train::command(args),
        Command::Sweep(args) => commands::sweep::command(args),
        Command::Eval(args) => commands::eval::command(args),
        Command::Probe(args) => commands::probe::command(args),
        Command::Graph(args) => commands::graph::command(args),
        Command::Plan(args) => commands::plan::command(args),
        Command::List(args) => commands::list::command(args),
        Command::Data(args) => commands::data_sets::command(args),
        Command::Doctor(args) => commands::doctor::command(args),
        Command::Inspect(args) => commands::inspect::command(args),
        Command::Compare(args) => commands::compare::command(args),
        Command::Why(args) => commands::why::command(args),
        Command::Runs(args) => commands::runs::command(args),
        Command::Export(args) => commands::export::command(args),
        Command::Advise(args) => commands::advise::command(args),
        Command::Completions(args) => commands::completions::command(args, &mut Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn all_commands_and_arguments_are_valid_and_have_help() {
        let mut program = Cli::command();
        program.build();
        program.clone().debug_assert();
        for command in program.get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }

    #[test]
    fn for_a_misspelt_command_the_nearest_is_suggested() {
        for (slip, meant) in [("docter", "doctor"), ("inspekt", "inspect"), ("completion", "completions")] {
            let error = Cli::try_parse_from(["agon", slip]).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidSubcommand);
            assert!(error.to_string().contains(&format!("'{meant}'")), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
