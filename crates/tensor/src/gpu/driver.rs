//! The interface of a GPU driver, implemented for CUDA and by the emulator of the tests.

use std::fmt;
use std::num::NonZeroU64;

use crate::Result;

/// An address in GPU memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub NonZeroU64);

impl Address {
    /// The address `bytes` after this one.
    pub(super) fn after(self, bytes: usize) -> Self {
        Self(self.0.saturating_add(bytes as u64))
    }
}

/// The launch configuration of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Blocks along x, y and z; the launch is a no-op if any is 0.
    pub blocks: [u32; 3],
    /// Threads per block along x, y and z.
    pub threads: [u32; 3],
    /// Bytes of dynamic shared memory per block.
    pub shared: usize,
}

impl Grid {
    /// The number of threads of the largest grid of [`Grid::over`], which is the largest stride of a grid-stride loop.
    pub(super) const MAX_STRIDE: u32 = 1024 * 256;

    /// `threads` threads in blocks of 256 along x, but at most 1024 blocks: kernels use grid-stride loops.
    pub fn over(threads: usize) -> Self {
        Self::of_blocks(threads.div_ceil(256).min(1024) as u32, 256)
    }

    /// The size that exceeds its limit, if any: the number of threads along x, which kernels count in 32 bits and CUDA
    /// limits to fewer than 2^31 blocks, or the number of blocks along y or z, which CUDA limits to 65535.
    pub(super) fn excess(&self) -> Option<usize> {
        let [x, y, z] = self.blocks.map(|n| n as usize);
        let of_threads = x * self.threads[0] as usize;
        let is_too_large = of_threads > u32::MAX as usize || x > i32::MAX as usize;
        if is_too_large { Some(of_threads) } else { [y, z].into_iter().find(|&n| n > 65_535) }
    }

    /// `blocks` blocks of `threads` threads along x.
    pub fn of_blocks(blocks: u32, threads: u32) -> Self {
        Self { blocks: [blocks, 1, 1], threads: [threads, 1, 1], shared: 0 }
    }
}

/// An argument of a kernel in the form that the driver takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// A pointer that the kernel only reads, with the C type of the parameter, such as `const f32*`.
    In(Address, &'static str),
    /// A pointer that the kernel writes, with the C type of the parameter.
    Out(Address, &'static str),
    /// A 32-bit integer.
    U32(u32),
    /// A 64-bit integer.
    U64(u64),
    /// A 32-bit floating-point scalar.
    F32(f32),
    /// A struct by value with 32-bit members.
    Words(Vec<u32>),
}

impl Parameter {
    /// The parameter type that the kernel must declare.
    pub fn kind(&self) -> String {
        match self {
            Self::In(_, element) => format!("const {element}*"),
            Self::Out(_, element) => format!("{element}*"),
            Self::U32(_) => "u32".into(),
            Self::U64(_) => "u64".into(),
            Self::F32(_) => "f32".into(),
            Self::Words(words) => format!("struct of {} bytes", size_of_val(words.as_slice())),
        }
    }

    /// The bytes of the argument, aligned for any parameter type.
    pub fn value(&self) -> Vec<u64> {
        match self {
            Self::In(address, _) | Self::Out(address, _) => vec![address.0.get()],
            Self::U32(number) => vec![u64::from(*number)],
            Self::U64(number) => vec![*number],
            Self::F32(number) => vec![u64::from(number.to_bits())],
            Self::Words(words) => {
                let pair = |pair: &[u32]| {
                    u64::from(pair[0]) | u64::from(pair.get(1).copied().unwrap_or_default()) << 32
                };
                words.chunks(2).map(pair).collect()
            }
        }
    }
}

/// A kernel launch: entry point, grid and arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The name of the entry point, including the suffix of its element type.
    pub kernel: String,
    /// The launch configuration.
    pub grid: Grid,
    /// One for each parameter of the kernel.
    pub parameters: Vec<Parameter>,
}

/// A command for the stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Launch a kernel.
    Launch(Launch),
    /// Copy bytes within GPU memory.
    Copy {
        /// The destination.
        to: Address,
        /// The source.
        from: Address,
        /// The number of bytes.
        bytes: usize,
    },
    /// Set bytes of GPU memory to one value.
    Fill {
        /// The destination.
        to: Address,
        /// The value of each byte.
        value: u8,
        /// The number of bytes.
        bytes: usize,
    },
}

