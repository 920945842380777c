//! The workloads of both sides by name, and the variants in which PyTorch runs each.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, anyhow};

/// A model and its batch, as `benches/benches/workloads.rs` and `benches/peers/workloads.py` build it.
#[derive(Debug, PartialEq)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// The default number of images per step.
    pub(crate) batch: usize,
    /// Whether it has convolutions, whose speed depends on the memory layout.
    convolutional: bool,
    /// Whether it is a CRE, which the paper's authors train with three backward passes.
    cre: bool,
    /// Whether it is a single operation, which PyTorch runs in one variant.
    operation: bool,
}

/// The models of the CRE paper, of the LBR paper, and three that candle and burn also run.
pub(crate) const WORKLOADS: [Workload; 13] = [
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

/// The operation that is only run by name, since it takes minutes and reads a data set from `AGON_DATA`.
const WITH_DATA: &str = "alignment_cifar10";

/// The single operations of `benches/benches/operations.rs` and `benches/peers/operations.py`.
pub(crate) const OPERATIONS: [Workload; 18] = [
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

/// The kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Forward, backward and the optimiser.
    Train,
    /// The forward pass in evaluation mode, with decoder and classifier.
    Infer,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Train, Self::Infer];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Infer => "infer",
        }
    }
}

impl Workload {
    /// The variants in which PyTorch runs it: those that may be the fastest, and that of the authors.
    pub(crate) fn torch_variants(&self, mode: Mode, on_gpu: bool) -> Vec<&'static str> {
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

/// An item of `--only`: a workload in one mode or in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) workload: &'static Workload,
    mode: Option<Mode>,
}

impl Choice {
    /// Every operation that needs no data.
    pub(crate) fn operations() -> Vec<Self> {
        let all = OPERATIONS.iter().filter(|operation| operation.name != WITH_DATA);
        all.map(|workload| Self { workload, mode: None }).collect()
    }

    /// Every model.
    pub(crate) fn all() -> Vec<Self> {
        WORKLOADS.iter().map(|workload| Self { workload, mode: None }).collect()
    }

    pub(crate) fn modes(&self) -> Vec<Mode> {
        match self.mode {
            Some(mode) => vec![mode],
            None if self.workload.operation => vec![Mode::Train],
            None => Mode::ALL.to_vec(),
        }
    }
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    /// `NAME` or `NAME/MODE`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, mode) = text.split_once('/').map_or((text, None), |(name, mode)| (name, Some(mode)));
        let all = || WORKLOADS.iter().chain(&OPERATIONS);
        let workload = all().find(|workload| workload.name == name).ok_or_else(|| {
            let names: Vec<&str> = all().map(|workload| workload.name).collect();
            anyhow!("no workload `{name}`; there are {}", names.join(", "))
        })?;
        let find = |word| Mode::ALL.into_iter().find(|mode| mode.name() == word);
        let known = |word| find(word).with_context(|| format!("no mode `{word}`; there are train and infer"));
        Ok(Self { workload, mode: mode.map(known).transpose()? })
    }
}

/// The selection of one word of `--only`: a workload, or all `operations`.
#[derive(Clone, Debug)]
pub(crate) struct Selection(pub(crate) Vec<Choice>);

impl FromStr for Selection {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Ok(Self(if text == "operations" { Choice::operations() } else { vec![text.parse()?] }))
    }
}

/// One workload in one mode on some threads: the work of the programs of a cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) workload: &'static Workload,
    pub(crate) mode: Mode,
    pub(crate) threads: usize,
    /// Images a step.
    pub(crate) batch: usize,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, threads {}", self.workload.name, self.mode.name(), self.threads)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// FC-M in training on one thread.
    pub(crate) fn work() -> Work {
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
    fn an_unknown_name_or_mode_is_refused_with_the_known_ones() {
        for (text, reason) in [
            ("fc_x", "no workload `fc_x`; there are fc_s, fc_m,"),
            ("fc_m/trian", "no mode `trian`; there are train and infer"),
            ("fc_m/", "no mode ``"),
        ] {
            let error = text.parse::<Choice>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn pytorch_variants_are_memory_layouts_for_convolutions_and_the_authors_code_for_cre_training() {
        let of = |name: &str, mode| name.parse::<Choice>().unwrap().workload.torch_variants(mode, false);
        assert_eq!(of("fc_m", Mode::Train), ["eager", "compiled", "original"]);
        assert_eq!(of("mlpae", Mode::Train), ["eager", "compiled"]);
        let convolutional = ["eager", "compiled", "eager+channels_last", "compiled+channels_last"];
        assert_eq!(of("cnn_s", Mode::Infer), convolutional);
        let mlpae = "mlpae".parse::<Choice>().unwrap().workload;
        assert_eq!(mlpae.torch_variants(Mode::Train, true), ["eager", "compiled", "graphed"]);
    }
}
