//! Reading a sweep's stored results: the values over seeds at one point.

use crate::statistics::median;
use crate::store::{Coordinates, Results, Values};
use crate::{Error, Result};

/// The results of one variant of a sweep.
pub struct Curves<'a> {
    /// The data set and the activation of the latent, in words.
    pub variant: String,
    /// The latent sizes.
    pub latents: Vec<usize>,
    /// The weights of reconstruction, ascending.
    pub lambdas: Vec<f64>,
    /// The number of seeds.
    pub n_seeds: usize,
    results: &'a Results,
    index: usize,
}

impl<'a> Curves<'a> {
    /// The curves of every variant.
    ///
    /// # Errors
    /// [`Error::Missing`] if these are not the results of a sweep.
    pub fn all(results: &'a Results) -> Result<Vec<Self>> {
        let variants = texts(results, "variant")?;
        let (latents, lambdas) = (numbers(results, "latent")?, numbers(results, "lambda")?);
        let n_seeds = numbers(results, "seed")?.len();
        let curves = variants.iter().enumerate().map(|(index, variant)| Self {
            variant: variant.clone(),
            latents: latents.iter().map(|&latent| latent as usize).collect(),
            lambdas: lambdas.to_vec(),
            n_seeds,
            results,
            index,
        });
        Ok(curves.collect())
    }

    /// The values of a measure at one point, one for each seed; those of diverged runs are left out.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such measure.
    pub fn at(&self, measure: &str, latent: usize, lambda: usize) -> Result<Vec<f64>> {
        let point = (self.index * self.latents.len() + latent) * self.lambdas.len() + lambda;
        self.slice(measure, point, self.n_seeds).map(finite)
    }

    /// Pairs of values of a measure at two points, for the seeds that both have.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such measure.
    pub fn paired(&self, measure: &str, latent: usize, lambdas: [usize; 2]) -> Result<Vec<[f64; 2]>> {
        let point = |lambda| (self.index * self.latents.len() + latent) * self.lambdas.len() + lambda;
        let [a, b] = lambdas.map(|lambda| self.slice(measure, point(lambda), self.n_seeds));
        let pairs = a?.iter().zip(b?).map(|(&a, &b)| [a, b]);
        Ok(pairs.filter(|pair| pair.iter().all(|x| x.is_finite())).collect())
    }

    /// The values of a trade-off of one latent size, one for each seed.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such measure.
    pub fn of_latent(&self, measure: &str, latent: usize) -> Result<Vec<f64>> {
        self.slice(measure, self.index * self.latents.len() + latent, self.n_seeds).map(finite)
    }

    /// A number of the whole variant.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such number.
    pub fn of_variant(&self, measure: &str) -> Result<f64> {
        Ok(self.slice(measure, self.index, 1)?[0])
    }

    /// The median over seeds at one point.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is no such measure.
    pub fn median(&self, measure: &str, latent: usize, lambda: usize) -> Result<f64> {
        Ok(median(&self.at(measure, latent, lambda)?))
    }

    /// The place of a latent size in the grid.
    pub fn latent(&self, k: usize) -> Option<usize> {
        self.latents.iter().position(|&latent| latent == k)
    }

    /// The place of a weight in the grid.
    pub fn lambda(&self, value: f64) -> Option<usize> {
        self.lambdas.iter().position(|&lambda| lambda == value)
    }

    /// The place of λ = 1.
    pub fn last(&self) -> usize {
        self.lambdas.len() - 1
    }

    /// The images of `count` numbers that start at image `first`.
    ///
    /// # Errors
    /// [`Error::Missing`] if there are none.
    pub fn pixels(&self, name: &str, block: usize, blocks: usize, size: usize) -> Result<&'a [f32]> {
        let start = (self.index * blocks + block) * size;
        match self.results.variables.get(name).map(|variable| &variable.values) {
            Some(Values::F32(values)) if start + size <= values.len() => Ok(&values[start..start + size]),
            _ => Err(Error::Missing(name.into())),
        }
    }

    fn slice(&self, measure: &str, block: usize, size: usize) -> Result<&'a [f64]> {
        match self.results.variables.get(measure).map(|variable| &variable.values) {
            Some(Values::F64(values)) if (block + 1) * size <= values.len() => {
                Ok(&values[block * size..(block + 1) * size])
            }
            _ => Err(Error::Missing(measure.into())),
        }
    }
}

fn finite(values: &[f64]) -> Vec<f64> {
    values.iter().copied().filter(|value| value.is_finite()).collect()
}

/// The numbers along an axis.
///
/// # Errors
/// [`Error::Missing`] if there is no such axis.
pub(super) fn numbers<'a>(results: &'a Results, dimension: &str) -> Result<&'a [f64]> {
    match results.dimensions.get(dimension).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Numbers(values)) => Ok(values),
        _ => Err(Error::Missing(format!("axis {dimension}"))),
    }
}

/// The texts along an axis.
///
/// # Errors
/// [`Error::Missing`] if there is no such axis.
pub(super) fn texts<'a>(results: &'a Results, dimension: &str) -> Result<&'a [String]> {
    match results.dimensions.get(dimension).map(|dimension| &dimension.coordinates) {
        Some(Coordinates::Texts(values)) => Ok(values),
        _ => Err(Error::Missing(format!("axis {dimension}"))),
    }
}