impl Command {
    /// A description of the command for error messages.
    pub fn doing(&self) -> String {
        match self {
            Self::Launch(launch) => format!("launching `{}`", launch.kernel),
            Self::Copy { .. } => "copying within the GPU".into(),
            Self::Fill { .. } => "filling memory".into(),
        }
    }

    /// Whether the command, which accesses the region of `bytes` bytes at `start`, may write to it. A region that is
    /// none of its arguments is accessed through a table of addresses, which does not tell.
    pub(super) fn may_write(&self, start: Address, bytes: usize) -> bool {
        let is_in = |address: &Address| (start..start.after(bytes)).contains(address);
        match self {
            Self::Launch(Launch { parameters, .. }) => {
                let mut parameters = parameters.iter();
                !parameters.clone().any(|one| matches!(one, Parameter::In(address, _) if is_in(address)))
                    || parameters.any(|one| matches!(one, Parameter::Out(address, _) if is_in(address)))
            }
            Self::Copy { to, .. } | Self::Fill { to, .. } => is_in(to),
        }
    }
}

/// The properties of a GPU on which the choice of kernels depends, and settings for memory checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// The number of streaming multiprocessors (SMs).
    pub sm_count: usize,
    /// Whether to launch the naive kernels instead of the fast ones.
    pub plain: bool,
    /// Whether allocations have their exact sizes and freed memory is never reused, so that memory checkers detect
    /// accesses outside of a tensor.
    pub exact_memory: bool,
    /// Whether allocated memory is first filled with NaN, also in replays, so that reads of unwritten elements are
    /// detected.
    pub poison: bool,
}

impl Traits {
    /// The properties of a GPU with this number of SMs, changed by environment variables, which `variable` looks up:
    /// `AGON_SMS` replaces the number of SMs; `AGON_PLAIN_KERNELS`, `AGON_EXACT_MEMORY` and `AGON_POISON` are on if
    /// they are 1.
    ///
    /// # Errors
    /// A message if `AGON_SMS` is not a valid number.
    pub fn with_variables(
        sm_count: usize,
        variable: impl Fn(&str) -> Option<String>,
    ) -> std::result::Result<Self, String> {
        let sm_count = match variable("AGON_SMS") {
            None => sm_count,
            Some(text) => text.parse().ok().filter(|&n| n > 0).ok_or_else(|| {
                format!("AGON_SMS is `{text}`: expected a positive number of SMs; correct or unset it")
            })?,
        };
        let is_on = |name| variable(name).is_some_and(|value| value == "1");
        let (plain, exact_memory) = (is_on("AGON_PLAIN_KERNELS"), is_on("AGON_EXACT_MEMORY"));
        Ok(Self { sm_count, plain, exact_memory, poison: is_on("AGON_POISON") })
    }
}

/// The interface of a GPU stream. Commands run in the order of submission.
pub trait Driver: fmt::Debug + Send + Sync {
    /// The device name, such as `cuda:0`.
    fn name(&self) -> String;

    /// The properties of the GPU.
    fn traits(&self) -> Traits;

    /// Loads compiled kernels, as [`Gpu::add_image`](super::Gpu::add_image).
    ///
    /// # Safety
    /// The requirements of [`Gpu::add_image`](super::Gpu::add_image).
    ///
    /// # Errors
    /// [`Error::Image`](crate::Error::Image) for bytes in another format, [`Error::ImageName`](crate::Error::ImageName)
    /// if other bytes are loaded under this name; or if the driver fails.
    unsafe fn add_image(&self, name: &str, bytes: &[u8]) -> Result<()>;

    /// Rounds a size up to a size class, so that allocations of similar size share cached memory. Not called if
    /// [`Traits::exact_memory`] is set.
    fn rounded(&self, bytes: usize) -> usize;

    /// Allocates `bytes`, aligned to 256; `None` if there is not enough free memory.
    ///
    /// # Errors
    /// If the driver fails in another way.
    fn allocate(&self, bytes: usize) -> Result<Option<Address>>;

    /// Waits for all submitted work and frees memory.
    ///
    /// # Safety
    /// [`Driver::allocate`] returned this address for this number of bytes, and nothing uses it any more.
    unsafe fn free(&self, address: Address, bytes: usize);

