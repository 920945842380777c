//! The task alignment of codes, with its null, its interval, and held-out counterparts.

use ndarray::Array1;
use theory::{Codes, Corruption, Denoising, Moments, Pca, jackknife_error, principal_angles};

use super::{Code, Noise, sizes};
use crate::Result;
use crate::images::Images;
use crate::measure::standard_error;
use crate::pixels::{chunks, normalised, rows};
use crate::store::{Array, Arrays};
use crate::training::Scalars;

/// The code sizes at which largest principal angles are computed; each is a factorisation.
const ANGLES: [usize; 4] = [4, 16, 64, 256];

/// The largest rank of images for which measures that take further eigendecompositions are computed.
const LARGEST_DECOMPOSED_AGAIN: usize = 1_100;

/// The number of groups of images for 95 % intervals by the delete-group jackknife.
const GROUPS: usize = 10;

/// The 97.5 % quantile of Student's t with one degree of freedom less than there are groups.
const T: f64 = 2.262;

/// The alignment of the codes under this noise by code size.
pub(super) fn of(images: &Images, noise: Noise, code: Code) -> Result<(Scalars, Arrays)> {
    let denoising = images.denoising()?;
    let (n, d, rank) = (images.train.len(), images.n_pixels(), denoising.rank());
    let deviation = (denoising.variances().sum() / d as f64).sqrt();
    let corruption = noise.corruption(images.train.image_shape(), deviation);
    let (is_clean, is_small) = (corruption == Corruption::None, rank <= LARGEST_DECOMPOSED_AGAIN);
    let sizes = sizes(rank);
    let with_codes = |(curve, codes)| (curve, Some(codes));
    let (curve, codes) = match code {
        Code::JointEmbedding => denoising.joint_embedding(&corruption, rank).map(with_codes)?,
        Code::Reconstruction if is_clean || is_small => {
            denoising.alignment_and_codes(&corruption, rank).map(with_codes)?
        }
        Code::Reconstruction => (denoising.alignment(&corruption)?, None),
    };
    let of = |curve: &Array1<f64>| sizes.iter().map(|&k| curve[k - 1]).collect::<Vec<f64>>();
    let has_angles = is_small && code == Code::Reconstruction;
    let at: Vec<usize> = ANGLES.into_iter().filter(|&k| k < rank && has_angles).collect();
    let angles = denoising.angles_to_principal_components(&corruption, &at)?;
    // The measured angles at their positions among all sizes.
    let placed = |angles: &[f64]| -> Vec<f64> {
        let angle =
            |k: &usize| at.iter().position(|known| known == k).map_or(f64::NAN, |place| angles[place]);
        sizes.iter().map(angle).collect()
    };
    let mut scalars = Scalars::from([
        ("images".into(), n as f64),
        ("rank".into(), rank as f64),
        ("r2".into(), curve.r2[rank - 1]),
    ]);
    let mut arrays = vec![
        ("k", sizes.iter().map(|&k| k as f64).collect()),
        ("alignment", of(&curve.alignment)),
        ("explained", of(&(curve.r2_ratio() / 100.0))),
        ("angle", placed(&angles)),
        ("null_alignment", of(&curve.null())),
    ];
    scalars.extend(curve.adjusted_r2(n).get(rank - 1).map(|&r2| ("adjusted_r2".into(), r2)));
    arrays.extend(curve.adjusted(n).map(|adjusted| ("adjusted_alignment", of(&adjusted))));
    if let Some(codes) = codes {
        let clean = match is_clean {
            true => None,
            false => Some(denoising.codes(&Corruption::None, rank)?),
        };
        let held_out = HeldOut::of(images, &codes, clean.as_ref(), &sizes)?;
        scalars.extend(held_out.r2.last().map(|&r2| ("held_out_r2_full".into(), r2)));
        arrays.extend(held_out.arrays());
    }
    if is_clean && is_small {
        let groups = images.moments_of_groups(GROUPS)?;
        let half = T * errors(&groups, rank)?;
        arrays.push(("alignment_low", of(&(&curve.alignment - &half))));
        arrays.push(("alignment_high", of(&(&curve.alignment + &half))));
        arrays.push(("angle_null", placed(&between_halves(&groups, &at)?)));
    }
    Ok((scalars, arrays.into_iter().map(|(name, values)| (name.into(), Array::vector(values))).collect()))
}

/// Test metrics of least-squares probes fitted to codes of training images, by code size.
struct HeldOut {
    r2: Vec<f64>,
    accuracy: Vec<f64>,
    /// The change of `r2` by noise with its standard error over images; `None` without noise.
    gain: Option<[Vec<f64>; 2]>,
}

