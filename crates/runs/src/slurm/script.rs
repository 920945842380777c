//! The batch script of a job array, and what each of its tasks asks of a node.

use super::tasks::Task;
use crate::local::{Data, Resources};
use crate::run::Run;
use crate::shell::quoted;
use crate::{Result, images::DataConfig};

/// A task is given this many times the estimate: nodes may be slower than the machine that estimated.
const TIMES_ESTIMATE: f64 = 3.0;

/// And at least so many minutes, because tasks that end early cost nothing and tasks cut off cost a round.
const LEAST_MINUTES: u64 = 10;

/// Of the memory of runs this many times is asked for, since it is a rough count.
const TIMES_MEMORY: f64 = 1.5;

/// Bytes of memory for the program and what it holds besides runs.
const PROGRAM: u64 = 512 << 20;

/// What each task asks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allocation {
    /// Wall time.
    pub minutes: u64,
    /// Cores, with one run on each.
    pub cores: usize,
    /// Memory.
    pub mebibytes: u64,
    /// Whether a GPU.
    pub gpu: bool,
}

impl Allocation {
    /// What is enough for the longest and the largest of these tasks.
    ///
    /// # Errors
    /// If a model cannot be built.
    pub(super) fn of(tasks: &[Task], data: &Data, resources: &Resources) -> Result<Self> {
        let cores = resources.jobs.max(1);
        let mut bytes = 0;
        for run in tasks.iter().flat_map(|task| task.units.iter().flatten()) {
            bytes = bytes.max(memory(run, data)?);
        }
        let bytes = PROGRAM + cores as u64 * (TIMES_MEMORY * bytes as f64) as u64;
        // However runs fall on cores, all are over after an even share and one more of the longest.
        let even = |task: &Task| task.longest + (task.seconds - task.longest) / cores as f64;
        let seconds = tasks.iter().map(even).fold(0.0, f64::max);
        let minutes = (TIMES_ESTIMATE * seconds / 60.0).ceil() as u64;
        Ok(Self {
            minutes: minutes.max(LEAST_MINUTES),
            cores,
            mebibytes: bytes.div_ceil(1 << 20),
            gpu: resources.device.starts_with("cuda"),
        })
    }
}

/// Bytes of a run and of its images, once as they lie in the set and once as they are taken from it. A run whose model
/// cannot be built takes none: it ends with its reason at once.
fn memory(run: &Run, data: &Data) -> Result<u64> {
    let images = &data.open[&run.config.data];
    let DataConfig { train, validation, test, .. } = run.config.data;
    let d: usize = images.train.image_shape().iter().product();
    let own = run.config.memory(images);
    Ok(own + 2 * ((train + validation + test) * d) as u64)
}

/// What a job array is, beside its tasks.
pub(super) struct Array<'a> {
    /// The name of the job.
    pub name: &'a str,
    /// How many tasks.
    pub tasks: usize,
    /// How many of them at once at most.
    pub at_once: usize,
    /// What each asks for.
    pub allocation: Allocation,
    /// The folder of the list and the logs.
    pub folder: &'a str,
    /// The program.
    pub program: &'a str,
    /// Its arguments, but the task.
    pub arguments: &'a [String],
}

