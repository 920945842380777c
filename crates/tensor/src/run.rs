//! Dispatches kernels on device and element type.

use std::cell::Cell;
use std::sync::Arc;

use half::{bf16, f16};
use ndarray::ArrayViewMutD;

use crate::gpu::{Call, Gpu};
use crate::memory::check_allocation;
use crate::{
    DType, Device, Element, Error, Kernel, Result, Slice, Storage, Tensor, Update, dry_run, elements, flops,
};

/// Runs `kernel` on the device and in the element type of its inputs.
///
/// # Errors
/// If the inputs are not all on one device and of one element type, or if the kernel does not support their shapes.
pub fn run<K, const N: usize, const M: usize>(kernel: &K, inputs: [&Tensor; N]) -> Result<[Tensor; M]>
where
    K: Kernel<N, M>,
{
    let outputs = match common_device(kernel.name(), &inputs)? {
        Device::Cpu if dry_run::is_dry_run() => {
            let dtype = dtype_of_call(kernel, inputs)?;
            dry_run::zeros(kernel, inputs, kernel.output_dtypes().map(|stored| stored.dtype(dtype)))
        }
        Device::Cpu => on_cpu(kernel, inputs, !REFERENCES_ONLY.get()),
        Device::Cuda(gpu) => on_gpu(kernel, &gpu, inputs),
    }?;
    flops::add(kernel.flops(inputs.map(Tensor::shape)));
    Ok(outputs)
}

fn on_gpu<K, const N: usize, const M: usize>(
    kernel: &K,
    gpu: &Arc<Gpu>,
    inputs: [&Tensor; N],
) -> Result<[Tensor; M]>
where
    K: Kernel<N, M>,
{
    let dtype = dtype_of_call(kernel, inputs)?;
    let call = Call::new(gpu, kernel.name(), dtype)?;
    let (shapes, stored) = (kernel.shapes(inputs.map(Tensor::shape))?, kernel.output_dtypes());
    let mut outputs = Vec::with_capacity(M);
    for (shape, stored) in shapes.iter().zip(stored) {
        outputs.push(call.scratch(shape, stored.dtype(dtype))?);
    }
    let outputs: [Tensor; M] = outputs.try_into().expect("one tensor for each shape");
    kernel.launch(call, inputs, outputs.each_ref())?;
    Ok(outputs)
}

/// Runs the reference of `kernel` even if it has a fast path; tests compare the fast paths with it.
///
/// # Errors
/// As [`run`].
pub fn run_reference<K, const N: usize, const M: usize>(
    kernel: &K,
    inputs: [&Tensor; N],
) -> Result<[Tensor; M]>
where
    K: Kernel<N, M>,
{
    on_cpu(kernel, inputs, false)
}

thread_local! {
    /// Whether fast paths are disabled on this thread.
    static REFERENCES_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with fast paths disabled: on this thread, [`run`] uses the reference of every kernel on the CPU. For
/// tests of operations and whole tapes.
pub fn with_references<T>(work: impl FnOnce() -> T) -> T {
    /// Restores the old value, also after a panic.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            REFERENCES_ONLY.set(self.0);
        }
    }
    let _before = Before(REFERENCES_ONLY.replace(true));
    work()
}

/// Updates the tensors `state` in place. A tensor whose storage is shared is copied first.
///
/// # Errors
/// If the tensors are not all on one device, of one type and of one shape.
pub fn update<K, const S: usize, const N: usize>(
    kernel: &K,
    state: [&mut Tensor; S],
    inputs: [&Tensor; N],
) -> Result<()>
where
    K: Update<S, N>,
{
    update_all(kernel, vec![(state, inputs)])
}

