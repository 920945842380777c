//! What a GPU must be able to do: the driver of CUDA does it, and so does the emulator of the tests.

use std::fmt;
use std::num::NonZeroU64;

use crate::Result;

/// Where something lies in the memory of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub NonZeroU64);

/// How many threads run a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Blocks along x, y and z; if any is 0 there is nothing to do.
    pub blocks: [u32; 3],
    /// Threads of a block along x, y and z.
    pub threads: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared: usize,
}

impl Grid {
    /// One thread for each of `threads`, in blocks of 256 along x, and at most 1024 blocks: kernels go round.
    pub fn over(threads: usize) -> Self {
        Self::of_blocks(threads.div_ceil(256).min(1024) as u32, 256)
    }

    /// This many blocks of this many threads along x.
    pub fn of_blocks(blocks: u32, threads: u32) -> Self {
        Self { blocks: [blocks, 1, 1], threads: [threads, 1, 1], shared: 0 }
    }
}

/// An argument of a kernel, as the driver hands it over.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// Where numbers of this type lie that the kernel only reads, such as `const f32*`.
    In(Address, &'static str),
    /// Where numbers of this type lie that the kernel writes.
    Out(Address, &'static str),
    /// A whole number.
    U32(u32),
    /// A large whole number.
    U64(u64),
    /// A number.
    F32(f32),
    /// A struct by value whose members are all of 32 bits.
    Words(Vec<u32>),
}

impl Parameter {
    /// The type that the kernel must give the parameter.
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

    /// The bytes that the kernel gets, from the first, with the alignment that any parameter wants.
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

/// A kernel with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// The name of the entry point, with the type at its end.
    pub kernel: String,
    /// How many threads.
    pub grid: Grid,
    /// One for each parameter of the kernel.
    pub parameters: Vec<Parameter>,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Run a kernel.
    Launch(Launch),
    /// Copy bytes from one place of the GPU's memory to another.
    Copy {
        /// Where to.
        to: Address,
        /// Where from.
        from: Address,
        /// How many.
        bytes: usize,
    },
    /// Make bytes of the GPU's memory zero.
    Clear {
        /// Where.
        to: Address,
        /// How many.
        bytes: usize,
    },
}

/// What a GPU is like, for those who choose among kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// How many blocks it computes at one time, at least.
    pub processors: usize,
    /// Whether the kernels that are easy to read are asked for instead of the fast ones.
    pub plain: bool,
}

/// What a GPU must be able to do. Work is done in the order in which it is asked for.
pub trait Driver: fmt::Debug + Send + Sync {
    /// How users call it: `cuda:0`.
    fn name(&self) -> String;

    /// What it is like.
    fn traits(&self) -> Traits;

    /// How many bytes are allocated where so many are wanted: more than those, where that lets more sizes share.
    fn rounded(&self, bytes: usize) -> usize;

    /// Memory for so many bytes, at a multiple of 256; `None` if so much is not free.
    ///
    /// # Errors
    /// If the driver fails in another way.
    fn allocate(&self, bytes: usize) -> Result<Option<Address>>;

    /// Memory that was allocated is given to its next user, who will write it before reading.
    fn reuse(&self, _address: Address, _bytes: usize) {}

    /// Gives memory back, when all work before is done.
    ///
    /// # Safety
    /// [`Driver::allocate`] gave this address for this many bytes, and nobody will use it any more.
    unsafe fn free(&self, address: Address, bytes: usize);

    /// Bytes of memory that are free, and bytes that there are.
    ///
    /// # Errors
    /// If the driver fails.
    fn memory(&self) -> Result<[usize; 2]>;

    /// Copies from the processor. On return the bytes may be reused.
    ///
    /// # Safety
    /// The memory there is allocated and as long.
    ///
    /// # Errors
    /// If the driver fails.
    unsafe fn write(&self, to: Address, bytes: &[u8]) -> Result<()>;

    /// Copies to the processor, when all work before is done.
    ///
    /// # Safety
    /// The memory there is allocated and as long.
    ///
    /// # Errors
    /// If the driver, or work before, fails.
    unsafe fn read(&self, from: Address, bytes: &mut [u8]) -> Result<()>;

    /// Does it, now or later.
    ///
    /// # Safety
    /// All memory that the command reaches is allocated, now and until it is done.
    ///
    /// # Errors
    /// If there is no such kernel, or the driver, or work before, fails.
    unsafe fn run(&self, command: &Command) -> Result<()>;

    /// Makes one piece of work of these, to be done in this order.
    ///
    /// # Safety
    /// All memory that the commands reach is allocated as long as the result lives.
    ///
    /// # Errors
    /// If the driver fails.
    unsafe fn prepare(&self, commands: Vec<Command>) -> Result<Box<dyn Replay>>;

    /// Waits until all work is done.
    ///
    /// # Errors
    /// If any of it failed.
    fn wait(&self) -> Result<()>;
}

/// Work that can be asked for again and again.
pub trait Replay: fmt::Debug + Send + Sync {
    /// Asks for it once more.
    ///
    /// # Errors
    /// If the driver, or work before, fails.
    fn replay(&self) -> Result<()>;
}
