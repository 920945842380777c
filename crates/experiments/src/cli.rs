//! The command line of the program `agon`: what it can be asked, and who answers.

// What all answers share.
mod output;
mod columns;
mod limited;
mod selection;
mod engine;
mod pictures;
mod fitting;
mod values;
mod stored;

// The main job, and what goes with it.
mod reproduce;
mod run;
mod report;
mod plan;

// One run, and what came of it.
mod train;
mod eval;
mod probe;

// Looking around.
mod list;
mod data_sets;
mod doctor;

// What is stored.
mod inspect;
mod runs;
mod export;

mod completions;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use system::{terminal, text};

use self::completions::Completions;
use self::data_sets::DataSets;
use self::doctor::Doctor;
use self::eval::Eval;
use self::export::Export;
use self::inspect::Inspect;
use self::list::List;
use self::plan::Plan;
use self::probe::Probe;
use self::report::Report;
use self::reproduce::Reproduce;
use self::run::ComputeRuns;
use self::runs::Runs;
use self::train::Train;
use crate::Result;
use crate::advise::{self, Advise};
use crate::engine::start_threads;

/// Do classification and reconstruction help or hurt each other inside a shared representation?
///
/// Exit codes: 0 when all runs and exact facts are good, whatever the verdicts on the papers' claims; 1 on a
/// failure; 2 when the command asks for something that does not exist; 4 when the disk is full: free some space and
/// call it again.
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
        false => output::say_help(message)?,
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
        _ => start_threads(),
    }
}

fn answer(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Reproduce(asked) => reproduce::command(asked),
        Command::Run(asked) => run::command(asked),
        Command::Report(asked) => report::command(asked),
        Command::Train(asked) => train::command(asked),
        Command::Eval(asked) => eval::command(asked),
        Command::Probe(asked) => probe::command(asked),
        Command::Plan(asked) => plan::command(asked),
        Command::List(asked) => list::command(asked),
        Command::Data(asked) => data_sets::command(asked),
        Command::Doctor(asked) => doctor::command(asked),
        Command::Inspect(asked) => inspect::command(asked),
        Command::Runs(asked) => runs::command(asked),
        Command::Export(asked) => export::command(asked),
        Command::Advise(asked) => advise::command(asked),
        Command::Completions(asked) => completions::command(asked),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
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
