//! The workloads that both sides know by name, and the ways in which PyTorch runs each.

use std::fmt;
use std::str::FromStr;

use crate::args::{Usage, nearest};

/// A model and its batch, as `benches/benches/workloads.rs` and `benches/peers/workloads.py` build it.
#[derive(Debug, PartialEq)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// Images a step, where none are asked for.
    pub(super) batch: usize,
    /// Are there convolutions, to which the layout of an image matters?
    convolutional: bool,
    /// Is it a CRE, which the paper's authors train by three backward passes?
    cre: bool,
    /// Is it a single operation, which PyTorch runs in one way?
    operation: bool,
}

/// The CRE paper's, the reconstruction paper's, then five that candle and burn run too.
pub(super) const WORKLOADS: [Workload; 13] = [
    Workload { name: "fc_s", batch: 512, convolutional: false, cre: true, operation: false },
    Workload { name: "fc_m", batch: 512, convolutional: false, cre: true, operation: false },
    Workload { name: "fc_l", batch: 512, convolutional: false, cre: true, operation: false },
    Workload { name: "cnn_s", batch: 512, convolutional: true, cre: true, operation: false },
    Workload { name: "cnn_l", batch: 64, convolutional: true, cre: true, operation: false },
    Workload { name: "vit_s", batch: 512, convolutional: false, cre: true, operation: false },
    Workload { name: "dcae", batch: 256, convolutional: true, cre: false, operation: false },
    Workload { name: "mlpae", batch: 256, convolutional: false, cre: false, operation: false },
    Workload { name: "mlp_ae", batch: 128, convolutional: false, cre: false, operation: false },
    Workload { name: "cnn_cre", batch: 128, convolutional: true, cre: false, operation: false },
    Workload { name: "vit_cre", batch: 128, convolutional: false, cre: false, operation: false },
    Workload { name: "resnet9", batch: 128, convolutional: true, cre: false, operation: false },
    Workload { name: "resnet_ae", batch: 64, convolutional: true, cre: false, operation: false },
];

/// The operation that is only run by its name, since it takes minutes and reads a data set that `AGON_DATA` must name.
const WITH_DATA: &str = "alignment_cifar10";

/// Single operations, as `benches/benches/operations.rs` and `benches/peers/operations.py` have them.
pub(super) const OPERATIONS: [Workload; 18] = [
    operation("matmul_256"),
    operation("matmul_512"),
    operation("matmul_1024"),
    operation("matmul_2048"),
    operation("matmul_128x784x1000"),
    operation("matmul_512x1152x256"),
    operation("matmul_4096"),
    operation("matmul_4096_bf16"),
    operation("conv_64x32"),
    operation("conv_128x16"),
    operation("attention_65"),
    operation("attention_257"),
    operation("cross_entropy"),
    operation("mse"),
    operation("adam"),
    operation("components_3072"),
    operation("alignment_3072"),
    operation(WITH_DATA),
];

const fn operation(name: &'static str) -> Workload {
    Workload { name, batch: 1, convolutional: false, cre: false, operation: true }
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Forward, backward and the optimiser.
    Train,
    /// The forward pass in evaluation mode, with decoder and classifier.
    Infer,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Train, Self::Infer];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
        }
    }
}

impl Workload {
    /// How PyTorch runs it: every way that may be its fastest, and the authors' own.
    pub(super) fn torch_variants(&self, mode: Mode, on_gpu: bool) -> Vec<&'static str> {
        if self.operation {
            return vec!["eager"];
        }
        let mut variants = vec!["eager", "compiled"];
        if on_gpu && mode == Mode::Train {
            variants.push("graphed");
        }
        if self.convolutional {
            variants.extend(["eager+channels_last", "compiled+channels_last"]);
        }
        if self.cre && mode == Mode::Train {
            variants.push("original");
        }
        variants
    }
}

/// A choice of `--only`: a workload in one mode or in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) workload: &'static Workload,
    mode: Option<Mode>,
}

