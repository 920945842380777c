//! Launches of kernels by name.

use std::ffi::{CStr, CString, c_char, c_void};

use tensor::gpu::{Grid, Parameter};

use crate::{Error, Memory, Result};

unsafe extern "C" {
    fn emulator_kernel(number: usize) -> *const c_char;
    fn emulator_signature(name: *const c_char) -> *const c_char;
    fn emulator_launch(
        name: *const c_char,
        grid: *const u32,
        block: *const u32,
        dynamic_shared: usize,
        arguments: *mut *mut c_void,
        order: u32,
    ) -> *const c_char;
}

/// The order in which blocks run, and in which the threads of a block run between barriers.
///
/// A kernel with a missing barrier gives a different result in at least one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In increasing order.
    Forward,
    /// In decreasing order.
    Backward,
    /// In a fixed pseudo-random order.
    Scrambled,
}

impl Order {
    /// All orders.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Backward, Self::Scrambled];
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    /// A pointer to elements of this type that the kernel only reads, such as `const f32*`.
    In(&'a Memory, &'static str),
    /// A pointer to elements of this type that the kernel writes.
    Out(&'a Memory, &'static str),
    /// A 32-bit integer.
    U32(u32),
    /// A 64-bit integer.
    U64(u64),
    /// A 32-bit floating-point scalar.
    F32(f32),
    /// A struct by value with 32-bit members.
    Words(&'a [u32]),
}

impl Argument<'_> {
    /// Converts the argument to a parameter of a driver.
    fn parameter(&self) -> Parameter {
        match *self {
            Self::In(memory, element) => Parameter::In(memory.address(), element),
            Self::Out(memory, element) => Parameter::Out(memory.address(), element),
            Self::U32(number) => Parameter::U32(number),
            Self::U64(number) => Parameter::U64(number),
            Self::F32(number) => Parameter::F32(number),
            Self::Words(words) => Parameter::Words(words.to_vec()),
        }
    }
}

/// The sorted names of all kernels.
pub fn names() -> Vec<String> {
    (0..)
        // SAFETY: any number is a valid argument; the result is null or a string that is never freed.
        .map_while(|number| unsafe { text(emulator_kernel(number)) })
        .collect()
}

/// The parameter types of a kernel, separated by `, `.
///
/// # Errors
/// If there is no such kernel.
pub fn signature(name: &str) -> Result<String> {
    let unknown = || Error::Unknown { name: name.into() };
    let c_name = CString::new(name).map_err(|_| unknown())?;
    // SAFETY: `c_name` is a C string that outlives the call; the result is null or a string that is never freed.
    unsafe { text(emulator_signature(c_name.as_ptr())) }.ok_or_else(unknown)
}

/// Launches a kernel and waits for it.
///
/// # Errors
/// If there is no such kernel, the argument types do not match, the grid is invalid, or the kernel has a fault: an
/// access out of bounds, or a barrier that not all threads reach.
pub fn launch(name: &str, grid: Grid, order: Order, arguments: &[Argument<'_>]) -> Result<()> {
    let parameters: Vec<Parameter> = arguments.iter().map(Argument::parameter).collect();
    run(name, grid, order, &parameters)?;
    for (place, argument) in arguments.iter().enumerate() {
        if let Argument::In(memory, _) | Argument::Out(memory, _) = argument {
            memory.require_fences(name, place)?;
        }
    }
    Ok(())
}

/// [`launch`] for raw parameters with addresses of [`Memory`]; it does not check the memory around them.
pub(crate) fn run(name: &str, grid: Grid, order: Order, parameters: &[Parameter]) -> Result<()> {
    let expected = signature(name)?;
    let got = parameters.iter().map(Parameter::kind).collect::<Vec<_>>().join(", ");
    if expected != got {
        return Err(Error::Arguments { name: name.into(), expected, got });
    }
    let mut values: Vec<Vec<u64>> = parameters.iter().map(Parameter::value).collect();
    let mut pointers: Vec<*mut c_void> = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
    let order = match order {
        Order::Forward => 0,
        Order::Backward => 1,
        Order::Scrambled => 20_221,
    };
    let c_name = CString::new(name).expect("a kernel of this name was found");
    // SAFETY: the name and both triples outlive the call; there is one pointer for each parameter, to as many bytes as
    // it has. Guard pages around its memory confine what the kernel accesses.
    let fault = unsafe {
        text(emulator_launch(
            c_name.as_ptr(),
            grid.blocks.as_ptr(),
            grid.threads.as_ptr(),
            grid.shared,
            pointers.as_mut_ptr(),
            order,
        ))
    };
    match fault {
        Some(what) => Err(Error::Fault { name: name.into(), what }),
        None => Ok(()),
    }
}

/// Copies a C string; `None` for a null pointer.
///
/// # Safety
/// The pointer is null or points to a string that is not changed during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the pointer is not null, so the caller guarantees that it points to a string that does not change during
    // the call.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