/// [`update`] for many states, which may differ in shape; on a GPU they share one launch.
///
/// # Errors
/// As [`update`]; in case of an error nothing has changed.
pub fn update_all<K, const S: usize, const N: usize>(
    kernel: &K,
    mut all: Vec<([&mut Tensor; S], [&Tensor; N])>,
) -> Result<()>
where
    K: Update<S, N>,
{
    let mut place = None;
    for (state, inputs) in &all {
        let tensors: Vec<&Tensor> =
            state.iter().map(|tensor| &**tensor).chain(inputs.iter().copied()).collect();
        let one = (common_device(kernel.name(), &tensors)?, common_dtype(kernel.name(), &tensors)?);
        if tensors.iter().any(|tensor| tensor.shape() != tensors[0].shape()) {
            let shapes: Vec<&[usize]> = tensors.iter().map(|tensor| tensor.shape()).collect();
            return Err(Error::shape(kernel.name(), "equal shapes", &shapes));
        }
        let (device, dtype) = place.get_or_insert_with(|| one.clone());
        if *device != one.0 {
            return Err(Error::mixed_devices(kernel.name(), &[device, &one.0]));
        }
        if *dtype != one.1 {
            return Err(Error::MixedDTypes { op: kernel.name().into(), got: format!("{dtype}, {}", one.1) });
        }
    }
    let Some((device, dtype)) = place else { return Ok(()) };
    if let Device::Cuda(gpu) = device {
        let call = Call::new(&gpu, kernel.name(), dtype)?;
        for tensor in all.iter_mut().flat_map(|(state, _)| state) {
            tensor.make_own_on_gpu()?;
        }
        let all: Vec<_> =
            all.into_iter().map(|(state, inputs)| (state.map(|tensor| &*tensor), inputs)).collect();
        return kernel.launch(call, &all);
    }
    if dry_run::is_dry_run() {
        let states = all.iter().flat_map(|(state, _)| state.iter().map(|tensor| &**tensor));
        dry_run::add_update(states, all.iter().flat_map(|(_, inputs)| inputs.iter().copied()));
        return Ok(());
    }
    all.into_iter().try_for_each(|(state, inputs)| update_on_cpu(kernel, dtype, state, inputs))
}

fn update_on_cpu<K, const S: usize, const N: usize>(
    kernel: &K,
    dtype: DType,
    mut state: [&mut Tensor; S],
    inputs: [&Tensor; N],
) -> Result<()>
where
    K: Update<S, N>,
{
    match dtype {
        DType::F64 => update_reference::<f64, K, S, N>(kernel, state, inputs),
        DType::F32 => {
            let slices = state.each_mut().map(|tensor| tensor.own_mut::<f32>());
            if !kernel.fast(slices, inputs.map(|tensor| tensor.own::<f32>())) {
                update_reference::<f32, K, S, N>(kernel, state, inputs)?;
            }
            Ok(())
        }
        DType::F16 | DType::BF16 => Err(Error::DType { expected: DType::F32, got: dtype }),
    }
}

fn update_reference<A, K, const S: usize, const N: usize>(
    kernel: &K,
    state: [&mut Tensor; S],
    inputs: [&Tensor; N],
) -> Result<()>
where
    A: crate::Real,
    K: Update<S, N>,
{
    let state = state.map(|tensor| {
        let shape = tensor.shape().to_vec();
        ArrayViewMutD::from_shape(shape, tensor.own_mut::<A>()).expect("the storage has the shape's length")
    });
    kernel.reference(state, inputs.map(view::<A>));
    Ok(())
}

fn on_cpu<K, const N: usize, const M: usize>(
    kernel: &K,
    inputs: [&Tensor; N],
    may_be_fast: bool,
) -> Result<[Tensor; M]>
where
    K: Kernel<N, M>,
{
    let dtype = dtype_of_call(kernel, inputs)?;
    let shapes = kernel.shapes(inputs.map(Tensor::shape))?;
    if shapes.iter().all(|shape| shape.contains(&0)) {
        // There is nothing to compute, and the other axes of an empty shape may be too long to iterate over.
        return empty(&shapes, kernel.output_dtypes().map(|stored| stored.dtype(dtype)));
    }
    match dtype {
        DType::F64 => by_reference::<f64, K, N, M>(kernel, inputs, &shapes),
        DType::F32 => {
            let is_f32 = |stored: Storage| stored.dtype(dtype) == DType::F32;
            if may_be_fast && kernel.input_dtypes().into_iter().chain(kernel.output_dtypes()).all(is_f32) {
                let mut outputs = empty(&shapes, [DType::F32; M])?;
                let slices = inputs.map(|tensor| Slice { data: tensor.own(), shape: tensor.shape() });
                if kernel.fast(slices, outputs.each_mut().map(|output| output.own_mut())) {
                    return Ok(outputs);
                }
            }
            by_reference::<f32, K, N, M>(kernel, inputs, &shapes)
        }
        DType::F16 => by_reference::<f16, K, N, M>(kernel, inputs, &shapes),
        DType::BF16 => by_reference::<bf16, K, N, M>(kernel, inputs, &shapes),
    }
}

