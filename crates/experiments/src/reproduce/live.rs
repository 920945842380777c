//! The page while runs are computed: rewritten after each experiment.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use report::{Section, Verdict};

use super::again::same_bits_again;
use super::{FailedRun, create, decide_together, describe, not_run, page_provenance, section, write_page};
use crate::claims;
use crate::error::Result;
use crate::experiment::Planned;
use crate::job::Job;
use crate::options::Options;
use crate::page::{IN_PROGRESS, Shown};
use crate::stored::results_file;
use crate::sweep::finished::FinishedSweep;
use runs::local::FinishedRuns;
use runs::store::{read_results, write_results};

/// The shortest pause between two versions of the page, as a multiple of the time that writing one takes.
const REST: u32 = 10;

/// The results so far.
pub(super) struct Live<'a> {
    pub(super) folder: PathBuf,
    planned: &'a [Planned],
    options: &'a Options,
    job: &'a Job,
    /// The row of fact A13; `None` until a run can be computed again.
    again: Option<Verdict>,
    /// The experiments that are judged, in the order of the page.
    done: BTreeMap<usize, Judged>,
    shown: Shown,
    pub(super) spent: Spent,
    next_write: Instant,
}

struct Judged {
    not_run: Vec<Verdict>,
    section: Option<Section>,
}

/// The cost of the runs, each counted once.
#[derive(Default)]
pub(super) struct Spent {
    runs: HashSet<PathBuf>,
    pub(super) seconds: f64,
    pub(super) flops: f64,
    pub(super) failed: Vec<FailedRun>,
}

impl Spent {
    pub(super) fn n_runs(&self) -> usize {
        self.runs.len()
    }

    fn add(&mut self, finished: &FinishedRuns) {
        for run in finished.all() {
            if self.runs.insert(run.folder.clone()) {
                self.seconds += run.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>();
                self.failed.extend(FailedRun::of(run));
                self.flops += run.epochs.iter().filter_map(|epoch| epoch.scalars.get("flops")).sum::<f64>();
            }
        }
    }
}

impl<'a> Live<'a> {
    pub(super) fn new(folder: PathBuf, planned: &'a [Planned], options: &'a Options, job: &'a Job) -> Self {
        let (again, done, spent) = (None, BTreeMap::new(), Spent::default());
        let (shown, next_write) = (Shown::default(), Instant::now());
        Self { folder, planned, options, job, again, done, shown, spent, next_write }
    }

    /// Collects, draws and judges the experiment at this index of the plan; returns its rows.
    pub(super) fn add(&mut self, at: usize, finished: &FinishedRuns) -> Result<Vec<Verdict>> {
        let (planned, data) = (&self.planned[at], &self.job.data);
        self.spent.add(finished);
        if self.again.is_none()
            && let Some(first) = self.job.stages[at].runs.iter().find(|run| run.begins_alike())
        {
            self.again = Some(same_bits_again(first, data, self.options, finished)?);
        }
        let not_run = not_run(planned, data);
        let name = planned.experiment.info().name;
        let mut judged = Judged { not_run, section: None };
        if planned.runs.iter().any(|run| data.open.contains_key(&run.config.data)) {
            let finished = FinishedSweep { runs: finished, data, hardware: self.job.hardware };
            let mut results = planned.experiment.collect(&planned.grid, &finished)?;
            describe(&mut results, planned, &self.options.provenance);
            create(&self.folder.join(name))?;
            let file = results_file(&self.folder, name);
            write_results(&file, &results)?;
            // Figures and verdicts are made from the stored results, so that they can be made again from them.
            let results = read_results(&file)?;
            judged.section = Some(section(planned.experiment, &results, Some(&self.folder), self.options)?);
            self.shown.keep(name, results);
        }
        let rows = rows(&judged).cloned().collect();
        let place = claims::ALL.iter().position(|one| one.info().name == name);
        self.done.insert(place.unwrap_or(claims::ALL.len() + at), judged);
        Ok(rows)
    }

    /// All rows so far, in the order of the page and decided together.
    pub(super) fn rows(&self) -> Vec<Verdict> {
        let mut rows =
            self.again.iter().chain(self.done.values().flat_map(rows)).cloned().collect::<Vec<_>>();
        decide_together(&mut rows, &mut []);
        rows
    }

    /// Writes page and table, unless the last version was written so recently that writing would take more than a tenth
    /// of the time; the final version is always written. A first page without results does not replace an existing
    /// page.
    pub(super) fn write(&mut self) -> Result<PathBuf> {
        let index = self.folder.join("index.html");
        let (n, of) = (self.done.len(), self.planned.len());
        let is_due = n == of || Instant::now() >= self.next_write;
        if !is_due || (n == 0 && of > 0 && index.exists()) {
            return Ok(index);
        }
        let start = Instant::now();
        let mut sections: Vec<Section> =
            self.done.values().filter_map(|judged| judged.section.clone()).collect();
        decide_together(&mut [], &mut sections);
        let mut provenance = page_provenance(self.planned, self.job, self.options, &self.spent);
        if n < of {
            let text = format!("{n} of {of} experiments; this page is rewritten after each: reload it");
            provenance.insert(0, (IN_PROGRESS.into(), text));
        }
        write_page(&self.folder, &self.shown, self.options, &self.rows(), sections, provenance)?;
        self.next_write = Instant::now() + Duration::min(REST * start.elapsed(), Duration::from_secs(60));
        Ok(index)
    }
}

fn rows(judged: &Judged) -> impl Iterator<Item = &Verdict> {
    judged.not_run.iter().chain(judged.section.iter().flat_map(|section| &section.rows))
}
