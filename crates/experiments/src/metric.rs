//! The names of all metrics in results.
//!
//! A name in results, such as `test_mse`, is spelled only here; the rest of the crate uses the enums.

use std::borrow::Cow;

use crate::names::{Named, names};

names! {
    /// A metric of each run, with one value.
    pub Metric {
        /// Mean squared error on the test images after the last epoch.
        TestMse = "test_mse",
        /// Cross-entropy on the test images after the last epoch.
        TestCrossEntropy = "test_cross_entropy",
        /// Accuracy on the test images after the last epoch.
        TestAccuracy = "test_accuracy",
        /// Mean squared error in the last epoch of training.
        TrainMse = "train_mse",
        /// Cross-entropy in the last epoch of training.
        TrainCrossEntropy = "train_cross_entropy",
        /// Mean squared error on the test images before training.
        InitialMse = "initial_mse",
        /// Cross-entropy on the test images before training.
        InitialCrossEntropy = "initial_cross_entropy",
        /// Accuracy on the test images before training.
        InitialAccuracy = "initial_accuracy",
        /// Test error at the epoch that the validation images select.
        SelectedMse = "selected_mse",
        /// Test accuracy at the epoch that the validation images select.
        SelectedAccuracy = "selected_accuracy",
        /// Test error at the epoch that the test images select, as in the authors' code.
        FaithfulMse = "faithful_mse",
        /// Test accuracy at the epoch that the test images select, as in the authors' code.
        FaithfulAccuracy = "faithful_accuracy",
        /// Explained variance of the test images.
        RetainedVariance = "retained_variance",
        /// Explained variance within the classes of the test images.
        BeyondClassVariance = "beyond_class_variance",
        /// Cosine of the two losses' gradients at z.
        GradientCosine = "gradient_cosine",
        /// Ratio of the norms of the two losses' gradients at z.
        GradientNormRatio = "gradient_norm_ratio",
        /// Latent units that are constant over the test images.
        DeadUnits = "dead_units",
        /// Fraction of the scatter of z between classes.
        BetweenClassShare = "between_class_share",
        /// Accuracy of five nearest neighbours, with half of the test images as neighbours of the other half.
        KnnAccuracy = "knn_accuracy",
        /// Participation ratio of the variances of z.
        ParticipationRatio = "participation_ratio",
        /// Effective rank of z.
        EffectiveRank = "effective_rank",
        /// Accuracy of a ridge probe of z.
        RidgeAccuracy = "ridge_accuracy",
        /// Mean squared error of a ridge probe of z.
        RidgeMse = "ridge_mse",
        /// Standard error over test images of [`Metric::RidgeMse`].
        RidgeMseError = "ridge_mse_error",
        /// Standard error over test images of [`Metric::TestMse`].
        OnlineMseError = "test_mse_error",
        /// Test accuracy of five nearest neighbours among training latents.
        KnnProbeAccuracy = "knn_probe_accuracy",
        /// Accuracy of an attentive probe of a latent that is a set of tokens.
        AttentiveAccuracy = "attentive_accuracy",
        /// Accuracy of a classifier trained to convergence on cached latents.
        ConvergedAccuracy = "converged_accuracy",
        /// Mean squared error of a decoder trained to convergence on cached latents.
        ConvergedMse = "converged_mse",
        /// Epochs until these heads converged.
        ConvergedEpochs = "converged_epochs",
        /// Mean squared error of the same decoder, trained on as many principal components.
        PcaHeadsMse = "pca_heads_mse",
        /// Accuracy of the same classifier, trained on as many principal components.
        PcaHeadsAccuracy = "pca_heads_accuracy",
        /// Cosine at z of the two losses' gradients over all training images.
        FullCosine = "full_gradient_cosine",
        /// That cosine with permuted labels, mean over permutations.
        FullCosineNull = "full_gradient_cosine_null",
        /// Cosine of the two losses' gradients with respect to the encoder, over all training images.
        FullEncoderCosine = "full_encoder_cosine",
        /// That cosine with permuted labels, mean over permutations.
        FullEncoderCosineNull = "full_encoder_cosine_null",
        /// Wall time of the run.
        Seconds = "seconds",
        /// Floating-point operations of the run.
        Flops = "flops",
        /// 1 where the run diverged or failed.
        Diverged = "diverged",

        /// L(λ) on test images with patches removed.
        MaskedLoss = "test_masked_loss",
        /// Mean squared error of the removed patches of test images.
        MaskedMse = "test_masked_mse",
        /// Cross-entropy on test images with patches removed.
        MaskedCrossEntropy = "test_masked_cross_entropy",
        /// Accuracy on test images with patches removed.
        MaskedAccuracy = "test_masked_accuracy",
        /// Test accuracy of the non-linear probe.
        NonlinearAccuracy = "test_nonlinear_accuracy",
        /// Principal components that are kept.
        Components = "components",
        /// Position of a bound of the variance on the axis of the LBR paper's first figure.
        Share = "share",
        /// Fraction of the variance that is kept.
        Variance = "variance",
        /// Label error of a linear code of all dimensions.
        Floor = "floor",
        /// Held-out label error of that code.
        HeldOutFloor = "held_out_floor",
        /// Loss above the exact optimum after the last step.
        Gap = "gap",
        /// The exact optimum of a loss.
        Optimum = "optimum",
        /// Number of leading components that hold three quarters of the variance.
        TopComponents = "top_components",
        /// That number as a fraction of all components.
        TopShare = "top_share",
    }
}