/// Allocates the output tensors.
fn empty<const M: usize>(shapes: &[Vec<usize>; M], dtypes: [DType; M]) -> Result<[Tensor; M]> {
    let tensors = shapes.iter().zip(dtypes).map(|(shape, dtype)| Tensor::try_uninitialised(shape, dtype));
    let tensors: Vec<Tensor> = tensors.collect::<Result<_>>()?;
    Ok(tensors.try_into().expect("one tensor for each shape"))
}

/// Widens the inputs, runs the reference and rounds the outputs.
fn by_reference<T, K, const N: usize, const M: usize>(
    kernel: &K,
    inputs: [&Tensor; N],
    shapes: &[Vec<usize>; M],
) -> Result<[Tensor; M]>
where
    T: Element,
    K: Kernel<N, M>,
{
    // The bytes of the temporary arrays: the widened inputs and the outputs before rounding.
    let mut bytes = 0usize;
    for shape in inputs.iter().map(|input| input.shape()).chain(shapes.iter().map(Vec::as_slice)) {
        bytes = bytes.saturating_add(elements(shape)?.saturating_mul(size_of::<T::Acc>()));
    }
    check_allocation(bytes)?;
    let loaded = kernel.input_dtypes();
    let wide: [_; N] = std::array::from_fn(|input| match loaded[input] {
        Storage::Same => view::<T>(inputs[input]).mapv(T::widen),
        Storage::Accumulator => view::<T::Acc>(inputs[input]).to_owned(),
        Storage::As(_) => view::<T::Acc>(&inputs[input].to_dtype(T::Acc::DTYPE)).to_owned(),
    });
    let computed = kernel.reference(wide.each_ref().map(|array| array.view()));
    let stored = kernel.output_dtypes();
    Ok(std::array::from_fn(|output| {
        let array = &computed[output];
        assert_eq!(
            array.shape(),
            shapes[output],
            "{}: the reference returns the shapes of its shape rule",
            kernel.name()
        );
        match stored[output] {
            Storage::Same => Tensor::from_array(&array.mapv(T::narrow)),
            Storage::Accumulator => Tensor::from_array(array),
            Storage::As(dtype) => Tensor::from_array(array).to_dtype(dtype),
        }
    }))
}

fn view<T: Element>(tensor: &Tensor) -> ndarray::ArrayViewD<'_, T> {
    tensor.view().expect("the dtype was checked before")
}

fn common_device(name: &str, inputs: &[&Tensor]) -> Result<Device> {
    let devices: Vec<Device> = inputs.iter().map(|tensor| tensor.device()).collect();
    match devices.iter().all(|device| *device == devices[0]) {
        true => Ok(devices[0].clone()),
        false => Err(Error::mixed_devices(name, &devices.iter().collect::<Vec<_>>())),
    }
}

/// The common element type of the inputs with [`Storage::Same`]. The types of the other inputs must follow from it.
fn dtype_of_call<K, const N: usize, const M: usize>(kernel: &K, inputs: [&Tensor; N]) -> Result<DType>
where
    K: Kernel<N, M>,
{
    let loaded = || inputs.into_iter().zip(kernel.input_dtypes());
    let as_they_are = loaded().filter(|(_, loaded)| *loaded == Storage::Same).map(|(tensor, _)| tensor);
    let dtype = common_dtype(kernel.name(), &as_they_are.collect::<Vec<_>>())?;
    match loaded().find(|(tensor, loaded)| tensor.dtype() != loaded.dtype(dtype)) {
        Some((tensor, loaded)) => Err(Error::DType { expected: loaded.dtype(dtype), got: tensor.dtype() }),
        None => Ok(dtype),
    }
}