impl Choice {
    /// Every operation that needs no data.
    pub(super) fn operations() -> Vec<Self> {
        let all = OPERATIONS.iter().filter(|operation| operation.name != WITH_DATA);
        all.map(|workload| Self { workload, mode: None }).collect()
    }

    /// Every model.
    pub(super) fn all() -> Vec<Self> {
        WORKLOADS.iter().map(|workload| Self { workload, mode: None }).collect()
    }

    pub(super) fn modes(&self) -> Vec<Mode> {
        match self.mode {
            Some(mode) => vec![mode],
            None if self.workload.operation => vec![Mode::Train],
            None => Mode::ALL.to_vec(),
        }
    }
}

impl FromStr for Choice {
    type Err = Usage;

    /// `NAME` or `NAME/MODE`.
    fn from_str(text: &str) -> Result<Self, Usage> {
        let (name, mode) = text.split_once('/').map_or((text, None), |(name, mode)| (name, Some(mode)));
        let names = || WORKLOADS.iter().chain(&OPERATIONS).map(|workload| workload.name);
        let unknown = |kind, word, known: Vec<&'static str>| {
            let near = nearest(word, known.iter().copied());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            Usage(format!("no {kind} `{word}`{hint} (known: {})", known.join(", ")))
        };
        let workload = WORKLOADS.iter().chain(&OPERATIONS).find(|workload| workload.name == name);
        let workload = workload.ok_or_else(|| unknown("workload", name, names().collect()))?;
        let find = |word| Mode::ALL.into_iter().find(|mode| mode.name() == word);
        let known = || Mode::ALL.map(Mode::name).to_vec();
        let mode = mode.map(|word| find(word).ok_or_else(|| unknown("mode", word, known()))).transpose()?;
        Ok(Self { workload, mode })
    }
}

/// One workload in one mode on some threads: what the programs of a cell are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    pub(super) workload: &'static Workload,
    pub(super) mode: Mode,
    pub(super) threads: usize,
    /// Images a step.
    pub(super) batch: usize,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, threads {}", self.workload.name, self.mode.name(), self.threads)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// FC-M in training on one thread.
    pub(in crate::peers) fn work() -> Work {
        let workload = "fc_m".parse::<Choice>().unwrap().workload;
        Work { workload, mode: Mode::Train, threads: 1, batch: workload.batch }
    }

    #[test]
    fn a_choice_is_a_name_with_or_without_a_mode() {
        let both: Choice = "cnn_s".parse().unwrap();
        assert_eq!((both.workload.name, both.modes()), ("cnn_s", vec![Mode::Train, Mode::Infer]));
        let one: Choice = "fc_m/infer".parse().unwrap();
        assert_eq!((one.workload.name, one.modes()), ("fc_m", vec![Mode::Infer]));
    }

    #[test]
    fn an_unknown_name_or_mode_is_refused_with_the_nearest() {
        for (text, reason) in [
            ("fc_x", "no workload `fc_x`; did you mean fc_s? (known: fc_s, fc_m,"),
            ("fc_m/trian", "no mode `trian`; did you mean train? (known: train, infer)"),
            ("fc_m/", "no mode ``"),
        ] {
            let error = text.parse::<Choice>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn layouts_are_tried_on_convolutions_and_the_authors_way_on_cre_training() {
        let of = |name: &str, mode| name.parse::<Choice>().unwrap().workload.torch_variants(mode, false);
        assert_eq!(of("fc_m", Mode::Train), ["eager", "compiled", "original"]);
        assert_eq!(of("mlpae", Mode::Train), ["eager", "compiled"]);
        let convolutional = ["eager", "compiled", "eager+channels_last", "compiled+channels_last"];
        assert_eq!(of("cnn_s", Mode::Infer), convolutional);
        let mlpae = "mlpae".parse::<Choice>().unwrap().workload;
        assert_eq!(mlpae.torch_variants(Mode::Train, true), ["eager", "compiled", "graphed"]);
    }
}
