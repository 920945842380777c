//! `agon completions`: prints shell completions.

use std::process::ExitCode;

use clap::{Args, Command, ValueEnum};

use crate::error::Result;
use crate::output::print_unescaped;

/// The arguments of `agon completions`.
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

/// Prints the completions of this program.
pub(crate) fn command(args: &Completions, program: &mut Command) -> Result<ExitCode> {
    print_unescaped(completions(args.shell, program).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: Shell, program: &mut Command) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut bytes = Vec::new();
    clap_complete::generate(shell, program, "agon", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn completions_of_every_shell_contain_every_command() {
        for &shell in Shell::value_variants() {
            let mut program = crate::Cli::command();
            let text = completions(shell, &mut program);
            for command in program.get_subcommands() {
                assert!(text.contains(command.get_name()), "{shell:?} lacks {}", command.get_name());
            }
        }
    }
}
