//! A cache of the values that evaluation derives from parameters alone, valid until one of them changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autograd::Param;

use crate::Result;

/// A cached value computed from parameters, with their identifiers and versions.
#[derive(Debug)]
pub(crate) struct Prepared<T>(Mutex<Slot<T>>);

type Slot<T> = Option<(Vec<[u64; 2]>, Arc<T>)>;

impl<T> Default for Prepared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Prepared<T> {
    /// The value for these parameters, recomputed if a parameter was replaced or has changed.
    ///
    /// # Errors
    /// The errors of `make`.
    pub(crate) fn get(&self, params: &[&Param], make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        // The versions are read before the values: if a value changes in between, the next call recomputes.
        let versions: Vec<[u64; 2]> = params.iter().map(|param| [param.id(), param.version()]).collect();
        if let Some((known, value)) = &*self.lock()
            && *known == versions
        {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(make()?);
        *self.lock() = Some((versions, Arc::clone(&value)));
        Ok(value)
    }

    /// Drops the cached value.
    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
