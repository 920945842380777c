//! The program `agon`: its commands, its progress display and its export to TensorBoard.
#![forbid(unsafe_code)]

mod commands;
mod error;
mod progress;
pub mod provenance;
mod tensorboard;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use system::{terminal, text};

use self::commands::advise::Advise;
use self::commands::completions::Completions;
use self::commands::data_sets::DataSets;
use self::commands::doctor::Doctor;
use self::commands::eval::Eval;
use self::commands::export::Export;
use self::commands::inspect::Inspect;
use self::commands::list::List;
use self::commands::plan::Plan;
use self::commands::probe::Probe;
use self::commands::report::Report;
use self::commands::reproduce::Reproduce;
use self::commands::run::ComputeRuns;
use self::commands::runs::Runs;
use self::commands::train::Train;
use self::error::Result;
use runs::local::start_threads;

/// Do classification and reconstruction help or hurt each other inside a shared representation?
///
/// Exit codes: 0 when all runs and exact facts are good, whatever the verdicts on the papers' claims; 1 on a
/// failure; 2 when the command asks for something that does not exist; 3 when there are too few images for `agon
/// advise`; 4 when the disk is full: free some space and call it again.
#[derive(Parser)]
#[command(name = "agon", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run what is missing, draw the figures, judge the claims, write the page
    Reproduce(Reproduce),
    /// Run what is missing, here or on a cluster, and draw nothing
    Run(ComputeRuns),
    /// Draw, judge and write the page again from stored results, without data and without a run
    #[command(visible_alias = "draw")]
    Report(Report),
    /// Say what would be run and for how long, and write nothing
    Plan(Plan),
    /// Train one model on one data set, and keep it where `agon reproduce` keeps its runs
    ///
    /// A run is found again by its config, its seed and its images: what was computed before is not computed twice, and
    /// what was stopped goes on where it was.
    Train(Train),
    /// Say how a finished run does on test images, class by class
    Eval(Eval),
    /// Say what simple probes find in the frozen latent of a finished run
    Probe(Probe),
    /// List the experiments and what they show
    List(List),
    /// Say which data sets are here, and whether they are the published ones
    Data(DataSets),
    /// Say whether the main job can run on this machine, and what to do if not
    ///
    /// A line that says `note` costs speed or results, one that says `problem` stops the main job, `agon reproduce`:
    /// then the exit code is 1.
    Doctor(Doctor),
    /// Say what a results file holds: its axes and arrays, with their units, ranges and gaps
    Inspect(Inspect),
    /// Say what the run store holds
    Runs(Runs),
    /// Write a finished run for other programs: its parameters for PyTorch, or its curves for TensorBoard
    ///
    /// Parameters go to a safetensors file. A name is the place of a layer in a part of the model, as in `encoder.0.weight`: a PyTorch module with the same
    /// layers at the same places takes the file as its `state_dict`. An older file of that name is replaced.
    Export(Export),
    /// Say which masking, if any, should help with your own labelled images: closed forms, no training
    ///
    /// Masks are chosen on one half of the images and judged on the other. Where there are fewer than five images a pixel
    /// there is no advice, and the exit code is 3.
    Advise(Advise),
    /// Print the completions for a shell
    ///
    /// Save them where the shell looks: ~/.local/share/bash-completion/completions/agon for bash, _agon in a folder of
    /// $fpath for zsh, ~/.config/fish/completions/agon.fish for fish.
    Completions(Completions),
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    // Without a handler the system would end the program where a file reaches `ulimit -f`; with one, the write is an
    // error like that of a full disk. Where the system takes no handler, all else works.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let answered = match Cli::try_parse() {
        Ok(Cli { command }) => started(&command).and_then(|()| answer(&command)),
        Err(message) => told(&message),
    };
    answered.unwrap_or_else(|error| {
        terminal::notes(&format!("error: {}", error.message()));
        ExitCode::from(error.exit_code())
    })
}

/// Prints help, the version or what is wrong with the command line, where errors of usage have exit code 2.
fn told(message: &clap::Error) -> Result<ExitCode> {
    match message.use_stderr() {
        // It repeats what was typed, which may be the name of a file from anywhere: asked again with each argument as
        // one line, it says the same of the escaped ones.
        true => {
            let shown = std::env::args_os().map(|typed| text::line(&typed.to_string_lossy()).into_owned());
            let again = Cli::try_parse_from(shown).err();
            terminal::notes(again.as_ref().unwrap_or(message).render().to_string().trim_end());
        }
        false => commands::output::say_help(message)?,
    }
    Ok(ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2)))
}

/// Starts the threads that computing commands share.
fn started(command: &Command) -> Result<()> {
    match command {
        Command::List(_)
        | Command::Runs(_)
        | Command::Inspect(_)
        | Command::Export(_)
        | Command::Completions(_) => Ok(()),
        // It reports what is missing itself.
        Command::Doctor(_) => Ok(()),
        _ => Ok(start_threads()?),
    }
}

fn answer(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Reproduce(asked) => commands::reproduce::command(asked),
        Command::Run(asked) => commands::run::command(asked),
        Command::Report(asked) => commands::report::command(asked),
        Command::Train(asked) => commands::train::command(asked),
        Command::Eval(asked) => commands::eval::command(asked),
        Command::Probe(asked) => commands::probe::command(asked),
        Command::Plan(asked) => commands::plan::command(asked),
        Command::List(asked) => commands::list::command(asked),
        Command::Data(asked) => commands::data_sets::command(asked),
        Command::Doctor(asked) => commands::doctor::command(asked),
        Command::Inspect(asked) => commands::inspect::command(asked),
        Command::Runs(asked) => commands::runs::command(asked),
        Command::Export(asked) => commands::export::command(asked),
        Command::Advise(asked) => commands::advise::command(asked),
        Command::Completions(asked) => commands::completions::command(asked, &mut Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_commands_fit_together_and_each_says_what_it_does() {
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
    fn a_slip_in_a_command_is_answered_with_the_nearest() {
        for (slip, meant) in [("docter", "doctor"), ("inspekt", "inspect"), ("completion", "completions")] {
            let error = Cli::try_parse_from(["agon", slip]).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidSubcommand);
            assert!(error.to_string().contains(&format!("'{meant}'")), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
