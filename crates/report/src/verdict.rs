//! The verdict on one claim: what was measured, against what, and the conclusion.

/// What a claim came to, with the values that say so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Verdict {
    /// Where the claim comes from, such as `C2/T1`.
    pub source: String,
    /// The claim in words.
    pub claim: String,
    /// The data set in words, with its training images; empty where there is none.
    pub data: String,
    /// The model in words; empty where there is none.
    pub model: String,
    /// Who read the representation: a reader's name, or that all agree; empty where nothing was read.
    pub reader: String,
    /// What kind of statement it is.
    pub kind: Kind,
    /// What was expected, with its margin.
    pub expected: String,
    /// What was measured, with its spread.
    pub got: String,
    /// The contrast that decides, or leaves it open.
    pub effect: Option<Effect>,
    /// How many seeds stand behind it; how many cases where nothing is trained.
    pub n: usize,
    /// How many test images stand behind it; 0 where none do.
    pub n_images: usize,
    /// The experiment whose row this one repeats, from the same runs; such rows are not counted.
    pub same_as: Option<String>,
    /// The conclusion.
    pub conclusion: Conclusion,
}

impl Verdict {
    /// The claim with what it is about: `more weight: lower error (Fashion-MNIST, FC-M)`.
    pub fn about(&self) -> String {
        let of: Vec<&str> = [&self.data, &self.model]
            .into_iter()
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        if of.is_empty() { self.claim.clone() } else { format!("{} ({})", self.claim, of.join("; ")) }
    }
}

/// The contrast that decides a verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// What is compared.
    pub quantity: String,
    /// Its estimate, in `unit` like the values below.
    pub value: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end of its interval.
    pub high: f64,
    /// What the claim needs the interval to be beyond.
    pub margin: f64,
    /// The unit; empty for a pure number.
    pub unit: String,
    /// What the interval is over: seeds, or seeds and images.
    pub resampled: &'static str,
}

/// What kind of statement a verdict is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A claim whose rule was declared before the data that judges it.
    #[default]
    Claim,
    /// A rule whose sizes were chosen on the same data: it guards this implementation and supports no claim.
    Guard,
    /// A fact that any right implementation meets.
    Exact,
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
/// missed, and a missed one is a fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conclusion {
    /// The claim holds.
    Holds,
    /// The claim does not hold.
    DoesNotHold,
    /// The values decide nothing: too few seeds, an interval that leaves it open, readers that disagree, or a profile that
    /// only shows that everything works.
    Undecided,
    /// The networks that the claim is about were not trained to the end.
    NotTrained,
    /// The exact fact is met.
    ExactMet,
    /// The exact fact is missed: a regression.
    ExactMissed,
    /// There are no results.
    #[default]
    NotRun,
}

impl Conclusion {
    /// All conclusions, in the order a summary counts them.
    pub const ALL: [Self; 7] = [
        Self::Holds,
        Self::DoesNotHold,
        Self::Undecided,
        Self::NotTrained,
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
            Self::NotTrained => "not trained to the end",
            Self::ExactMet => "exact",
            Self::ExactMissed => "not exact",
            Self::NotRun => "not run",
        }
    }

    /// A sign that can be told apart without colour.
    pub fn symbol(self) -> char {
        match self {
            Self::Holds => '✓',
            Self::DoesNotHold => '✗',
            Self::Undecided => '?',
            Self::NotTrained => '…',
            Self::ExactMet => '=',
            Self::ExactMissed => '≠',
            Self::NotRun => '–',
        }
    }

    /// Whether the row is a fault of ours and `reproduce` must fail.
    pub fn is_failure(self) -> bool {
        self == Self::ExactMissed
    }

    /// The class that the page's style sheet colours.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Holds | Self::ExactMet => "good",
            Self::DoesNotHold => "against",
            Self::ExactMissed => "fault",
            Self::Undecided | Self::NotTrained | Self::NotRun => "open",
        }
    }
}
