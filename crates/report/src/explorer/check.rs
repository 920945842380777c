//! Validation of an explorer.

use std::collections::HashSet;

use super::{Explorer, Model, Size, Spread};
use crate::error::{Error, Result};
use crate::figure::{finite, some_text};

impl Explorer {
    /// Fails if there is no model, if two models have the same names, or if counts do not match; names the model and k.
    pub(super) fn check(&self) -> Result<()> {
        let of = "explorer";
        if self.models.is_empty() {
            return Err(Error::Empty { of: of.into(), expected: "model" });
        }
        let mut seen = HashSet::new();
        for model in &self.models {
            some_text(of, "data set of a model", &model.data)?;
            some_text(of, "family of a model", &model.family)?;
            if !seen.insert((&model.data, &model.family)) {
                let got = format!("two of `{}`, `{}`", model.data, model.family);
                return Err(mismatch(of, "one model of each data set and family", got));
            }
            model.check()?;
        }
        Ok(())
    }
}

impl Model {
    fn check(&self) -> Result<()> {
        let of = format!("explorer, model `{}, {}`", self.data, self.family);
        for (i, &lambda) in self.lambdas.iter().enumerate() {
            finite(&of, || format!("λ {i}"), lambda)?;
        }
        rising(&of, "λ", &self.lambdas)?;
        let ks: Vec<usize> = self.sizes.iter().map(|size| size.k).collect();
        rising(&of, "latent size", &ks)?;
        self.sizes.iter().try_for_each(|size| size.check(&format!("{of}, k = {}", size.k), self))
    }
}

impl Size {
    fn check(&self, of: &str, model: &Model) -> Result<()> {
        let n_lambdas = model.lambdas.len();
        if self.trained.len() != n_lambdas {
            return Err(mismatch(of, &for_each_lambda(n_lambdas), format!("{} results", self.trained.len())));
        }
        for (point, trained) in self.trained.iter().enumerate() {
            trained.mse.check(of, point, "test MSE")?;
            trained.cross_entropy.check(of, point, "test cross-entropy")?;
            trained.accuracy.check(of, point, "test accuracy")?;
        }
        for reader in &self.readers {
            some_text(of, "name of a reader", &reader.name)?;
            if reader.accuracy.len() != n_lambdas {
                let got = format!("{} values of {}", reader.accuracy.len(), reader.name);
                return Err(mismatch(of, &for_each_lambda(n_lambdas), got));
            }
            for (point, accuracy) in reader.accuracy.iter().enumerate() {
                accuracy.check(of, point, "test accuracy")?;
            }
        }
        for (i, linear) in self.linear.iter().enumerate() {
            finite(of, || format!("λ {i} of the linear front"), linear.lambda)?;
        }
        if let Some(images) = &self.images {
            images.check(of, model)?;
        }
        if let Some(latents) = &self.latents {
            latents.check(of, model)?;
        }
        Ok(())
    }
}

impl Spread {
    fn check(&self, of: &str, point: usize, axis: &'static str) -> Result<()> {
        let Self { mean, low, high } = *self;
        // Comparisons with missing values are false.
        if mean < low || mean > high {
            return Err(Error::OutsideSpread { of: of.into(), point, axis, value: mean, low, high });
        }
        Ok(())
    }
}

fn rising<T: PartialOrd + ToString>(of: &str, what: &'static str, values: &[T]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::Empty { of: of.into(), expected: what });
    }
    match values.windows(2).find(|pair| pair[1] <= pair[0]) {
        Some(pair) => {
            let got = format!("{} after {}", pair[1].to_string(), pair[0].to_string());
            Err(mismatch(of, &format!("strictly increasing {what}"), got))
        }
        None => Ok(()),
    }
}

pub(super) fn for_each_lambda(n: usize) -> String {
    format!("{n}, one for each λ")
}

pub(super) fn mismatch(of: &str, expected: &str, got: String) -> Error {
    Error::Mismatch { of: of.into(), expected: expected.into(), got }
}
