//! The folder of a run in progress: epochs are recorded one by one, and a stopped run resumes with identical bits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::array::{Arrays, to_safetensors};
use super::checkpoint::{self, Checkpoint};
use super::disk::{self, Disk};
use super::entry::{Entry, Epoch, FORMAT, Finish, Header, Outcome};
use super::error::{Error, Result};
use super::find::{self, finals_file};
use super::finished::FinishedRun;
use super::journal::{Journal, Torn};
use super::lock::Lock;
use super::spec::{RunSpec, sha256};

/// The folder of a run, locked by this process until dropped.
///
/// ```text
/// journal.jsonl                  header, one line per epoch, finish
/// checkpoint-EPOCH.safetensors   the last two, until the run is finished
/// final.safetensors              the final arrays
/// run.h5, run.h5.sha256          derived from the above
/// lock                           held by the process that computes the run
/// ```
#[derive(Debug)]
pub struct RunFolder {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    journal: Journal,
    torn: Option<Torn>,
    /// The epoch reached by this process through [`RunFolder::resume`] or [`RunFolder::record`].
    at: Option<u32>,
    /// When the last checkpoint was written or the folder opened, and the interval to the next one.
    last_checkpoint: Instant,
    checkpoint_after: Duration,
    _lock: Lock,
}