fn common_dtype(name: &str, inputs: &[&Tensor]) -> Result<DType> {
    let dtype = inputs[0].dtype();
    if inputs.iter().all(|tensor| tensor.dtype() == dtype) {
        return Ok(dtype);
    }
    let got = inputs.iter().map(|tensor| tensor.dtype().to_string()).collect::<Vec<_>>().join(", ");
    Err(Error::MixedDTypes { op: name.into(), got })
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, ArrayViewD, IxDyn};

    use super::*;
    use crate::Real;

    struct Sum;

    impl Kernel<1, 1> for Sum {
        fn name(&self) -> &'static str {
            "sum"
        }
        fn shapes(&self, _: [&[usize]; 1]) -> Result<[Vec<usize>; 1]> {
            Ok([vec![]])
        }
        fn output_dtypes(&self) -> [Storage; 1] {
            [Storage::Accumulator]
        }
        fn reference<A: Real>(&self, [x]: [ArrayViewD<'_, A>; 1]) -> [ArrayD<A>; 1] {
            [ArrayD::from_elem(IxDyn(&[]), crate::sums::pairwise(x.iter().copied()))]
        }
    }

    struct Halve;

    impl Update<1, 1> for Halve {
        fn name(&self) -> &'static str {
            "halve"
        }
        fn reference<A: Real>(&self, [mut x]: [ArrayViewMutD<'_, A>; 1], [by]: [ArrayViewD<'_, A>; 1]) {
            x /= &by;
        }
    }

    #[test]
    fn a_sum_of_16_bit_elements_keeps_32_bits() {
        let ones = Tensor::full(1.0, &[1000], DType::BF16);
        let [sum] = run(&Sum, [&ones]).unwrap();
        assert_eq!((sum.dtype(), sum.item().unwrap()), (DType::F32, 1000.0));
    }

    #[test]
    fn a_dry_run_counts_kernels_and_bytes_and_computes_nothing() {
        let (x, mut state) = (Tensor::full(1.0, &[1000], DType::BF16), Tensor::full(8.0, &[3], DType::F32));
        let two = Tensor::full(2.0, &[3], DType::F32);
        let ((sum, updated), counts) =
            dry_run::dry_run(|| (run(&Sum, [&x]), update(&Halve, [&mut state], [&two])));
        updated.unwrap();
        assert_eq!((sum.unwrap()[0].item().unwrap(), state.to_f64_vec()), (0.0, vec![8.0; 3]));
        // 1,000 elements of 2 bytes are read and a sum of 4 written; 3 of 4 bytes are read, written, and read from `two`.
        let expected = dry_run::Counts { flops: 0, bytes: 2_004, updated_bytes: 36, kernels: 2 };
        assert_eq!(counts, expected);
        assert_eq!(run(&Sum, [&x]).unwrap()[0].item().unwrap(), 1_000.0);
    }

    #[test]
    fn zeros_of_a_dry_run_share_a_buffer_of_the_largest_and_writing_copies_it() {
        let (tensors, _) = dry_run::dry_run(|| {
            let [large, small] = [5, 3].map(|len| Tensor::zeros(&[len], DType::F64));
            [large, small, Tensor::zeros(&[3, 1], DType::F16)]
        });
        let [large, mut small, half] = tensors;
        assert!(small.shares_storage(&large) && half.shares_storage(&large));
        assert_eq!(
            (small.to_f64_vec(), half.to_f64_vec(), half.shape()),
            (vec![0.0; 3], vec![0.0; 3], &[3, 1][..])
        );
        small.own_mut::<f64>()[1] = 7.0;
        assert_eq!((small.to_f64_vec(), large.to_f64_vec()), (vec![0.0, 7.0, 0.0], vec![0.0; 5]));
        assert!(!Tensor::zeros(&[3], DType::F64).shares_storage(&large));
    }

    #[test]
    fn mixed_types_are_an_error_that_names_the_kernel() {
        let mut x = Tensor::zeros(&[2], DType::F32);
        let message = update(&Halve, [&mut x], [&Tensor::zeros(&[2], DType::F64)]).unwrap_err().to_string();
        assert!(message.contains("halve") && message.contains("f32, f64"), "{message}");
    }

    #[test]
    fn an_update_does_not_reach_a_tensor_that_shares_the_storage() {
        let mut x = Tensor::full(8.0, &[2], DType::F64);
        let before = x.clone();
        update(&Halve, [&mut x], [&Tensor::full(2.0, &[2], DType::F64)]).unwrap();
        assert_eq!((x.to_f64_vec()[0], before.to_f64_vec()[0]), (4.0, 8.0));
    }
}