names! {
    /// A metric of the exact linear CRE of the same latent size, which has no seeds.
    pub LinearMetric {
        /// Test error.
        Mse = "linear_mse",
        /// Test accuracy.
        Accuracy = "linear_accuracy",
        /// Error on the training images.
        TrainMse = "linear_train_mse",
        /// Squared error to the one-hot labels of the training images.
        TrainLabels = "linear_train_labels",
    }
}

names! {
    /// A measure of the trade-off over λ, for each setting and seed.
    pub TradeOff {
        /// Synergy for reconstruction, S_r.
        SynergyForReconstruction = "synergy_for_reconstruction",
        /// Synergy for classification, S_c.
        SynergyForClassification = "synergy_for_classification",
        /// (MSE(0) - MSE(1)) / MSE(1).
        CostInMse = "cost_in_mse",
        /// accuracy(0) - accuracy(1).
        CostInAccuracy = "cost_in_accuracy",
        /// Area under the Pareto front between the end points.
        FrontArea = "front_area",
        /// Hypervolume that the front dominates.
        Hypervolume = "hypervolume",
        /// The λ at which half of the decrease in error is reached.
        HalfWayMse = "half_way_mse",
        /// The λ at which half of the loss in accuracy is reached.
        HalfWayAccuracy = "half_way_accuracy",
    }
}

names! {
    /// A baseline of a data set, with which errors are compared.
    pub Baseline {
        /// Test error of the training-mean image.
        MeanImageMse = "mean_image_mse",
        /// Test error of the class means of the training images.
        ClassMeanMse = "class_mean_mse",
    }
}

names! {
    /// A metric of each run that is an array over a coordinate, such as the code size.
    pub ArrayMetric {
        /// Task alignment by code size.
        Alignment = "alignment",
        /// R² of a probe of the code over that of all pixels, by code size.
        Explained = "explained",
        /// Largest principal angle to the subspace of reconstruction, by code size.
        Angle = "angle",
        /// Relative excess reconstruction error, by weight of reconstruction.
        ExcessMse = "excess_mse",
        /// Label error, by weight of reconstruction.
        LabelError = "label_error",
        /// Loss above the exact optimum, by step.
        GapByStep = "gap_by_step",
        /// Expected task alignment of permuted labels, by code size.
        NullAlignment = "null_alignment",
        /// Task alignment from adjusted R², by code size.
        AdjustedAlignment = "adjusted_alignment",
        /// Held-out R² of a least-squares probe of the code, by code size.
        HeldOutR2 = "held_out_r2",
        /// Held-out accuracy of a least-squares probe of the code, by code size.
        HeldOutAccuracy = "held_out_accuracy",
        /// Lower end of the jackknife interval of the task alignment, by code size.
        AlignmentLow = "alignment_low",
        /// Upper end of the jackknife interval of the task alignment, by code size.
        AlignmentHigh = "alignment_high",
        /// Largest principal angle between the leading components of two halves of the images, by code size.
        AngleNull = "angle_null",
        /// Held-out R² with a mask minus that without, by code size.
        HeldOutGain = "held_out_gain",
        /// Standard error over images of [`ArrayMetric::HeldOutGain`].
        HeldOutGainError = "held_out_gain_error",
        /// Held-out label error, by weight of reconstruction.
        HeldOutLabelError = "held_out_label_error",
    }
}

