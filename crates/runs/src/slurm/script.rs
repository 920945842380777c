//! The batch script of a job array and the resources of its tasks.

use super::tasks::Task;
use crate::local::{Data, Resources};
use crate::run::Run;
use crate::shell::quoted;
use crate::{Result, images::DataConfig};

/// The ratio of a task's time limit to its estimate: nodes may be slower than this machine.
const TIMES_ESTIMATE: f64 = 3.0;

/// The minimum time limit: tasks that end early cost nothing, and tasks that are cut off cost a round.
const LEAST_MINUTES: u64 = 10;

/// The ratio of requested memory to the estimate.
const TIMES_MEMORY: f64 = 1.5;

/// The bytes of memory of the program besides runs.
const PROGRAM: u64 = 512 << 20;

/// The resources of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allocation {
    /// Wall time.
    pub minutes: u64,
    /// The cores, one run on each.
    pub cores: usize,
    /// Memory.
    pub mebibytes: u64,
    /// Whether a GPU is requested.
    pub gpu: bool,
}

impl Allocation {
    /// Resources for the longest and the largest of these tasks.
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
        // However runs are assigned to cores, all end within an even share of the total plus the longest.
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

/// The bytes of a run and its images, counted twice: as stored in the set and as split. A run whose model cannot be built
/// counts 0, since it fails at once.
fn memory(run: &Run, data: &Data) -> Result<u64> {
    let images = &data.open[&run.config.data];
    let DataConfig { train, validation, test, .. } = run.config.data;
    let d: usize = images.train.image_shape().iter().product();
    let own = run.config.memory(images);
    Ok(own + 2 * ((train + validation + test) * d) as u64)
}

/// A job array except its tasks.
pub(super) struct Array<'a> {
    /// The name of the job.
    pub name: &'a str,
    /// The number of tasks.
    pub tasks: usize,
    /// The maximum number of concurrent tasks.
    pub at_once: usize,
    /// The resources of each task.
    pub allocation: Allocation,
    /// The folder of the task list and the logs.
    pub folder: &'a str,
    /// The path of the program.
    pub program: &'a str,
    /// Its arguments, except the task number.
    pub arguments: &'a [String],
}

impl Array<'_> {
    /// The script, with absolute paths, since nodes may start it in any folder.
    pub(super) fn script(&self) -> String {
        let Self { name, tasks, at_once, allocation, folder, program, arguments } = self;
        let Allocation { minutes, cores, mebibytes, gpu } = allocation;
        let log = log_name(folder);
        // The shell opens a log whose name Slurm cannot parse; Slurm's own messages about such a task are lost.
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
             # A task may be started several times: finished runs are skipped, interrupted ones are resumed.\n\
             program={program}\n\
             for needed in \"$program\" {folder}; do\n\
             \x20   if ! [ -e \"$needed\" ]; then\n\
             \x20       echo \"error: $needed is not visible on $(hostname); put the program and the results on a file \
             system that all nodes share\" >&2\n\
             \x20       exit 1\n\
             \x20   fi\n\
             done\n\
             exec \"$program\"{arguments} --task \"$SLURM_ARRAY_TASK_ID\"\n"
        )
    }
}

/// The log name pattern for Slurm; `None` if the script cannot contain it in one line.
fn log_name(folder: &str) -> Option<String> {
    let breaks = |c: char| c.is_control() || matches!(c, '"' | '\\');
    // In log names Slurm expands `%` patterns.
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
    fn a_script_contains_all_options() {
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
    fn a_gpu_is_requested_for_runs_that_train_on_one() {
        assert!(script("/out", true).contains("#SBATCH --gpus=1\n"));
    }

    #[test]
    fn names_with_spaces_quotes_and_percent_signs_are_quoted() {
        let script = script("/50% of/it's", false);
        assert!(script.contains("--output=\"/50%% of/it's/task-%a.log\""), "{script}");
        assert!(script.contains(r"'/50% of/it'\''s/tasks.jsonl'"), "{script}");
    }

    #[test]
    fn names_with_line_breaks_and_double_quotes_do_not_affect_the_options_of_slurm() {
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