impl Array<'_> {
    /// The script. Every path in it is whole, for nodes may start it anywhere.
    pub(super) fn script(&self) -> String {
        let Self { name, tasks, at_once, allocation, folder, program, arguments } = self;
        let Allocation { minutes, cores, mebibytes, gpu } = allocation;
        let log = log_name(folder);
        // The shell opens a log that Slurm cannot; what Slurm itself says of such a task is lost.
        let own_log = match log {
            Some(_) => String::new(),
            None => format!("exec >> {}/task-\"$SLURM_ARRAY_TASK_ID\".log 2>&1\n", quoted(folder)),
        };
        let log = log.as_deref().unwrap_or("/dev/null");
        let gpu = if *gpu { "#SBATCH --gpus=1\n" } else { "" };
        let [program, folder] = [program, folder].map(|path| quoted(path));
        let arguments: String = arguments.iter().map(|argument| format!(" {}", quoted(argument))).collect();
        format!(
            "#!/bin/sh\n\
             #SBATCH --job-name={name}\n\
             #SBATCH --array=1-{tasks}%{at_once}\n\
             #SBATCH --time={minutes}\n\
             #SBATCH --cpus-per-task={cores}\n\
             {gpu}\
             #SBATCH --mem={mebibytes}M\n\
             #SBATCH --requeue\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --output={log}\n\
             \n\
             {own_log}\
             # A task may be started any number of times: what is whole is found, what was cut off goes on.\n\
             program={program}\n\
             for needed in \"$program\" {folder}; do\n\
             \x20   if ! [ -e \"$needed\" ]; then\n\
             \x20       echo \"error: $needed is not visible on $(hostname); put the program and the results where all \
             nodes see them\" >&2\n\
             \x20       exit 1\n\
             \x20   fi\n\
             done\n\
             exec \"$program\"{arguments} --task \"$SLURM_ARRAY_TASK_ID\"\n"
        )
    }
}

/// What Slurm reads as the name of a log in this folder; `None` where a line of the script cannot hold it.
fn log_name(folder: &str) -> Option<String> {
    let breaks = |c: char| c.is_control() || matches!(c, '"' | '\\');
    // Slurm reads `%` in the name of a log as the beginning of a pattern.
    (!folder.contains(breaks)).then(|| format!("\"{}/task-%a.log\"", folder.replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &str, gpu: bool) -> String {
        let allocation = Allocation { minutes: 30, cores: 2, mebibytes: 900, gpu };
        let arguments = ["run".to_owned(), "--keys".to_owned(), format!("{folder}/tasks.jsonl")];
        let program = "/opt/agon";
        let array = Array {
            name: "agon-1",
            tasks: 12,
            at_once: 4,
            allocation,
            folder,
            program,
            arguments: &arguments,
        };
        array.script()
    }

    #[test]
    fn a_script_says_all_that_the_cluster_must_know() {
        let script = script("/shared/out/jobs/0001", false);
        for line in [
            "#SBATCH --array=1-12%4",
            "#SBATCH --time=30",
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --mem=900M",
            "#SBATCH --requeue",
            "#SBATCH --output=\"/shared/out/jobs/0001/task-%a.log\"",
            "exec \"$program\" run --keys /shared/out/jobs/0001/tasks.jsonl --task \"$SLURM_ARRAY_TASK_ID\"",
        ] {
            assert!(script.lines().any(|of| of == line), "`{line}` is not in\n{script}");
        }
        assert!(!script.contains("--gpus"));
    }

    #[test]
    fn a_gpu_is_asked_for_where_runs_train_on_one() {
        assert!(script("/out", true).contains("#SBATCH --gpus=1\n"));
    }

    #[test]
    fn names_with_blanks_quotes_and_percent_signs_stay_whole() {
        let script = script("/50% of/it's", false);
        assert!(script.contains("--output=\"/50%% of/it's/task-%a.log\""), "{script}");
        assert!(script.contains(r"'/50% of/it'\''s/tasks.jsonl'"), "{script}");
    }

    #[test]
    fn names_with_line_breaks_and_double_quotes_break_no_line_that_slurm_reads() {
        for folder in ["/a\n#SBATCH --time=1\n", "/a \"b\" $(c)", "/a\\b", "/\u{1b}[2J"] {
            let script = script(folder, false);
            let read: Vec<&str> = script.lines().take_while(|line| line.starts_with('#')).collect();
            assert!(read.contains(&"#SBATCH --output=/dev/null"), "{script}");
            assert_eq!(read.iter().filter(|line| line.contains("--time")).count(), 1, "{script}");
            assert!(read.iter().all(|line| !line.contains(folder)), "{script}");
            assert!(script.contains(&format!("exec >> {}/task-", quoted(folder))), "{script}");
        }
    }
}