names! {
    /// A metric of each run after each epoch.
    pub EpochMetric {
        /// Test error.
        TestMse = "test_mse_by_epoch",
        /// Test cross-entropy.
        TestCrossEntropy = "test_cross_entropy_by_epoch",
        /// Test accuracy.
        TestAccuracy = "test_accuracy_by_epoch",
        /// Cosine of the two losses' gradients at z.
        GradientCosine = "gradient_cosine_by_epoch",
        /// Ratio of the norms of the two losses' gradients at z.
        GradientNormRatio = "gradient_norm_ratio_by_epoch",
        /// Number of learned eigenvectors.
        ModesLearned = "modes_learned",
        /// Rank of the last learned eigenvector.
        LastMode = "last_mode",
    }
}

names! {
    /// A group of metrics, one for each layer, component or group of eigenvectors, such as `layer_cosine/encoder.0.weight`.
    pub MetricGroup {
        /// Cosine of the two losses' gradients with respect to a weight.
        LayerCosine = "layer_cosine",
        /// Ratio of the norms of the two losses' gradients with respect to a weight.
        LayerNormRatio = "layer_norm_ratio",
        /// Sensitivity of z to a principal component of the images.
        InputSensitivity = "listening",
        /// Mean rank of a group of eigenvectors.
        ModeRank = "mode_rank",
        /// Energy of the images along a group of eigenvectors.
        Energy = "energy",
        /// Energy of the reconstructions along a group of eigenvectors.
        ReconstructedEnergy = "reconstructed_energy",
        /// Similarity of a layer to that of the pure classifier.
        ToClassifier = "to_classifier",
        /// Similarity of a layer to that of the pure autoencoder.
        ToAutoencoder = "to_autoencoder",
        /// Similarity of a layer to that of another seed.
        ToOtherSeed = "to_other_seed",
    }
}

impl MetricGroup {
    /// The metric of this layer, component or group of eigenvectors.
    pub fn of(self, index: &str) -> Indexed {
        Indexed { group: self, index: index.to_owned() }
    }
}

/// One metric of a [`MetricGroup`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexed {
    /// The group.
    pub group: MetricGroup,
    /// The layer, component or group of eigenvectors.
    pub index: String,
}

impl Named for Indexed {
    fn name(&self) -> Cow<'static, str> {
        Cow::Owned(format!("{}/{}", self.group.as_str(), self.index))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use runs::run::compute::MASKED_TEST;

    #[test]
    fn no_two_metrics_have_the_same_name() {
        let mut known = HashSet::new();
        let names = [
            Metric::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            LinearMetric::ALL.iter().map(|name| name.as_str()).collect(),
            TradeOff::ALL.iter().map(|name| name.as_str()).collect(),
            Baseline::ALL.iter().map(|name| name.as_str()).collect(),
            ArrayMetric::ALL.iter().map(|name| name.as_str()).collect(),
            EpochMetric::ALL.iter().map(|name| name.as_str()).collect(),
            MetricGroup::ALL.iter().map(|name| name.as_str()).collect(),
        ];
        for name in names.concat() {
            assert!(known.insert(name), "{name}");
        }
    }

    #[test]
    fn masked_metrics_are_spelled_as_runs_record_them() {
        let masked =
            [Metric::MaskedLoss, Metric::MaskedMse, Metric::MaskedCrossEntropy, Metric::MaskedAccuracy];
        assert_eq!(masked.map(Metric::as_str), MASKED_TEST.map(|(name, _)| name));
    }
}
