//! The progress of a run as text; drawing is in `progress.rs`.

use crate::output::about;
use runs::learners::LearnerConfig;
use runs::run::Run;
use runs::store::{Epoch, trained};

/// The eight block characters of a sparkline.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The maximum length of a sparkline, and of a label.
const WIDTH: usize = 40;
const LABEL: usize = 78;

/// The progress of a run in training.
pub(crate) struct View {
    label: String,
    learner: LearnerConfig,
    last: u32,
    images_an_epoch: f64,
    epochs: Vec<Epoch>,
}

/// The metrics of an epoch on one split; `None` for metrics that a learner does not have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Losses {
    /// The loss of the encoder, if it is the sum of the two others or one of them.
    pub(crate) loss: Option<f64>,
    pub(crate) mse: Option<f64>,
    pub(crate) cross_entropy: Option<f64>,
    pub(crate) accuracy: Option<f64>,
}

impl Losses {
    /// The metrics of `train`, `validation` or `test`.
    pub(crate) fn of(learner: &LearnerConfig, epoch: &Epoch, set: &str) -> Self {
        let of = |name: &str| epoch.scalars.get(&format!("{set}_{name}")).copied();
        let (mse, cross_entropy) = (of("mse"), of("cross_entropy"));
        Self { loss: learner.loss(mse, cross_entropy), mse, cross_entropy, accuracy: of("accuracy") }
    }

