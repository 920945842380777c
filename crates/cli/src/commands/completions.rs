//! `agon completions`: what a shell completes after `agon`.

use std::process::ExitCode;

use clap::{Args, CommandFactory, ValueEnum};

use super::output::say_as_is;
use crate::Cli;
use crate::Result;

/// What `agon completions` is asked.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) fn command(asked: &Completions) -> Result<ExitCode> {
    say_as_is(completions(asked.shell).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "agon", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_told_every_command() {
        for &shell in Shell::value_variants() {
            let text = completions(shell);
            for command in Cli::command().get_subcommands() {
                assert!(text.contains(command.get_name()), "{shell:?} lacks {}", command.get_name());
            }
        }
    }
}
