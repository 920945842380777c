//! Trainable parameters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use tensor::Tensor;

use crate::Result;

/// A trainable tensor with a fixed identity, whose value changes from step to step.
///
/// ```
/// use agon_autograd::{Param, Tape};
/// use tensor::{DType, Tensor};
///
/// let weight = Param::new(Tensor::full(3.0, &[], DType::F64));
/// let gradients = {
///     let tape = Tape::new();
///     tape.backward(&tape.param(&weight)?.square()?)?
/// };
/// let slope = gradients.param(&weight)?.item()?;
/// weight.set(Tensor::full(3.0 - 0.1 * slope, &[], DType::F64))?;
/// assert_eq!(weight.value().item()?, 2.4);
/// # Ok::<(), agon_autograd::Error>(())
/// ```
#[derive(Debug)]
pub struct Param {
    id: u64,
    version: AtomicU64,
    value: RwLock<Tensor>,
}

impl Param {
    /// Creates a parameter with this initial value.
    pub fn new(value: Tensor) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, version: AtomicU64::new(0), value: RwLock::new(value) }
    }

    /// The current value; the storage is shared.
    pub fn value(&self) -> Tensor {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.value.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Replaces the value by one of the same shape and type, possibly on another device.
    ///
    /// # Errors
    /// If the shape or the type differs; the parameter then keeps its value.
    pub fn set(&self, value: Tensor) -> Result<()> {
        let mut own = self.write();
        if own.shape() != value.shape() {
            let shapes = [own.shape(), value.shape()];
            return Err(
                tensor::Error::shape("Param::set", "a value of the parameter's shape", &shapes).into()
            );
        }
        if own.dtype() != value.dtype() {
            let got =
                format!("{} for a parameter of {}; convert it with `to_dtype`", value.dtype(), own.dtype());
            return Err(tensor::Error::MixedDTypes { op: "Param::set".into(), got }.into());
        }
        *own = value;
        Ok(())
    }

    /// Updates the value. The update is in place if the storage is not shared, so drop the tape of the step first. The
    /// function must not change the shape or the element type; [`Param::set`] checks that.
    pub fn update<R>(&self, change: impl FnOnce(&mut Tensor) -> R) -> R {
        change(&mut self.write())
    }

    /// Write access to the value; an update is in place if the storage is not shared.
    pub fn write(&self) -> RwLockWriteGuard<'_, Tensor> {
        let value = self.value.write().unwrap_or_else(PoisonError::into_inner);
        self.version.fetch_add(1, Ordering::Relaxed);
        value
    }

    /// A counter that increases with every write access through this type. Replayed steps on a GPU do not increase it.
    pub fn version(&self) -> u64 {
        let _value = self.value.read().unwrap_or_else(PoisonError::into_inner);
        self.version.load(Ordering::Relaxed)
    }

    /// An identifier that is unique within the process and independent of the device.
    pub fn id(&self) -> u64 {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use tensor::DType;

    use super::*;

    #[test]
    fn a_value_of_another_shape_or_type_is_refused_and_nothing_changes() {
        let param = Param::new(Tensor::full(1.0, &[2, 3], DType::F32));
        for other in [Tensor::zeros(&[3, 2], DType::F32), Tensor::zeros(&[6], DType::F32)] {
            let message = param.set(other).unwrap_err().to_string();
            assert!(
                message.starts_with("Param::set: expected a value of the parameter's shape, got [2, 3]"),
                "{message}"
            );
        }
        let message = param.set(Tensor::zeros(&[2, 3], DType::F64)).unwrap_err().to_string();
        assert!(message.contains("f64 for a parameter of f32"), "{message}");
        assert_eq!(param.value().to_f64_vec(), [1.0; 6]);
        let before = param.version();
        param.set(Tensor::full(2.0, &[2, 3], DType::F32)).unwrap();
        assert_eq!(param.value().to_f64_vec(), [2.0; 6]);
        assert_ne!(param.version(), before);
    }
}
