//! The emulator as a GPU driver, with host memory as device memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tensor::gpu::{Address, Command, Driver, Gpu, Launch, Parameter, Replay, Traits};
use tensor::{Device, Error, Result};

use crate::{Memory, Order, Side};

/// The configuration of an emulated GPU: the order of threads, and the choice of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The order of threads, which also determines which end of a region of memory is adjacent to a guard page.
    pub order: Order,
    /// The emulated properties.
    pub traits: Traits,
}

impl Setting {
    /// Settings that together cover all orders of threads and all GEMM tiles.
    pub const ALL: [Self; 4] = [
        Self::new(Order::Forward, 1, false),
        Self::new(Order::Backward, usize::MAX, false),
        Self::new(Order::Scrambled, 4, false),
        Self::new(Order::Forward, 1, true),
    ];

    /// Memory is filled with NaN when it is allocated, and again in every replay.
    const fn new(order: Order, sm_count: usize, plain: bool) -> Self {
        Self { order, traits: Traits { sm_count, plain, exact_memory: false, poison: true } }
    }

    /// Opens an emulated device with this configuration. If the variable `AGON_TEST_DEVICE` names a GPU, opens that GPU
    /// instead with the kernels of this configuration.
    ///
    /// # Panics
    /// If that GPU does not exist, because a test that should run on it must not pass elsewhere.
    pub fn device(self) -> Device {
        let Ok(name) = std::env::var("AGON_TEST_DEVICE") else {
            return Device::Cuda(Gpu::new(Emulator { setting: self, memory: Arc::default() }));
        };
        let ordinal = name.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok());
        let ordinal = ordinal.unwrap_or_else(|| panic!("AGON_TEST_DEVICE is `{name}`: expected cuda:N"));
        let Traits { sm_count, plain, .. } = self.traits;
        let opened = Device::cuda_with(ordinal, |traits| Traits { sm_count, plain, ..traits });
        opened.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// The emulated GPU, which runs the threads of kernels one at a time.
#[derive(Debug, Clone)]
pub(crate) struct Emulator {
    setting: Setting,
    memory: Arc<Mutex<BTreeMap<Address, Memory>>>,
}

impl Emulator {
    fn side(&self) -> Side {
        if self.setting.order == Order::Backward { Side::Start } else { Side::End }
    }

    fn pieces(&self) -> MutexGuard<'_, BTreeMap<Address, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, what: impl ToString) -> Error {
        Error::Driver { device: self.name(), what: what.to_string() }
    }

    fn launch(&self, Launch { kernel, grid, parameters }: &Launch) -> Result<()> {
        crate::launch::run(kernel, *grid, self.setting.order, parameters)
            .map_err(|error| self.error(error))?;
        let memory = self.pieces();
        for (place, parameter) in parameters.iter().enumerate() {
            if let Parameter::In(address, _) | Parameter::Out(address, _) = parameter
                && let Some(memory) = memory.get(address)
            {
                memory.require_fences(kernel, place).map_err(|error| self.error(error))?;
            }
        }
        Ok(())
    }
}

fn pointer(address: Address) -> *mut u8 {
    std::ptr::with_exposed_provenance_mut(address.0.get() as usize)
}

impl Driver for Emulator {
    fn name(&self) -> String {
        "the emulator".into()
    }

    fn traits(&self) -> Traits {
        self.setting.traits
    }

    /// Does nothing: the kernels are linked into the program and register themselves.
    unsafe fn add_image(&self, _name: &str, _bytes: &[u8]) -> Result<()> {
        Ok(())
    }

    /// Sizes are not rounded, so that guard pages are adjacent to the memory.
    fn rounded(&self, bytes: usize) -> usize {
        bytes
    }

    fn allocate(&self, bytes: usize) -> Result<Option<Address>> {
        let memory = Memory::new(bytes, self.side());
        let address = memory.address();
        self.pieces().insert(address, memory);
        Ok(Some(address))
    }

    unsafe fn free(&self, address: Address, _: usize) {
        self.pieces().remove(&address);
    }

    fn memory(&self) -> Result<[usize; 2]> {
        let used = self.pieces().values().map(Memory::len).sum();
        Ok([used, used])
    }

    unsafe fn write(&self, to: Address, bytes: &[u8]) -> Result<()> {
        // SAFETY: the caller guarantees at least `bytes.len()` allocated bytes at `to`; no kernel is running, so
        // nothing else accesses them.
        unsafe { pointer(to).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    unsafe fn read(&self, from: Address, bytes: &mut [u8]) -> Result<()> {
        // SAFETY: the caller guarantees at least `bytes.len()` allocated bytes at `from`, which were initialised on
        // allocation.
        unsafe { pointer(from).copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    unsafe fn run(&self, command: &Command) -> Result<()> {
        match command {
            Command::Launch(launch) => self.launch(launch)?,
            // SAFETY: the caller guarantees that both regions are allocated for at least `bytes` bytes.
            Command::Copy { to, from, bytes } => unsafe { pointer(*to).copy_from(pointer(*from), *bytes) },
            // SAFETY: the caller guarantees that the region is allocated for at least `bytes` bytes.
            Command::Fill { to, value, bytes } => unsafe { pointer(*to).write_bytes(*value, *bytes) },
        }
        Ok(())
    }

    /// Interleaves the branches command by command, and starts with the last one: a branch that another one disturbs
    /// has other results than alone.
    unsafe fn prepare(&self, branches: &[&[Command]]) -> Result<Box<dyn Replay>> {
        let longest = branches.iter().map(|branch| branch.len()).max().unwrap_or(0);
        let turns =
            (0..longest).flat_map(|turn| branches.iter().rev().filter_map(move |branch| branch.get(turn)));
        Ok(Box::new(Replayed { emulator: self.clone(), commands: turns.cloned().collect() }))
    }

    fn wait(&self) -> Result<()> {
        Ok(())
    }
}

/// Prepared commands in the order in which they run.
#[derive(Debug)]
struct Replayed {
    emulator: Emulator,
    commands: Vec<Command>,
}

impl Replay for Replayed {
    fn replay(&self) -> Result<()> {
        for command in &self.commands {
            // SAFETY: the caller of `prepare` guarantees that all memory of the commands stays allocated as long as
            // `self` lives.
            unsafe { self.emulator.run(command) }?;
        }
        Ok(())
    }
}
