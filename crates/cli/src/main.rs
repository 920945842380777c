//! The program `agon`; see `agon --help`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    agon_cli::main()
}
