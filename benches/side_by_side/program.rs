//! A program of the comparison, and its protocol.
//!
//! It is started with `--workload W --mode train|infer --threads N --variant V --batch B`, builds the model, warms
//! up, and prints `{"ready": true, "peer", "version", "variant", "params", "batch", "loss"}`. For every line
//! `window S` it runs whole steps for at least S seconds and prints `{"steps", "wall_s", "cpu_s", "loss"}`. At
//! `quit` it prints `{"peak_rss_mib"}`, its peak resident memory, and ends.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::workloads::Work;

/// How to start a program.
pub(crate) struct Launch {
    pub(crate) peer: String,
    pub(crate) variant: &'static str,
    pub(crate) command: Vec<OsString>,
}

/// The ready line of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ready {
    pub(crate) version: String,
    /// The number of trainable parameters.
    pub(crate) params: u64,
    /// Images per step.
    pub(crate) batch: u64,
    pub(crate) loss: f64,
}

/// One window: complete steps and their time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) steps: u64,
    pub(crate) wall_s: f64,
    /// CPU time of the program, over all its threads.
    pub(crate) cpu_s: f64,
    pub(crate) loss: f64,
}

/// A running program, ended on drop.
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub(crate) ready: Ready,
}

impl Program {
    /// Starts it and waits until it is warm. Fails if it ends early or violates the protocol.
    pub(crate) fn start(launch: &Launch, work: &Work) -> anyhow::Result<Self> {
        let (program, first) = launch.command.split_first().expect("a command line has a program");
        let mut child = Command::new(program)
            .args(first)
            .args(["--workload", work.workload.name, "--mode", work.mode.name()])
            .args(["--threads", &work.threads.to_string()])
            .args(["--variant", launch.variant, "--batch", &work.batch.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
        let input = child.stdin.take().expect("the input is a pipe");
        let output = BufReader::new(child.stdout.take().expect("the output is a pipe"));
        let ready = Ready { version: String::new(), params: 0, batch: 0, loss: 0.0 };
        let mut program = Program { child, input, output, ready };
        program.ready = program.read_ready()?;
        Ok(program)
    }

    fn read_ready(&mut self) -> anyhow::Result<Ready> {
        let line = self.line()?;
        ensure!(line["ready"] == true, "the first line is not the ready line: {line}");
        Ok(Ready {
            version: line["version"].as_str().unwrap_or("unknown").to_owned(),
            params: whole(&line, "params")?,
            batch: whole(&line, "batch")?,
            loss: finite(&line, "loss")?,
        })
    }

    /// Runs one window of at least `seconds`.
    pub(crate) fn window(&mut self, seconds: f64) -> anyhow::Result<Window> {
        writeln!(self.input, "window {seconds}").context("the program has closed its input")?;
        let line = self.line()?;
        let window = Window {
            steps: whole(&line, "steps")?,
            wall_s: finite(&line, "wall_s")?,
            cpu_s: finite(&line, "cpu_s")?,
            loss: finite(&line, "loss")?,
        };
        // Some programs choose the number of steps in advance.
        ensure!(
            window.steps > 0 && window.wall_s >= 0.5 * seconds,
            "a window too short for {seconds} s: {line}"
        );
        Ok(window)
    }

    /// Ends it; returns its peak resident memory in MiB, if it reports one.
    pub(crate) fn quit(mut self) -> Option<f64> {
        writeln!(self.input, "quit").ok()?;
        finite(&self.line().ok()?, "peak_rss_mib").ok()
    }

    fn line(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("cannot read the program's output")?;
        ensure!(!line.is_empty(), "the program ended; its output is above");
        serde_json::from_str(&line).with_context(|| format!("not a line of JSON: {}", line.trim()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already or closed its input.
        let _ = writeln!(self.input, "quit");
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn whole(line: &Value, field: &str) -> anyhow::Result<u64> {
    line[field].as_u64().with_context(|| format!("no whole number `{field}` in {line}"))
}

fn finite(line: &Value, field: &str) -> anyhow::Result<f64> {
    // JSON has no infinity, so an infinite loss is missing here too.
    line[field].as_f64().with_context(|| format!("no finite number `{field}` in {line}"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clap::Parser;

    use crate::options::Options;
    use crate::workloads::tests::work;

    pub(crate) fn options() -> Options {
        Options::parse_from(["side-by-side", "--rounds", "3", "--window-s", "0.01"])
    }

    /// A program of the protocol in a few lines of shell; it prints `window` for each window.
    pub(crate) fn fake(peer: &str, params: u64, window: &str) -> Launch {
        let script = format!(
            "echo '{{\"ready\":true,\"version\":\"1\",\"params\":{params},\"batch\":512,\"loss\":2.3}}'\n\
             while read word seconds; do case $word in window) {window};; \
             quit) echo '{{\"peak_rss_mib\":12.5}}'; exit;; esac; done"
        );
        Launch {
            peer: peer.into(),
            variant: "single",
            command: ["sh", "-c", &script].map(OsString::from).to_vec(),
        }
    }

    pub(crate) const FAST: &str = r#"echo '{"steps":100,"wall_s":1.0,"cpu_s":0.5,"loss":0.5}'"#;

    fn error_of(window: &str) -> String {
        let mut program = Program::start(&fake("x", 1, window), &work()).unwrap();
        format!("{:#}", program.window(0.5).unwrap_err())
    }

    #[test]
    fn a_program_gets_ready_and_runs_windows() {
        let mut program = Program::start(&fake("x", 7, FAST), &work()).unwrap();
        assert_eq!(program.ready, Ready { version: "1".into(), params: 7, batch: 512, loss: 2.3 });
        for _ in 0..2 {
            let window = program.window(0.5).unwrap();
            assert_eq!(window, Window { steps: 100, wall_s: 1.0, cpu_s: 0.5, loss: 0.5 });
        }
        assert_eq!(program.quit(), Some(12.5));
    }

    #[test]
    fn a_program_that_violates_the_protocol_is_refused_with_its_line() {
        assert!(error_of("exit").contains("the program ended"));
        assert!(error_of("echo hello").contains("not a line of JSON: hello"));
        assert!(error_of("echo '{\"steps\":1}'").contains("`wall_s`"));
        let nan = r#"echo '{"steps":1,"wall_s":1,"cpu_s":1,"loss":null}'"#;
        assert!(error_of(nan).contains("no finite number `loss`"));
        let short = r#"echo '{"steps":1,"wall_s":0.1,"cpu_s":1,"loss":1}'"#;
        assert!(error_of(short).contains("too short"));
    }

    #[test]
    fn a_program_that_ends_without_output_has_an_unknown_peak() {
        let script = r#"echo '{"ready":true,"params":1,"batch":1,"loss":1}'; read word"#;
        let command = ["sh", "-c", script].map(OsString::from).to_vec();
        let launch = Launch { peer: "x".into(), variant: "eager", command };
        assert_eq!(Program::start(&launch, &work()).unwrap().quit(), None);
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let launch = Launch { peer: "x".into(), variant: "single", command: vec!["no-such-program".into()] };
        let error = Program::start(&launch, &work()).err().unwrap();
        assert_eq!(error.to_string(), "cannot start no-such-program");
    }
}
