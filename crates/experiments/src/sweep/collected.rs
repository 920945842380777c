//! Results under construction from the runs of a grid.

use crate::error::{Error, Result};
use crate::grid::{Grid, Variant};
use crate::sweep::finished::FinishedSweep;
use runs::images::Images;
use runs::store::{Coordinates, Dimension, FinishedRun, Results, Values, Variable};

/// The axes of a point of the grid, the slowest first.
pub(super) const POINT: [&str; 4] = ["variant", "member", "lambda", "seed"];

/// Results under construction, with the runs that they are collected from.
pub(super) struct Collected<'a> {
    pub(super) grid: &'a Grid,
    pub(super) finished: &'a FinishedSweep<'a>,
    pub(super) variants: Vec<Variant<'a>>,
    pub(super) results: Results,
}

impl<'a> Collected<'a> {
    pub(super) fn images(&self, variant: &Variant<'_>) -> Result<&'a Images> {
        let images = self.finished.data.open.get(variant.data);
        images
            .map(|images| &**images)
            .ok_or_else(|| Error::Missing(format!("data set {}", variant.data.name)))
    }

    /// The finished run at a point; `None` if the grid has none there.
    pub(super) fn run(
        &self,
        variant: &Variant<'_>,
        [member, lambda, seed]: [usize; 3],
    ) -> Option<&'a FinishedRun> {
        self.finished.get(&self.grid.run(variant, member, lambda, seed)?)
    }

    pub(super) fn add(
        &mut self,
        name: &str,
        dimensions: &[&str],
        description: &str,
        unit: &str,
        values: Values,
    ) {
        let dimensions = dimensions.iter().map(|&dimension| dimension.to_owned()).collect();
        let variable = Variable { dimensions, description: description.into(), unit: unit.into(), values };
        self.results.variables.insert(name.into(), variable);
    }

    pub(super) fn dimension(&mut self, name: &str, description: &str, coordinates: impl Into<CoordinatesOf>) {
        let CoordinatesOf(coordinates, unit) = coordinates.into();
        let dimension = Dimension { description: description.into(), unit: unit.into(), coordinates };
        self.results.dimensions.insert(name.into(), dimension);
    }

    /// Calls `call` for every point of the grid, also for those without a run.
    pub(super) fn each_point<E>(
        &self,
        mut call: impl FnMut(&Variant<'a>, [usize; 3]) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        for variant in &self.variants {
            for member in 0..self.grid.n_members() {
                for lambda in 0..self.grid.lambdas.len() {
                    for seed in 0..self.grid.seeds.len() {
                        call(variant, [member, lambda, seed])?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Coordinates with their unit.
pub(super) struct CoordinatesOf(Coordinates, &'static str);

impl From<Vec<f64>> for CoordinatesOf {
    fn from(values: Vec<f64>) -> Self {
        Self(Coordinates::Numbers(values), "1")
    }
}

impl From<Vec<u64>> for CoordinatesOf {
    fn from(values: Vec<u64>) -> Self {
        Self(Coordinates::Integers(values), "1")
    }
}

impl From<Vec<String>> for CoordinatesOf {
    fn from(values: Vec<String>) -> Self {
        Self(Coordinates::Texts(values), "")
    }
}