impl HeldOut {
    /// Empty if the class frequencies have no error.
    fn of(images: &Images, codes: &Codes, clean: Option<&Codes>, sizes: &[usize]) -> Result<Self> {
        let sizes = [&[0], sizes].concat(); // The baseline comes first.
        let judged = |codes: &Codes| -> Result<theory::HeldOut> {
            let mut all: Option<theory::HeldOut> = None;
            for range in chunks(images.test.len()) {
                let part = images.test.rows(range)?;
                let judged = codes.judge(rows(&part, normalised(&part)).view(), part.labels(), &sizes)?;
                all = Some(match all.take() {
                    Some(all) => all.join(&judged)?,
                    None => judged,
                });
            }
            Ok(all.expect("a split has at least one image"))
        };
        let of_codes = judged(codes)?;
        let Some(r2) = of_codes.r2(0)? else { return Ok(Self { r2: vec![], accuracy: vec![], gain: None }) };
        let but_baseline = |curve: Array1<f64>| curve.iter().skip(1).copied().collect::<Vec<f64>>();
        let gain = match clean {
            Some(clean) => Some(gains(&of_codes, &judged(clean)?)),
            None => None,
        };
        Ok(Self { r2: but_baseline(r2), accuracy: but_baseline(of_codes.accuracy()), gain })
    }

    fn arrays(self) -> Vec<(&'static str, Vec<f64>)> {
        let Self { r2, accuracy, gain } = self;
        let mut arrays = vec![("held_out_r2", r2), ("held_out_accuracy", accuracy)];
        arrays.extend(
            gain.into_iter()
                .flat_map(|[gain, error]| [("held_out_gain", gain), ("held_out_gain_error", error)]),
        );
        arrays.retain(|(_, values)| !values.is_empty());
        arrays
    }
}

/// The `R^2` of noisy codes minus that of clean ones, and its standard error over paired images, for all sizes after
/// the first, which is the baseline.
fn gains(noisy: &theory::HeldOut, clean: &theory::HeldOut) -> [Vec<f64>; 2] {
    let baseline = clean.squared_errors.column(0).mean().unwrap_or(f64::NAN);
    let pairs = clean.squared_errors.columns().into_iter().zip(noisy.squared_errors.columns());
    let each = pairs.skip(1).map(|(clean, noisy)| {
        let gains: Vec<f64> =
            clean.iter().zip(noisy).map(|(clean, noisy)| (clean - noisy) / baseline).collect();
        (gains.iter().sum::<f64>() / gains.len() as f64, standard_error(&gains).unwrap_or(f64::INFINITY))
    });
    let (gain, error) = each.unzip();
    [gain, error]
}

/// The standard error of the alignment at each of `rank` sizes, by the delete-group jackknife.
fn errors(groups: &[Moments], rank: usize) -> Result<Array1<f64>> {
    let mut without = vec![];
    for left_out in 0..groups.len() {
        let moments =
            joined(groups.iter().enumerate().filter(|&(group, _)| group != left_out).map(|(_, of)| of))?;
        without.push(Denoising::new(&moments)?.alignment(&Corruption::None)?.alignment);
    }
    let at = |k: usize| -> Vec<f64> {
        // A subset of the images may have a smaller rank; beyond it the alignment is 100 %.
        without.iter().map(|curve| curve.get(k).copied().unwrap_or(100.0)).collect()
    };
    Ok((0..rank).map(|k| jackknife_error(&at(k)).unwrap_or(f64::INFINITY)).collect())
}

/// The largest principal angle, in degrees, between the first `k` principal components of two halves of the images.
fn between_halves(groups: &[Moments], ks: &[usize]) -> Result<Vec<f64>> {
    let (first, second) = groups.split_at(groups.len() / 2);
    let [first, second] = [Pca::fit(&joined(first)?)?, Pca::fit(&joined(second)?)?];
    let components = |pca: &Pca, k: usize| {
        pca.components().slice_axis(ndarray::Axis(0), ndarray::Slice::from(..k)).to_owned()
    };
    let largest = |&k: &usize| {
        let angles = principal_angles(components(&first, k).view(), components(&second, k).view())?;
        Ok(angles[k - 1])
    };
    ks.iter().map(largest).collect()
}