    /// The free and the total memory in bytes.
    fn memory(&self) -> Result<[usize; 2]>;

    /// Copies bytes from the CPU. The caller may reuse them when this function returns.
    ///
    /// # Safety
    /// At least `bytes.len()` bytes are allocated at the address.
    unsafe fn write(&self, to: Address, bytes: &[u8]) -> Result<()>;

    /// Waits for all submitted work and copies bytes to the CPU.
    ///
    /// # Safety
    /// At least `bytes.len()` bytes are allocated at the address.
    unsafe fn read(&self, from: Address, bytes: &mut [u8]) -> Result<()>;

    /// Submits a command.
    ///
    /// # Safety
    /// All memory that the command accesses stays allocated until the command is done.
    ///
    /// # Errors
    /// If there is no such kernel, or if the driver or earlier work fails.
    unsafe fn run(&self, command: &Command) -> Result<()>;

    /// Prepares lists of commands for replay: each runs in its order, and different lists may run at the same time.
    ///
    /// # Safety
    /// All memory that the commands access stays allocated as long as the returned value lives.
    unsafe fn prepare(&self, branches: &[&[Command]]) -> Result<Box<dyn Replay>>;

    /// Waits until all submitted work is done.
    fn wait(&self) -> Result<()>;
}

/// Lists of commands that were prepared for replay.
pub trait Replay: fmt::Debug + Send + Sync {
    /// Submits the commands once more.
    fn replay(&self) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_beyond_the_limits_of_cuda_or_of_a_thread_s_index_are_detected() {
        let grid = |blocks, threads| Grid { blocks, threads: [threads, 1, 1], shared: 0 };
        assert_eq!(grid([1 << 22, 65_535, 65_535], 256).excess(), None);
        assert_eq!(grid([1 << 24, 1, 1], 256).excess(), Some(1 << 32));
        assert_eq!(grid([1 << 31, 1, 1], 1).excess(), Some(1 << 31));
        assert_eq!(grid([1, 65_536, 1], 32).excess(), Some(65_536));
        assert_eq!(grid([1, 1, 65_536], 32).excess(), Some(65_536));
    }

    #[test]
    fn a_command_may_write_to_outputs_and_through_tables_of_addresses() {
        let at = |address: u64| Address(NonZeroU64::new(address).unwrap());
        let launch = |parameters| {
            let (kernel, grid) = (String::new(), Grid::of_blocks(1, 1));
            Command::Launch(Launch { kernel, grid, parameters })
        };
        let [input, output] = [Parameter::In(at(120), "f32"), Parameter::Out(at(120), "f32")];
        assert!(!launch(vec![input.clone()]).may_write(at(100), 30));
        assert!(launch(vec![output.clone()]).may_write(at(100), 30));
        // A kernel that works in place.
        assert!(launch(vec![input.clone(), output]).may_write(at(100), 30));
        // The table of the addresses is an input; the region is not.
        assert!(launch(vec![input]).may_write(at(200), 30));
        let copy = Command::Copy { to: at(100), from: at(200), bytes: 30 };
        assert!(copy.may_write(at(100), 30) && !copy.may_write(at(200), 30));
        assert!(Command::Fill { to: at(100), value: 0, bytes: 30 }.may_write(at(100), 30));
    }

    #[test]
    fn variables_change_the_number_of_sms_and_the_checks_of_memory() {
        let traits = |set: &[(&str, &str)]| {
            let found =
                |name: &str| set.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
            Traits::with_variables(132, found)
        };
        let plain = Traits { sm_count: 132, plain: false, exact_memory: false, poison: false };
        assert_eq!(traits(&[("AGON_POISON", "0")]), Ok(plain));
        let all = [
            ("AGON_PLAIN_KERNELS", "1"),
            ("AGON_EXACT_MEMORY", "1"),
            ("AGON_POISON", "1"),
            ("AGON_SMS", "4"),
        ];
        assert_eq!(traits(&all), Ok(Traits { sm_count: 4, plain: true, exact_memory: true, poison: true }));
        for bad in ["0", "-1", "many"] {
            assert!(traits(&[("AGON_SMS", bad)]).unwrap_err().contains(bad));
        }
    }
}
