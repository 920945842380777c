//! E1: do classification and reconstruction compete in the latent of a fully connected CRE?

use models::fc::Size;
use models::{Activation, AdamConfig};
use report::{Plate, Row};

use crate::cre_run::{CreRun, DataConfig};
use crate::experiment::{Experiment, Finished};
use crate::store::Results;
use crate::sweep::{self, Grid};
use crate::{Profile, Result};

/// Section 4.2, E1: FC-M at k = 4, 16 and 64 over λ.
pub struct FcLambdaSweep;

impl Experiment for FcLambdaSweep {
    const NAME: &'static str = "fc-lambda-sweep";
    const TITLE: &'static str = "The trade-off over λ in fully connected networks (E1)";
    const SHOWS: &'static str = "In a latent that serves both tasks, what is gained in reconstruction is lost \
                                 in classification and the reverse: a trade-off and no synergy, which a \
                                 larger latent eases but does not remove.";
    type Config = Grid;

    fn config(profile: Profile) -> Grid {
        let coarse = vec![0.0, 0.5, 0.9, 0.99, 1.0];
        let fine =
            vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999, 1.0];
        let embedded = |train, validation, test| {
            let name = "fashion-mnist-embedded".into();
            vec![DataConfig { name, train, validation, test }]
        };
        let whole =
            |name: &str| DataConfig { name: name.into(), train: 55_000, validation: 5_000, test: 10_000 };
        // With identity latents no unit can die; the small profiles leave that to the full one and to
        // `-s 'latent_activations=["identity"]'`.
        let latent_activations = match profile {
            Profile::Smoke | Profile::Quick => vec![Activation::Relu],
            Profile::Full => vec![Activation::Relu, Activation::Identity],
        };
        let (data, latents, lambdas, seeds, batch, epochs) = match profile {
            Profile::Smoke => (embedded(1_000, 200, 200), vec![4, 16], vec![0.0, 0.9, 1.0], vec![0], 100, 2),
            Profile::Quick => {
                (embedded(5_000, 1_000, 1_000), vec![4, 16, 64], coarse, (0..5).collect(), 100, 8)
            }
            Profile::Full => {
                let data = vec![whole("fashion-mnist"), whole("mnist")];
                (data, vec![4, 16, 64], fine, (0..5).collect(), 512, 30)
            }
        };
        Grid {
            data,
            latent_activations,
            size: Size::M,
            latents,
            lambdas,
            seeds,
            batch,
            epochs,
            optimiser: AdamConfig::PAPER,
        }
    }

    fn runs(config: &Grid) -> Vec<CreRun> {
        config.runs()
    }

    fn results(config: &Grid, runs: &Finished<'_>) -> Result<Results> {
        sweep::collect(config, runs)
    }

    fn plates(results: &Results) -> Result<Vec<Plate>> {
        sweep::plates(results)
    }

    fn rows(results: &Results) -> Result<Vec<Row>> {
        sweep::rows(results)
    }

    fn warnings(results: &Results) -> Result<Vec<String>> {
        sweep::warnings(results)
    }
}
