//! What a person wants to know of a run in training, as text; nothing here draws.

use runs::learners::LearnerConfig;
use runs::run::Run;
use runs::store::{Epoch, trained};

/// The eight heights of a sparkline.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The longest sparkline, and the longest label.
const WIDTH: usize = 40;
const LABEL: usize = 78;

/// A run in training, as far as it is.
pub(crate) struct View {
    label: String,
    learner: LearnerConfig,
    last: u32,
    images_an_epoch: f64,
    epochs: Vec<Epoch>,
}

/// What a set of images says of an epoch; what a learner does not have is `None`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Losses {
    /// What the encoder minimises, where it is a sum of the two others or one of them.
    pub(crate) loss: Option<f64>,
    pub(crate) mse: Option<f64>,
    pub(crate) cross_entropy: Option<f64>,
    pub(crate) accuracy: Option<f64>,
}

impl Losses {
    /// Those of `train`, `validation` or `test`.
    pub(crate) fn of(learner: &LearnerConfig, epoch: &Epoch, set: &str) -> Self {
        let of = |name: &str| epoch.scalars.get(&format!("{set}_{name}")).copied();
        let (mse, cross_entropy) = (of("mse"), of("cross_entropy"));
        Self { loss: learner.loss(mse, cross_entropy), mse, cross_entropy, accuracy: of("accuracy") }
    }

    /// `loss 0.1, MSE 0.2, ...`: what there is.
    pub(crate) fn words(&self) -> String {
        let of = |name: &str, value: Option<f64>| value.map(|value| format!("{name} {value:.4}"));
        let accuracy = self.accuracy.map(|share| format!("accuracy {:.1} %", 100.0 * share));
        let mut words = vec![of("loss", self.loss)];
        // A loss that is one of the two is not said twice.
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

    /// The run has come this far.
    pub(crate) fn update(&mut self, epochs: &[Epoch]) {
        self.epochs = epochs.to_vec();
    }

    /// The run, in words.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Epochs of training that are done.
    pub(crate) fn done(&self) -> u32 {
        trained(&self.epochs)
    }

    /// Epochs of training that there will be.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// That training made the loss larger than it was before, in words.
    pub(crate) fn worse(&self) -> Option<String> {
        let [first, last] = [self.epochs.first()?, self.epochs.last()?];
        if first.epoch != 0 {
            return None;
        }
        // The same set is judged before training and after it.
        let grown = ["test", "validation"].into_iter().find_map(|set| {
            let [was, is] = [first, last].map(|epoch| Losses::of(&self.learner, epoch, set));
            let of = |name, was: Option<f64>, is: Option<f64>| {
                let (was, is) = (was?, is?);
                let [from, to] = apart(was, is);
                (is > was).then(|| format!("the {set} {name} grew from {from} to {to}"))
            };
            // A loss that is a sum may fall while one of its terms grows.
            match (was.loss, was.mse) {
                (Some(_), _) => of("loss", was.loss, is.loss),
                (None, Some(_)) => of("MSE", was.mse, is.mse),
                (None, None) => of("cross-entropy", was.cross_entropy, is.cross_entropy),
            }
        })?;
        Some(format!(
            "{grown}: this run is worse than an untrained one; a smaller `{}.learning_rate` may help",
            self.learner.optimiser_key()
        ))
    }

    /// Training images a second over all epochs so far, their evaluation included.
    pub(crate) fn images_per_second(&self) -> Option<f64> {
        Some(self.images_an_epoch / self.seconds_an_epoch()?)
    }

    /// Seconds that the rest will take if it goes on like this.
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

    /// The newest epoch in a line.
    pub(crate) fn line(&self) -> Option<String> {
        let epoch = self.epochs.last()?;
        let of =
            |set: &str| Some(Losses::of(&self.learner, epoch, set).words()).filter(|words| !words.is_empty());
        let of = |set: &str| of(set).map(|words| format!("{set}: {words}"));
        let left = self.left().filter(|_| epoch.epoch < self.last);
        let left = left.map(|seconds| format!("about {seconds:.0} s to go"));
        let mut parts = vec![format!("epoch {}/{}", epoch.epoch, self.last)];
        parts.extend([of("train"), of("test"), self.speed(), left].into_iter().flatten());
        if epoch.epoch == 0 {
            parts[0] += " (before training)";
        }
        Some(parts.join("; "))
    }

    /// Everything in a few lines, none longer than a terminal is wide.
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

    /// The curve of the test loss over the epochs of training, or of what there is instead of a loss.
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

/// Values as a line of blocks, the lowest at the bottom; where there are more than fit, means of neighbours.
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
        // All the same, or no number.
        _ if mean.is_finite() => HEIGHTS[0],
        _ => '?',
    };
    means.into_iter().map(height).collect()
}