fn joined<'a>(groups: impl IntoIterator<Item = &'a Moments>) -> Result<Moments> {
    let mut groups = groups.into_iter();
    let mut all = groups.next().expect("there are several groups").clone();
    groups.try_for_each(|group| all.join(group))?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::DataConfig;

    fn numbers(arrays: &Arrays, name: &str) -> Vec<f64> {
        match &arrays[name].values {
            crate::store::Values::F64(values) => values.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// With few images of many pixels, what the alignment gains by chance is not seen on held-out images.
    #[test]
    fn an_alignment_has_a_null_an_interval_and_held_out_counterparts() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 400, 0, 200), None).unwrap();
        let (scalars, arrays) = of(&images, Noise::None, Code::Reconstruction).unwrap();
        let n_sizes = arrays["k"].shape[0];
        for name in
            ["alignment", "null_alignment", "held_out_r2", "held_out_accuracy", "alignment_low", "angle_null"]
        {
            assert_eq!(arrays[name].shape, [n_sizes], "{name}");
        }
        // With as many directions as images, no degrees of freedom are left for an adjusted R^2.
        assert!(!arrays.contains_key("adjusted_alignment") && !scalars.contains_key("adjusted_r2"));
        assert!(scalars["r2"] > 0.99 && scalars["held_out_r2_full"] < 0.0, "{scalars:?}");
        let (r2, accuracy) = (numbers(&arrays, "held_out_r2"), numbers(&arrays, "held_out_accuracy"));
        // With 16 dimensions, accuracy is far above chance for ten classes, and R^2 above that of all directions.
        assert!(r2[15] > 0.3 && accuracy[15] > 0.5, "{} {}", r2[15], accuracy[15]);
        let [low, high] = ["alignment_low", "alignment_high"].map(|name| numbers(&arrays, name));
        let width: Vec<f64> = high.iter().zip(&low).map(|(high, low)| high - low).collect();
        assert!(width[..16].iter().all(|&width| width > 0.0 && width < 40.0), "{width:?}");
        let (angle, null) = (numbers(&arrays, "angle"), numbers(&arrays, "angle_null"));
        assert!(angle[15] < 1e-3 && null[15] > 1.0 && null[4].is_nan(), "{} {}", angle[15], null[15]);
    }

    #[test]
    fn a_mask_has_a_held_out_gain_with_a_standard_error() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 2_000, 0, 300), None).unwrap();
        let (_, arrays) = of(&images, Noise::Mask { patch: 1, drop: 0.5 }, Code::Reconstruction).unwrap();
        let (_, clean) = of(&images, Noise::None, Code::Reconstruction).unwrap();
        let [gain, error] = ["held_out_gain", "held_out_gain_error"].map(|name| numbers(&arrays, name));
        let [with, without] = [&arrays, &clean].map(|arrays| numbers(arrays, "held_out_r2"));
        for (place, (gain, error)) in gain.iter().zip(&error).enumerate() {
            // The gain is the difference of both R^2, summed in another order.
            assert!((with[place] - without[place] - gain).abs() < 1e-9, "{place}");
            assert!(*error >= 0.0 && *error < 0.1, "{place}: {error}");
        }
        assert!(!clean.contains_key("held_out_gain") && !arrays.contains_key("alignment_low"));
        assert!(clean.contains_key("adjusted_alignment"));
    }

    #[test]
    fn groups_of_images_add_up_to_all_images() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 1_003, 0, 1), None).unwrap();
        let groups = images.moments_of_groups(GROUPS).unwrap();
        let counts: Vec<usize> = groups.iter().map(Moments::n).collect();
        assert_eq!(counts, [101, 101, 101, 100, 100, 100, 100, 100, 100, 100]);
        let (all, whole) = (joined(&groups).unwrap(), images.moments().unwrap());
        assert_eq!(all.class_frequencies().unwrap(), whole.class_frequencies().unwrap());
        // Sums of a thousand pixels from -1 to 1, in another order.
        let gap = (all.covariance().unwrap() - whole.covariance().unwrap()).mapv(f64::abs);
        assert!(gap.iter().all(|gap| *gap < 1_003.0 * f64::EPSILON));
    }

    #[test]
    fn joint_embedding_needs_noise_and_has_no_angles() {
        let images = Images::open(&DataConfig::new("fashion-mnist-embedded", 900, 0, 100), None).unwrap();
        let error = of(&images, Noise::None, Code::JointEmbedding).unwrap_err().to_string();
        assert!(error.contains("every code is optimal"), "{error}");
        let noise = Noise::Background { deviation: 0.3, pixel_deviation: 0.1 };
        let [(_, embedding), (_, reconstruction)] =
            [Code::JointEmbedding, Code::Reconstruction].map(|code| of(&images, noise, code).unwrap());
        let angles = |arrays: &Arrays| numbers(arrays, "angle").iter().any(|angle| angle.is_finite());
        assert!(!angles(&embedding) && angles(&reconstruction));
        assert!(numbers(&embedding, "held_out_r2") != numbers(&reconstruction, "held_out_r2"));
    }
}
