//! The verdict on a claim: the measured and the expected result, and the conclusion.

use crate::number::{fixed, short};

/// The verdict on a claim, with its evidence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// The code of the claim, such as `C2/T1`.
    pub source: String,
    /// The claim in words.
    pub claim: String,
    /// The data set in words, with the number of training images; empty if there is none.
    pub data: String,
    /// The model in words; empty if there is none.
    pub model: String,
    /// The reader of the representation, or that all readers agree; empty if none was used.
    pub reader: String,
    /// The kind of statement.
    pub kind: Kind,
    /// The expected result with its margin.
    pub expected: String,
    /// The measured result with its spread.
    pub got: String,
    /// The contrast that decides the verdict.
    pub effect: Option<Effect>,
    /// The hypothesis tests behind the conclusion; empty if no interval decides.
    pub tests: Vec<Test>,
    /// The number of seeds, or of cases if nothing is trained.
    pub n: usize,
    /// The number of test images; 0 if none are used.
    pub n_images: usize,
    /// The experiment whose row this one repeats with the same runs; such rows are not counted.
    pub same_as: Option<String>,
    /// The conclusion.
    pub conclusion: Conclusion,
}

impl Verdict {
    /// The claim with data set and model, such as `more weight: lower error (Fashion-MNIST, FC-M)`.
    pub fn about(&self) -> String {
        let of: Vec<&str> = [&self.data, &self.model]
            .into_iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        if of.is_empty() { self.claim.clone() } else { format!("{} ({})", self.claim, of.join("; ")) }
    }

    /// Whether readers of the same latent disagree on the claim.
    pub(crate) fn readers_disagree(&self) -> bool {
        self.reader.starts_with("best")
    }
}

/// The contrast that decides a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The compared quantity.
    pub quantity: String,
    /// The estimate, in `unit` like the values below.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
    /// The margin that the interval must exceed for the claim to hold.
    pub margin: f64,
    /// The unit; empty for a dimensionless quantity.
    pub unit: String,
    /// The unit of resampling: seeds, or seeds and images.
    pub resampled: &'static str,
}

/// The hypothesis tests of one contrast against its margin.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The contrast with its 95 % interval.
    pub effect: Effect,
    /// The number of seeds, or of images if nothing is trained.
    pub n: usize,
    /// The number of contrasts from which it was chosen after the fact; 1 if it was not.
    pub among: usize,
    /// The p-value of the hypothesis that the effect is not beyond the margin.
    pub p_beyond: f64,
    /// The p-value of the hypothesis that the effect is beyond the margin.
    pub p_short: f64,
}

/// The kind of statement of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A claim whose decision rule was declared before its data.
    #[default]
    Claim,
    /// A regression guard whose thresholds were calibrated on the same data; it supports no claim.
    Guard,
    /// A fact that any correct implementation meets.
    Exact,
}

impl Effect {
    /// The estimate with its sign, as on a page: `+15.7`.
    pub(crate) fn estimate(&self) -> String {
        self.written(self.value)
    }

    /// The interval in brackets: `[+12.9, +18.4]`; empty without ends.
    pub(crate) fn interval(&self) -> String {
        match self.low.is_finite() && self.high.is_finite() {
            true => format!("[{}, {}]", self.written(self.low), self.written(self.high)),
            false => String::new(),
        }
    }

    /// Estimate, unit and interval: `+15.7 points [+12.9, +18.4]`.
    pub fn words(&self) -> String {
        let parts = [self.estimate(), self.unit.clone(), self.interval()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// Points and percent have a sign and one decimal, other units up to four digits.
    fn written(&self, value: f64) -> String {
        if !matches!(self.unit.as_str(), "points" | "%") {
            return short(value);
        }
        let text = fixed(value, 1);
        if value >= 0.05 { format!("+{text}") } else { text }
    }
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::Guard => "implementation guard",
            Self::Exact => "exact fact",
        }
    }
}

/// The conclusion of a verdict. A claim of a paper holds or not, and either is a finding; an exact fact is met or
/// missed, and a missed one is a bug of this implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conclusion {
    /// The claim holds.
    Holds,
    /// The claim does not hold.
    DoesNotHold,
    /// The evidence is insufficient: too few seeds, an interval that contains the margin, readers that disagree, or a
    /// profile that only tests the pipeline.
    Undecided,
    /// The networks of the claim were not trained to convergence.
    NotConverged,
    /// The exact fact is met.
    ExactMet,
    /// The exact fact is missed: a regression.
    ExactMissed,
    /// There are no results.
    #[default]
    NotRun,
}

impl Conclusion {
    /// All conclusions, in the order of the summary.
    pub const ALL: [Self; 7] = [
        Self::Holds,
        Self::DoesNotHold,
        Self::Undecided,
        Self::NotConverged,
        Self::ExactMet,
        Self::ExactMissed,
        Self::NotRun,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::DoesNotHold => "does not hold",
            Self::Undecided => "undecided",
            Self::NotConverged => "not converged",
            Self::ExactMet => "exact",
            Self::ExactMissed => "not exact",
            Self::NotRun => "not run",
        }
    }

    /// A symbol that is distinguishable without colour.
    pub fn symbol(self) -> char {
        match self {
            Self::Holds => '✓',
            Self::DoesNotHold => '✗',
            Self::Undecided => '?',
            Self::NotConverged => '…',
            Self::ExactMet => '=',
            Self::ExactMissed => '≠',
            Self::NotRun => '–',
        }
    }

    /// Whether the row is a bug of this implementation, so that `reproduce` must fail.
    pub fn is_failure(self) -> bool {
        self == Self::ExactMissed
    }

    /// Its letter on a page: the CSS class and the key of filters.
    pub(crate) fn key(self) -> char {
        match self {
            Self::Holds => 'h',
            Self::DoesNotHold => 'x',
            Self::Undecided => 'u',
            Self::NotConverged => 't',
            Self::ExactMet => 'e',
            Self::ExactMissed => 'f',
            Self::NotRun => 'n',
        }
    }

    /// The rank in the choice of one verdict among several, weakest first: a missed fact or counterexample, then
    /// undecided claims, then claims that hold. Verdicts that were not run are shown only if there is no other.
    pub(crate) fn strength(self) -> usize {
        match self {
            Self::ExactMissed => 0,
            Self::DoesNotHold => 1,
            Self::Undecided => 2,
            Self::NotConverged => 3,
            Self::Holds | Self::ExactMet => 4,
            Self::NotRun => 5,
        }
    }
}