impl RunFolder {
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        folder: PathBuf,
        spec: &RunSpec,
        provenance: &Map<String, Value>,
    ) -> Result<RunFolder> {
        disk.create_folder(&folder).map_err(|source| Error::io("create", &folder, source))?;
        disk::sync_folder_of(&*disk, &folder)?;
        let lock = Lock::take(&folder)?;
        disk::remove_partials(&*disk, &folder)?;
        let file = folder.join("journal.jsonl");
        let mut journal = match Journal::read(&*disk, &file)? {
            Some(journal) => journal,
            None => {
                let provenance = provenance.clone();
                let header = Header { format: FORMAT, key: spec.key(), spec: spec.clone(), provenance };
                Journal::create(&*disk, &file, header)?
            }
        };
        find::check_key(&folder, &journal, spec)?;
        let torn = journal.torn.take();
        journal.cut(&*disk)?;
        // Removes what a kill left between writing a file and its journal line, or before removing an old file.
        if journal.finish.is_some() {
            checkpoint::prune(&*disk, &folder, |_| false)?;
        } else {
            let last = journal.last_epoch();
            checkpoint::prune(&*disk, &folder, |epoch| Some(epoch) <= last)?;
            disk::remove(&*disk, &finals_file(&folder))?;
            if journal.continued.last().unwrap_or(&journal.header.provenance) != provenance {
                journal.append(&*disk, Entry::Continued { provenance: provenance.clone() })?;
            }
        }
        let (last_checkpoint, checkpoint_after) = (Instant::now(), Duration::ZERO);
        Ok(RunFolder {
            disk,
            folder,
            journal,
            torn,
            at: None,
            last_checkpoint,
            checkpoint_after,
            _lock: lock,
        })
    }

    pub(super) fn checkpointing_after(self, checkpoint_after: Duration) -> RunFolder {
        RunFolder { checkpoint_after, ..self }
    }

    /// Whether the next epoch is due for a checkpoint.
    pub fn needs_checkpoint(&self) -> bool {
        self.last_checkpoint.elapsed() >= self.checkpoint_after
    }

    /// Its path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The epochs recorded so far.
    pub fn epochs(&self) -> &[Epoch] {
        &self.journal.epochs
    }

    /// The half-written line that was removed from the journal when it was opened. It was not
    /// acknowledged, so nothing is lost.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Whether the run is finished, and so read-only.
    pub fn is_finished(&self) -> bool {
        self.journal.finish.is_some()
    }

    /// The newest intact checkpoint; `None` to start from the beginning.
    ///
    /// If the newest is damaged, an older one is returned and the epochs after it are recomputed:
    /// [`RunFolder::record`] then compares them with their journal lines.
    ///
    /// # Errors
    /// [`Error::Io`]; a damaged checkpoint is not an error.
    pub fn resume(&mut self) -> Result<Option<Checkpoint>> {
        for line in self.journal.epochs.iter().rev() {
            let Some(hash) = &line.checkpoint else { continue };
            match Checkpoint::read(&*self.disk, &self.folder, line.epoch, hash) {
                Ok(checkpoint) => {
                    self.at = Some(line.epoch);
                    return Ok(Some(checkpoint));
                }
                Err(Error::DamagedFile { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.at = None;
        Ok(None)
    }

    /// Records the epoch of `checkpoint`, its metrics and its wall time in `seconds`. The epoch is durable when this
    /// returns `Ok`. After an error it may be called again.
    ///
    /// # Errors
    /// [`Error::Order`] if it is not the next epoch; [`Error::NotDeterministic`] if the journal holds
    /// the epoch with other bits; [`Error::Invalid`] for an array whose shape does not match its
    /// values; [`Error::Finished`]; [`Error::Io`], [`Error::DiskFull`].
    pub fn record(
        &mut self,
        checkpoint: &Checkpoint,
        scalars: BTreeMap<String, f64>,
        seconds: f64,
    ) -> Result<()> {
        let epoch = checkpoint.epoch;
        self.check_next(epoch)?;
        let (bytes, hash) = checkpoint.encode()?;
        let line = Epoch { epoch, scalars, seconds, checkpoint: Some(hash) };
        let known = self.check_known(&line)?;
        // A recorded epoch without a checkpoint gets none now, since its journal line has no hash to verify one.
        if known.is_none_or(|known| known.checkpoint.is_some()) {
            disk::replace(&*self.disk, &checkpoint::file(&self.folder, epoch), &bytes)?;
        }
        self.acknowledge(line)?;
        let named = |line: &&Epoch| line.epoch <= epoch && line.checkpoint.is_some();
        let newest: Vec<u32> =
            self.journal.epochs.iter().rev().filter(named).map(|line| line.epoch).collect();
        checkpoint::prune(&*self.disk, &self.folder, |epoch| {
            newest.iter().take(2).any(|&newest| newest == epoch)
        })?;
        self.last_checkpoint = Instant::now();
        self.at = Some(epoch);
        Ok(())
    }

    /// Records an epoch without a checkpoint; after a stop it is recomputed and compared with its
    /// line. For epochs shorter than writing a checkpoint.
    ///
    /// # Errors
    /// As [`RunFolder::record`].
    pub fn record_without_checkpoint(
        &mut self,
        epoch: u32,
        scalars: BTreeMap<String, f64>,
        seconds: f64,
    ) -> Result<()> {
        self.check_next(epoch)?;
        let line = Epoch { epoch, scalars, seconds, checkpoint: None };
        self.check_known(&line)?;
        self.acknowledge(line)?;
        self.at = Some(epoch);
        Ok(())
    }

    /// Checks that the run is not finished and that this is the next epoch.
    fn check_next(&self, epoch: u32) -> Result<()> {
        self.check_unfinished()?;
        let expected = match self.at {
            Some(at) => at.saturating_add(1),
            None => self.journal.epochs.first().map_or(epoch, |first| first.epoch),
        };
        match epoch == expected {
            true => Ok(()),
            false => Err(Error::Order { folder: self.folder.clone(), expected, got: epoch }),
        }
    }

    /// The journal line of this epoch, if any, which must be equal.
    fn check_known(&self, line: &Epoch) -> Result<Option<&Epoch>> {
        let known = self.journal.epochs.iter().find(|known| known.epoch == line.epoch);
        match known.and_then(|known| known.difference(line)) {
            Some(what) => Err(self.not_deterministic(what)),
            None => Ok(known),
        }
    }

    /// Appends the line, if the journal does not hold it yet.
    fn acknowledge(&mut self, line: Epoch) -> Result<()> {
        if self.journal.epochs.iter().all(|known| known.epoch != line.epoch) {
            self.journal.append(&*self.disk, Entry::Epoch(line))?;
        }
        Ok(())
    }

    /// Ends the run: stores `finals`, records the outcome, derives `run.h5`.
    ///
    /// # Errors
    /// [`Error::NotDeterministic`] if the journal holds epochs after the last one computed now,
    /// unless the run failed; [`Error::Invalid`], [`Error::Finished`], [`Error::Io`],
    /// [`Error::DiskFull`]. If `run.h5` could not be written, the run is still finished, and the
    /// next [`Store::find`](super::Store::find) derives it.
    pub fn finish(mut self, outcome: Outcome, finals: &Arrays) -> Result<FinishedRun> {
        self.check_unfinished()?;
        let last = self.journal.last_epoch();
        if self.at != last && !matches!(outcome, Outcome::Failed { .. }) {
            let what = format!("its last epoch was {last:?} and is now {:?}", self.at);
            return Err(self.not_deterministic(what));
        }
        let bytes = to_safetensors(finals, None)?;
        disk::replace(&*self.disk, &finals_file(&self.folder), &bytes)?;
        let finish = Finish { outcome, finals: sha256(&bytes) };
        self.journal.append(&*self.disk, Entry::Finish(finish))?;
        let run = find::from_journal(&*self.disk, &self.folder, self.journal)?
            .expect("the last entry was appended above");
        find::complete(&run, &*self.disk)?;
        Ok(run)
    }

    fn check_unfinished(&self) -> Result<()> {
        if self.is_finished() { Err(Error::Finished { folder: self.folder.clone() }) } else { Ok(()) }
    }

    fn not_deterministic(&self, what: String) -> Error {
        Error::NotDeterministic { folder: self.folder.clone(), what }
    }
}
