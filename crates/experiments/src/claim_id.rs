//! The codes of claims, trends, questions and exact facts (`book/codes.md`).

use report::Kind;

use crate::names::names;

names! {
    /// The code of a claim, spelled as in the column `claim id` of `verdicts.csv`.
    pub ClaimId {
        /// No mixture of the two losses beats the end points.
        C1 = "C1",
        /// No synergy at the best λ of each seed.
        C1T4 = "C1/T4",
        /// More weight on reconstruction lowers the error and the accuracy.
        C2T1 = "C2/T1",
        /// New heads on a frozen encoder do not close the gap.
        C3 = "C3",
        /// A classifier's latent reconstructs worse.
        C3T2 = "C3/T2",
        /// An autoencoder's latent classifies worse.
        C3T3 = "C3/T3",
        /// A trained classifier's latent holds more class information than linear codes.
        C3T15 = "C3/T15",
        /// A larger latent helps reconstruction more than classification.
        C4C6T5 = "C4,C6/T5",
        /// A larger latent does not remove the trade-off.
        C4T6 = "C4/T6",
        /// The linear optimum trades classification for reconstruction as trained networks do.
        C4Lbr1 = "C4/LBR 1",
        /// A larger part of the network eases the trade-off.
        C5 = "C5",
        /// A more complex network eases the trade-off and does not remove it.
        C5T7 = "C5/T7",
        /// Encoders of the two tasks differ more than those of two seeds.
        C7 = "C7",
        /// A classifier's small latent gives class-typical images.
        C7T8 = "C7/T8",
        /// Individual detail grows with λ.
        C7E8 = "C7/E8",
        /// The two objectives arrange the latent differently.
        C7T10 = "C7/T10",
        /// The end points differ in the same direction for all architectures and data sets.
        C8 = "C8",
        /// Mixing in classification does better than masking.
        C9T11 = "C9/T11",
        /// A trained autoencoder reconstructs better than PCA.
        T9 = "T9",
        /// A trained linear CRE reaches the exact front.
        T13 = "T13",
        /// The gradients at z oppose each other more than with permuted labels.
        E13 = "E13",
        /// A shared latent is better than a split one.
        Q5 = "Q5",
        /// With few labels reconstruction helps classification.
        Q6 = "Q6",
        /// No mixing rule reaches both end points at once.
        Q7 = "Q7",
        /// Feedback of the reconstruction error eases the trade-off.
        Q9 = "Q9",
        /// Exact fact: heads are trained even if their loss does not train the encoder.
        A5 = "A5",
        /// Exact fact: an untrained network classifies at chance.
        A6 = "A6",
        /// Exact fact: the same seed gives the same bits.
        A13 = "A13",
        /// The subspace of large variance is poor for classification.
        Lbr1 = "LBR 1",
        /// Eigenvectors of large variance are learned first.
        Lbr2 = "LBR 2",
        /// Equally good reconstructions differ in class information.
        Lbr3 = "LBR 3",
        /// Gradient descent reaches the closed forms.
        Lbr5 = "LBR 5",
        /// Task alignment depends on the data set.
        Lbr6 = "LBR 6",
        /// Reconstruction is better aligned with simple images than with photographs or backgrounds.
        Lbr7 = "LBR 7",
        /// Gaussian noise never changes the alignment; masks can.
        Lbr8 = "LBR 8",
        /// Whether masking helps depends on patch, ratio, size and data set.
        Lbr9 = "LBR 9",
        /// Useful noise can be detected without labels.
        Lbr10 = "LBR 10",
        /// Few components hold most of the variance.
        LbrE5 = "LBR E5",
        /// Reconstruction does not help an encoder trained on labels.
        LbrE7 = "LBR E7",
        /// The best reconstruction does not have the most accurate latent.
        LbrE8 = "LBR E8",
        /// Joint embedding ignores a background under weaker noise than reconstruction; in neither paper.
        JointEmbedding = "JE",
        /// The closed form's sign predicts that of trained networks; in neither paper.
        Beyond = "beyond",
    }
}

impl ClaimId {
    /// The kind of statement of a row of this claim on this data set.
    ///
    /// The thresholds of T4 to T11 were chosen on the first images of Fashion-MNIST, so on that data set they guard the
    /// implementation and support no claim; on other data sets they were declared in advance (`book/cre.md`, section 6.3).
    pub fn kind(self, data: &str) -> Kind {
        match self {
            Self::A5 | Self::A6 | Self::A13 => Kind::Exact,
            Self::C1T4
            | Self::C4C6T5
            | Self::C4T6
            | Self::C5T7
            | Self::C7T8
            | Self::T9
            | Self::C7T10
            | Self::C9T11
                if data.starts_with("fashion-mnist") =>
            {
                Kind::Guard
            }
            _ => Kind::Claim,
        }
    }
}
