//! Launching a kernel by its name.

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

/// In which order the blocks run, and the threads of a block between two barriers.
///
/// A kernel that lacks a barrier gives another result in at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first thread first.
    Forward,
    /// The last thread first.
    Backward,
    /// A fixed shuffle.
    Scrambled,
}

impl Order {
    /// All orders.
    pub const ALL: [Self; 3] = [Self::Forward, Self::Backward, Self::Scrambled];
}

/// An argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub enum Argument<'a> {
    /// A pointer to numbers of this type that the kernel only reads, such as `const f32*`.
    In(&'a Memory, &'static str),
    /// A pointer to numbers of this type that the kernel writes.
    Out(&'a Memory, &'static str),
    /// A whole number.
    U32(u32),
    /// A large whole number.
    U64(u64),
    /// A number.
    F32(f32),
    /// A struct by value whose members are all of 32 bits.
    Words(&'a [u32]),
}

impl Argument<'_> {
    /// As a driver takes it.
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

/// The names of all kernels, in order.
pub fn names() -> Vec<String> {
    (0..)
        // SAFETY: any number may be asked for; the result is null or a string that is never freed.
        .map_while(|number| unsafe { text(emulator_kernel(number)) })
        .collect()
}

/// The types of the parameters of a kernel, separated by `, `.
///
/// # Errors
/// If there is no such kernel.
pub fn signature(name: &str) -> Result<String> {
    let unknown = || Error::Unknown { name: name.into() };
    let c_name = CString::new(name).map_err(|_| unknown())?;
    // SAFETY: the name is a string; the result is null or a string that is never freed.
    unsafe { text(emulator_signature(c_name.as_ptr())) }.ok_or_else(unknown)
}

/// Runs a kernel to its end.
///
/// # Errors
/// If there is no such kernel, the arguments are not of the types of its parameters, the grid is none that a GPU
/// takes, or the kernel did what no kernel may do: touched memory beside its arguments or arrays, or waited
/// where not all came.
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

/// The same for parameters whose addresses are those of [`Memory`]; what was written beside it is not looked for.
pub(crate) fn run(name: &str, grid: Grid, order: Order, parameters: &[Parameter]) -> Result<()> {
    let wanted = signature(name)?;
    let got = parameters.iter().map(Parameter::kind).collect::<Vec<_>>().join(", ");
    if wanted != got {
        return Err(Error::Arguments { name: name.into(), wanted, got });
    }
    let mut values: Vec<Vec<u64>> = parameters.iter().map(Parameter::value).collect();
    let mut pointers: Vec<*mut c_void> = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
    let order = match order {
        Order::Forward => 0,
        Order::Backward => 1,
        Order::Scrambled => 20_221,
    };
    let c_name = CString::new(name).expect("a kernel of this name was found");
    // SAFETY: the name and both triples outlive the call; there is one pointer for each parameter, to as many
    // bytes as it has. What the kernel does with the memory it is given is confined by the fences around it.
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

/// A copy of a string of C, or `None` for a null pointer.
///
/// # Safety
/// The pointer is null or points at a string that is not changed during the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the pointer is not null, and the caller promises the rest.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}