/// Two numbers in as few digits, four or more, as tell them apart.
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
    fn speed_and_time_to_go_are_those_of_the_epochs_that_trained() {
        assert_eq!(after(&[epoch(0, 1.0)]).left(), None);
        let view = after(&[epoch(0, 1.0), epoch(1, 0.5)]);
        // 100 images fill whole batches of 10; 2 seconds an epoch, 3 of 4 to go.
        assert_eq!((view.images_per_second(), view.left()), (Some(50.0), Some(6.0)));
        assert_eq!((view.done(), view.last()), (1, 4));
    }

    #[test]
    fn a_loss_that_is_larger_than_before_training_is_said() {
        assert_eq!(after(&[epoch(0, 1.0), epoch(1, 0.5)]).worse(), None);
        assert_eq!(after(&[epoch(0, 1.0)]).worse(), None);
        let worse = after(&[epoch(0, 1.0), epoch(1, 2e20)]).worse().unwrap();
        assert!(worse.starts_with("the test loss grew from 1.5000 to 3.00e20"), "{worse}");
        assert!(worse.contains("`optimiser.learning_rate`"), "{worse}");
        // What grew by little is shown with enough digits to see it.
        let worse = after(&[epoch(0, 1.0), epoch(1, 1.000_002)]).worse().unwrap();
        assert!(worse.starts_with("the test loss grew from 1.500000 to 1.500003"), "{worse}");
    }

    #[test]
    fn the_learning_rate_that_is_named_is_the_one_that_counts() {
        let mut run = run();
        let network = recurrent::Config {
            model: fc::Config::of(fc::Size::S, 4),
            lambda: 0.5,
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
    fn a_line_says_everything_about_an_epoch_and_the_last_has_nothing_to_go() {
        let first = after(&[epoch(0, 1.0)]).line().unwrap();
        assert!(first.starts_with("epoch 0/4 (before training); test: loss 1.5000"), "{first}");
        let second = after(&[epoch(0, 1.0), epoch(1, 0.5)]).line().unwrap();
        assert!(second.contains("train: ") && second.ends_with("50 images/s; about 6 s to go"), "{second}");
        assert!(after(&[epoch(4, 0.5)]).line().unwrap().ends_with("images/s"));
    }

    #[test]
    fn the_block_has_both_sets_a_curve_and_no_line_wider_than_a_terminal() {
        let epochs: Vec<Epoch> = (0..5).map(|at| epoch(at, 1.0 / f64::from(1 + at))).collect();
        let block = after(&epochs).block();
        for part in ["FC-S", "train", "test ", "accuracy", "50.0 %", "█", "▁", "50 images/s"] {
            assert!(block.contains(part), "{part}: {block}");
        }
        assert!(block.lines().all(|line| line.chars().count() < 80), "{block}");
        assert_eq!(after(&[]).block().lines().count(), 1);
    }

    #[test]
    fn a_sparkline_falls_where_values_fall_and_stands_what_is_no_number() {
        assert_eq!(sparkline(&[7.0, 3.5, 0.0], 8), "█▅▁");
        assert_eq!(sparkline(&[1.0, 1.0], 8), "▁▁");
        assert_eq!(sparkline(&[1.0, f64::NAN, 0.0], 8), "█?▁");
        assert_eq!(sparkline(&[4.0, 2.0, 1.0, 0.0], 2), "█▁");
        assert_eq!(sparkline(&[], 8), "");
    }
}