    /// The metrics as `loss 0.1, MSE 0.2, ...`.
    pub(crate) fn words(&self) -> String {
        let of = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {value:.4}"));
        let accuracy = self.accuracy.map(|share| format!("accuracy {:.1} %", 100.0 * share));
        let mut words = vec![of("loss", self.loss)];
        // A loss that equals one of the two is not repeated.
        words.push(of("MSE", self.mse.filter(|_| self.mse != self.loss)));
        words.push(of("cross-entropy", self.cross_entropy.filter(|_| self.cross_entropy != self.loss)));
        words.push(accuracy);
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl View {
    pub(crate) fn new(run: &Run) -> Self {
        Self {
            label: run.label(),
            learner: run.config.learner.clone(),
            last: run.config.epochs,
            images_an_epoch: run.images_trained() / f64::from(run.config.epochs.max(1)),
            epochs: vec![],
        }
    }

    /// Updates the view with these epochs.
    pub(crate) fn update(&mut self, epochs: &[Epoch]) {
        self.epochs = epochs.to_vec();
    }

    /// A description of the run.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The number of completed training epochs.
    pub(crate) fn done(&self) -> u32 {
        trained(&self.epochs)
    }

    /// The total number of training epochs.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// A warning if training increased the loss above its initial value, and a remedy: the loss of a model that overfits
    /// has a minimum at an epoch in between.
    pub(crate) fn worse(&self) -> Option<String> {
        let [first, last] = [self.epochs.first()?, self.epochs.last()?];
        if first.epoch != 0 {
            return None;
        }
        // Compares the same split before and after training. A weighted sum may fall while one of its terms grows.
        let of = |epoch: &Epoch, set: &str| {
            let losses = Losses::of(&self.learner, epoch, set);
            let named = [("loss", losses.loss), ("MSE", losses.mse), ("cross-entropy", losses.cross_entropy)];
            named.into_iter().find_map(|(name, value)| Some((name, value?)))
        };
        ["test", "validation"].into_iter().find_map(|set| {
            let ((name, was), (_, is)) = (of(first, set)?, of(last, set)?);
            if is <= was {
                return None;
            }
            let [from, to] = apart(was, is);
            let known = self.epochs.iter().filter_map(|epoch| Some((epoch.epoch, of(epoch, set)?.1)));
            let (best, _) = known.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
            let remedy = match best {
                0 => format!("a smaller `{}.learning_rate` may help", self.learner.optimiser_key()),
                _ => format!("it was lowest after epoch {best}: fewer epochs or more images may help"),
            };
            Some(format!(
                "the {set} {name} grew from {from} to {to}, above that of the untrained model; {remedy}"
            ))
        })
    }

    /// The mean number of training images per second over all epochs, including evaluation.
    pub(crate) fn images_per_second(&self) -> Option<f64> {
        Some(self.images_an_epoch / self.seconds_an_epoch()?)
    }

    /// The estimated seconds until the end.
    pub(crate) fn left(&self) -> Option<f64> {
        Some(self.seconds_an_epoch()? * f64::from(self.last - self.done().min(self.last)))
    }

    /// Epoch 0 does not train.
    fn trained(&self) -> impl Iterator<Item = &Epoch> {
        self.epochs.iter().filter(|epoch| epoch.epoch > 0)
    }

    fn seconds_an_epoch(&self) -> Option<f64> {
        let n = self.trained().count();
        (n > 0).then(|| self.trained().map(|epoch| epoch.seconds).sum::<f64>() / n as f64)
    }

    fn speed(&self) -> Option<String> {
        Some(format!("{:.0} images/s", self.images_per_second()?))
    }

    /// The newest epoch in one line.
    pub(crate) fn line(&self) -> Option<String> {
        let epoch = self.epochs.last()?;
        let of =
            |set: &str| Some(Losses::of(&self.learner, epoch, set).words()).filter(|words| !words.is_empty());
        let of = |set: &str| of(set).map(|words| format!("{set}: {words}"));
        let left = self.left().filter(|_| epoch.epoch < self.last);
        let left = left.map(|seconds| format!("about {} left", about(seconds)));
        let mut parts = vec![format!("epoch {}/{}", epoch.epoch, self.last)];
        parts.extend([of("train"), of("test"), self.speed(), left].into_iter().flatten());
        if epoch.epoch == 0 {
            parts[0] += " (before training)";
        }
        Some(parts.join("; "))
    }

    /// The whole view in a few lines, none wider than a terminal.
    pub(crate) fn block(&self) -> String {
        let mut lines = vec![self.label.chars().take(LABEL).collect::<String>()];
        let Some(epoch) = self.epochs.last() else {
            return lines.remove(0);
        };
        lines.push(format!("{:7}{:>10}{:>10}{:>15}{:>11}", "", "loss", "MSE", "cross-entropy", "accuracy"));
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
        for set in ["train", "test"] {
            let Losses { loss, mse, cross_entropy, accuracy } = Losses::of(&self.learner, epoch, set);
            let accuracy = accuracy.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
            let [loss, mse, cross_entropy] = [loss, mse, cross_entropy].map(number);
            lines.push(format!("{set:7}{loss:>10}{mse:>10}{cross_entropy:>15}{accuracy:>11}"));
        }
        lines.extend(self.curve());
        lines.extend(self.speed());
        lines.join("\n")
    }

    /// The curve of the test loss, or of another test metric without one, over the training epochs.
    fn curve(&self) -> Option<String> {
        let test = |epoch: &Epoch| Losses::of(&self.learner, epoch, "test");
        let newest = test(self.epochs.last()?);
        let (name, of): (&str, fn(&Losses) -> Option<f64>) = match (newest.loss, newest.cross_entropy) {
            (Some(_), _) => ("loss", |of| of.loss),
            (None, Some(_)) => ("cross-entropy", |of| of.cross_entropy),
            (None, None) => ("MSE", |of| of.mse),
        };
        let values: Vec<f64> = self.trained().filter_map(|epoch| of(&test(epoch))).collect();
        let (first, last) = (values.first().filter(|_| values.len() > 1)?, values.last()?);
        Some(format!("test {name} {first:.4} {} {last:.4}", sparkline(&values, WIDTH)))
    }
}

/// Values as a line of block characters from low to high; neighbours are averaged if there are too many.
fn sparkline(values: &[f64], width: usize) -> String {
    let n = values.len().min(width);
    let means: Vec<f64> = (0..n)
        .map(|place| {
            let part = &values[place * values.len() / n..(place + 1) * values.len() / n];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect();
    let finite = || means.iter().copied().filter(|mean| mean.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let height = |mean: f64| match (mean - low) / (high - low) {
        share if share.is_finite() => HEIGHTS[(share * (HEIGHTS.len() - 1) as f64).round() as usize],
        // All values are equal, or not numbers.
        _ if mean.is_finite() => HEIGHTS[0],
        _ => '?',
    };
    means.into_iter().map(height).collect()
}

/// Formats two numbers with as few digits, at least four, as distinguish them.
fn apart(one: f64, other: f64) -> [String; 2] {
    let text = |x: f64, digits| if x < 1e6 { format!("{x:.digits$}") } else { format!("{x:.2e}") };
    let texts = |digits| [one, other].map(|x| text(x, digits));
    (4..17)
        .map(texts)
        .find(|[one, other]| one != other)
        .unwrap_or_else(|| [one, other].map(|x| x.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use models::{AdamConfig, Architecture, fc, recurrent};

    use super::*;
    use runs::images::DataConfig;
    use runs::learners::{Recurrent, RunConfig, cre};
    use runs::training::Hardware;

    fn run() -> Run {
        let learner = cre(Architecture::Fc(fc::Config::of(fc::Size::S, 4)), 0.5);
        let (data, optimiser) = (DataConfig::new("digits", 105, 10, 10), AdamConfig::PAPER);
        let hardware = Hardware::Cpu;
        Run {
            config: RunConfig { data, rotation: None, learner, optimiser, batch: 10, epochs: 4, hardware },
            seed: 3,
        }
    }

    fn epoch(epoch: u32, mse: f64) -> Epoch {
        let mut scalars = BTreeMap::from([
            ("test_mse".to_owned(), mse),
            ("test_cross_entropy".to_owned(), 2.0 * mse),
            ("test_accuracy".to_owned(), 0.5),
        ]);
        if epoch > 0 {
            scalars.extend([("train_mse".to_owned(), mse), ("train_cross_entropy".to_owned(), 1.0)]);
        }
        Epoch { epoch, scalars, seconds: 2.0, checkpoint: None }
    }

    fn after(epochs: &[Epoch]) -> View {
        let mut view = View::new(&run());
        view.update(epochs);
        view
    }

    #[test]
    fn the_loss_is_what_the_encoder_minimises() {
        let losses = Losses::of(&run().config.learner, &epoch(1, 0.2), "test");
        assert!((losses.loss.unwrap() - 0.3).abs() < 1e-15);
        assert_eq!(losses.words(), "loss 0.3000, MSE 0.2000, cross-entropy 0.4000, accuracy 50.0 %");
        let none = Losses::of(&run().config.learner, &epoch(0, 0.2), "train");
        assert_eq!((none.loss, none.words()), (None, String::new()));
    }

    #[test]
    fn speed_and_remaining_time_exclude_epoch_zero() {
        assert_eq!(after(&[epoch(0, 1.0)]).left(), None);
        let view = after(&[epoch(0, 1.0), epoch(1, 0.5)]);
        // 100 images fill whole batches of 10; 2 seconds an epoch, 3 of 4 left.
        assert_eq!((view.images_per_second(), view.left()), (Some(50.0), Some(6.0)));
        assert_eq!((view.done(), view.last()), (1, 4));
    }

    #[test]
    fn a_loss_above_its_initial_value_is_reported() {
        assert_eq!(after(&[epoch(0, 1.0), epoch(1, 0.5)]).worse(), None);
        assert_eq!(after(&[epoch(0, 1.0)]).worse(), None);
        let worse = after(&[epoch(0, 1.0), epoch(1, 2e20)]).worse().unwrap();
        assert!(worse.starts_with("the test loss grew from 1.5000 to 3.00e20"), "{worse}");
        assert!(worse.ends_with("a smaller `optimiser.learning_rate` may help"), "{worse}");
        let overfitted = after(&[epoch(0, 1.0), epoch(1, 0.5), epoch(2, 2.0)]).worse().unwrap();
        assert!(
            overfitted.ends_with("lowest after epoch 1: fewer epochs or more images may help"),
            "{overfitted}"
        );
        // A small increase is shown with enough digits to be visible.
        let worse = after(&[epoch(0, 1.0), epoch(1, 1.000_002)]).worse().unwrap();
        assert!(worse.starts_with("the test loss grew from 1.500000 to 1.500003"), "{worse}");
    }

    #[test]
    fn the_suggested_learning_rate_is_that_of_the_optimiser_in_use() {
        let mut run = run();
        let network = recurrent::Config {
            model: fc::Config::of(fc::Size::S, 4),
            lambda: Some(0.5),
            steps: 2,
            loss_at: recurrent::LossAt::EveryStep,
            optimiser: AdamConfig::PAPER,
        };
        run.config.learner = Recurrent { network }.into();
        let mut view = View::new(&run);
        view.update(&[epoch(0, 1.0), epoch(1, 2.0)]);
        let worse = view.worse().unwrap();
        assert!(worse.contains("smaller `learner.network.optimiser.learning_rate`"), "{worse}");
    }

    #[test]
    fn a_line_has_all_metrics_of_an_epoch_and_the_last_has_no_remaining_time() {
        let first = after(&[epoch(0, 1.0)]).line().unwrap();
        assert!(first.starts_with("epoch 0/4 (before training); test: loss 1.5000"), "{first}");
        let second = after(&[epoch(0, 1.0), epoch(1, 0.5)]).line().unwrap();
        assert!(second.contains("train: ") && second.ends_with("50 images/s; about 6 s left"), "{second}");
        assert!(after(&[epoch(4, 0.5)]).line().unwrap().ends_with("images/s"));
    }

    #[test]
    fn the_block_has_both_splits_a_curve_and_no_line_wider_than_a_terminal() {
        let epochs: Vec<Epoch> = (0..5).map(|at| epoch(at, 1.0 / f64::from(1 + at))).collect();
        let block = after(&epochs).block();
        for part in ["FC-S", "train", "test ", "accuracy", "50.0 %", "█", "▁", "50 images/s"] {
            assert!(block.contains(part), "{part}: {block}");
        }
        assert!(block.lines().all(|line| line.chars().count() < 80), "{block}");
        assert_eq!(after(&[]).block().lines().count(), 1);
    }

    #[test]
    fn a_sparkline_follows_its_values_and_accepts_nan() {
        assert_eq!(sparkline(&[7.0, 3.5, 0.0], 8), "█▅▁");
        assert_eq!(sparkline(&[1.0, 1.0], 8), "▁▁");
        assert_eq!(sparkline(&[1.0, f64::NAN, 0.0], 8), "█?▁");
        assert_eq!(sparkline(&[4.0, 2.0, 1.0, 0.0], 2), "█▁");
        assert_eq!(sparkline(&[], 8), "");
    }
}
