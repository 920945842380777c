//! Dry runs: count what kernels would compute and move, without running them.

use std::cell::{Cell, RefCell};

use crate::{DType, Kernel, Result, Tensor, elements};

/// The work of the kernels of a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The floating-point operations, as counted by [`flops::count`](crate::flops::count).
    pub flops: u64,
    /// The bytes of the inputs and outputs of all kernels.
    pub bytes: u64,
    /// The bytes that in-place updates, such as those of optimisers, read and write.
    pub updated_bytes: u64,
    /// The number of kernel launches; all updates of one call count as one, as on a GPU.
    pub kernels: u64,
}

thread_local! {
    /// The counts of this thread's dry run, if one is in progress.
    static COUNTS: Cell<Option<Counts>> = const { Cell::new(None) };
    /// The zeros that all results of this thread's dry run share, so that it neither needs nor writes their memory.
    static ZEROS: RefCell<Option<Tensor>> = const { RefCell::new(None) };
}

/// Runs `work` without computing, to estimate the time of a model. Every kernel that this thread runs on the CPU checks
/// its shapes, is counted and returns zeros; in-place updates leave their state unchanged. Tensors of zeros share one
/// buffer.
///
/// ```
/// use agon_tensor::{DType, Map, Real, Tensor, dry_run, run};
///
/// #[derive(Clone, Copy)]
/// struct Double;
///
/// impl Map for Double {
///     const NAME: &'static str = "double";
///
///     fn formula<A: Real>(&self, x: A) -> A {
///         x + x
///     }
/// }
///
/// let x = Tensor::full(1.0, &[8], DType::F32);
/// let (doubled, counts) = dry_run(|| run(&Double, [&x]));
/// assert_eq!(doubled?[0].to_f64_vec(), [0.0; 8]);
/// assert_eq!((counts.kernels, counts.bytes), (1, 2 * 8 * 4));
/// # Ok::<(), agon_tensor::Error>(())
/// ```
pub fn dry_run<T>(work: impl FnOnce() -> T) -> (T, Counts) {
    /// Restores the outer dry run, if any, also after a panic.
    struct Before(Option<Counts>);
    impl Drop for Before {
        fn drop(&mut self) {
            COUNTS.set(self.0);
            if self.0.is_none() {
                ZEROS.set(None);
            }
        }
    }
    let _before = Before(COUNTS.replace(Some(Counts::default())));
    let result = work();
    (result, COUNTS.get().unwrap_or_default())
}

/// Whether a dry run is in progress on this thread. Expensive values that a dry run does not read, such as random
/// initial weights, may then be zeros.
pub fn is_dry_run() -> bool {
    COUNTS.get().is_some()
}

/// A tensor of zeros in the buffer that all of them share.
pub(crate) fn shared_zeros(shape: &[usize], dtype: DType) -> Result<Tensor> {
    let len = (elements(shape)? * dtype.size()).div_ceil(DType::F64.size());
    ZEROS.with_borrow_mut(|zeros| {
        let zeros = match zeros {
            Some(large) if large.len() >= len => large,
            _ => zeros.insert(Tensor::filled(0.0, &[len], DType::F64)?),
        };
        Ok(Tensor::over_storage_of(zeros, shape, dtype))
    })
}

/// Counts a call of the kernel and returns outputs of zeros.
pub(crate) fn zeros<K, const N: usize, const M: usize>(
    kernel: &K,
    inputs: [&Tensor; N],
    dtypes: [DType; M],
) -> Result<[Tensor; M]>
where
    K: Kernel<N, M>,
{
    let shapes = kernel.shapes(inputs.map(Tensor::shape))?;
    let outputs = shapes.iter().zip(dtypes).map(|(shape, dtype)| Tensor::try_full(0.0, shape, dtype));
    let outputs: Vec<Tensor> = outputs.collect::<Result<_>>()?;
    let bytes = inputs.into_iter().chain(&outputs).map(bytes).sum::<u64>();
    add(Counts { bytes, kernels: 1, flops: kernel.flops(inputs.map(Tensor::shape)), updated_bytes: 0 });
    Ok(outputs.try_into().expect("one tensor for each shape"))
}

/// Counts an update that reads `inputs` and reads and writes `states`.
pub(crate) fn add_update<'t>(
    states: impl Iterator<Item = &'t Tensor>,
    inputs: impl Iterator<Item = &'t Tensor>,
) {
    let updated_bytes = states.map(|state| 2 * bytes(state)).sum::<u64>() + inputs.map(bytes).sum::<u64>();
    add(Counts { updated_bytes, kernels: 1, ..Counts::default() });
}

fn bytes(tensor: &Tensor) -> u64 {
    tensor.shape().iter().product::<usize>() as u64 * tensor.dtype().size() as u64
}

fn add(more: Counts) {
    let Counts { flops, bytes, updated_bytes, kernels } = COUNTS.get().unwrap_or_default();
    COUNTS.set(Some(Counts {
        flops: flops.saturating_add(more.flops),
        bytes: bytes.saturating_add(more.bytes),
        updated_bytes: updated_bytes.saturating_add(more.updated_bytes),
        kernels: kernels + more.kernels,
    }));
}
