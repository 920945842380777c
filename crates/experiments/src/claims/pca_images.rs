//! LBR E5: images in the components of large and of small variance.

use report::{Figure, GridRow, Image, ImageGrid, Verdict};

use crate::claim_id::ClaimId;
use crate::error::{Error, Result};
use crate::experiment::{Experiment, Info, Paper};
use crate::grid::Grid;
use crate::lbr::{fashion, grid, questions};
use crate::metric::Metric;
use crate::profile::Profile;
use crate::sweep::curves::Curves;
use crate::sweep::recorded::Recorded;
use crate::sweep::trends::{About, Finding, exactly, found};
use runs::images::DataConfig;
use runs::learners::closed_form::Question;
use runs::store::{Results, Values};

/// LBR E5 (`book/lbr.md`).
pub struct PcaImages;

/// The number of images shown.
const SHOWN: usize = 8;

static INFO: Info = Info {
    name: "pca-images",
    title: "Images in bands of variance (LBR E5)",
    claim: "The components that hold three quarters of the variance show blurred blobs of colour; what makes objects \
            recognisable is in the others.",
    paper: Paper::Lbr,
    recorded: Recorded {
        bands: true,
        ..Recorded::scalars(&[
            (Metric::TopComponents, "number of leading components that hold three quarters of the variance"),
            (Metric::TopShare, "the same as a fraction of all components"),
        ])
    },
};

impl Experiment for PcaImages {
    fn info(&self) -> &'static Info {
        &INFO
    }

    fn grid(&self, profile: Profile) -> Grid {
        let sets = match profile {
            Profile::Smoke => vec![fashion(profile)],
            // Images at their full size are possible because the Gram matrix has a row for each image, not for each
            // pixel.
            _ => vec![
                DataConfig::new("tiny-imagenet", 2_000, 0, 10),
                DataConfig::new("imagenette", 9_469, 0, 10),
            ],
        };
        let asked = [("bands".to_owned(), 0.0, Question::Bands { shown: SHOWN })];
        grid(vec![questions("training images", "", asked, sets)], vec![0])
    }

    fn figures(&self, results: &Results) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for curves in &Curves::all(results)? {
            let missing = || Error::Missing("images in bands".into());
            let variable = results.variables.get(&format!("bands_{}", curves.index)).ok_or_else(missing)?;
            let shape =
                results.attributes.get(&format!("band_shape_{}", curves.index)).ok_or_else(missing)?;
            let shape: Vec<usize> = shape.split(' ').filter_map(|n| n.parse().ok()).collect();
            let (Values::U8(bytes), &[_, shown, c, h, w]) = (&variable.values, shape.as_slice()) else {
                return Err(missing());
            };
            let mut rows = Vec::new();
            for (label, bytes) in
                ["original", "bottom 25 %", "top 75 %"].into_iter().zip(bytes.chunks_exact(shown * c * h * w))
            {
                let image = |bytes: &[u8]| {
                    let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
                    Ok(Image::from_planes(c, h, w, &values)?)
                };
                let images = bytes.chunks_exact(c * h * w).map(image).collect::<Result<_>>()?;
                rows.push(GridRow { label: label.into(), note: String::new(), images });
            }
            figures.push(Figure::Grid(ImageGrid {
                name: format!("bands-{}", curves.index),
                title: format!("Images in bands of variance ({})", curves.set_words()),
                caption: "Training images, their projections on the components of smallest variance that together hold a \
                          quarter of it, and their projections on the other components. The mean image is added to all \
                          of them, and each image is scaled to its own range."
                    .into(),
                columns: (1..=shown).map(|n| n.to_string()).collect(),
                rows,
            }));
        }
        Ok(figures)
    }

    fn verdicts(&self, results: &Results) -> Result<Vec<Verdict>> {
        let mut rows = Vec::new();
        for curves in &Curves::all(results)? {
            let [n, share] = [Metric::TopComponents, Metric::TopShare].map(|name| curves.at(name, 0, 0));
            let (n, share) = (n?, share?);
            let finding = n.first().zip(share.first()).map(|(n, share)| {
                Finding::exact(*share < 0.05, format!("{n} components, {:.1} %", 100.0 * share))
            });
            rows.push(exactly(
                About::set(ClaimId::LbrE5, "few components hold three quarters of the variance", curves),
                "fewer than 5 % of the components",
                found(finding, format!("no components of {}", curves.data)),
                1,
            )?);
        }
        Ok(rows)
    }
}
