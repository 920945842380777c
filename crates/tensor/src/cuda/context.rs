//! An opened GPU with its loaded kernels, shared by all streams on it and kept until the process ends.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{DriverError, result, sys};

use super::images::{Added, IMAGES, MISSING};
use super::library;
use crate::gpu::{Launch, Traits};
use crate::{Error, Result};

/// The CUDA version that the kernels are compiled with, in the driver's encoding.
const VERSION: i32 = 13_000;

/// The oldest supported compute capability.
const OLDEST: (i32, i32) = (8, 0);

/// An opened GPU.
pub(super) struct Context {
    ordinal: usize,
    context: sys::CUcontext,
    traits: Traits,
    /// The maximum number of bytes of shared memory per block.
    most_shared: i32,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    files: HashMap<&'static str, sys::CUmodule>,
    added: Added<sys::CUmodule>,
    functions: HashMap<String, sys::CUfunction>,
}

// SAFETY: handles of the driver may be used by any thread on which the context is current.
unsafe impl Send for Context {}
// SAFETY: as for `Send`; the mutable state is behind a lock.
unsafe impl Sync for Context {}

/// The opened GPUs. They stay open: opening one takes half a second and loads every kernel.
static OPEN: Mutex<Vec<Arc<Context>>> = Mutex::new(Vec::new());

impl Context {
    /// The GPU with this ordinal; it is opened by the first call only.
    pub(super) fn open(ordinal: usize) -> Result<Arc<Self>> {
        let absent = |why: String| Error::NoDevice { device: format!("cuda:{ordinal}"), why };
        if IMAGES.is_empty() {
            return Err(absent(MISSING.into()));
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.iter().find(|context| context.ordinal == ordinal) {
            return Ok(Arc::clone(known));
        }
        let context = Arc::new(Self::open_anew(ordinal).map_err(absent)?);
        open.push(Arc::clone(&context));
        Ok(context)
    }

    fn open_anew(ordinal: usize) -> std::result::Result<Self, String> {
        // SAFETY: this loads the driver's library, whose initialisers have no requirements.
        if !unsafe { sys::is_culib_present() } {
            return Err(
                "the driver library (libcuda) is not installed; install NVIDIA's driver, or use `cpu`".into(),
            );
        }
        let failed = |error| format!("initialising the driver failed: {}{}", said(error), library::hint());
        result::init().map_err(failed)?;
        let mut version = 0;
        // SAFETY: the pointer is valid for one integer.
        let outcome = unsafe { sys::cuDriverGetVersion(&mut version) };
        outcome.result().map_err(|error| format!("reading the driver's version failed: {}", said(error)))?;
        if version < VERSION {
            let [supported, needed] = [version, VERSION].map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
            return Err(format!(
                "expected a driver for CUDA {needed} or newer, got one for CUDA {supported}; install a newer driver"
            ));
        }
        let count =
            result::device::get_count().map_err(|error| format!("counting GPUs failed: {}", said(error)))?;
        let number = i32::try_from(ordinal).ok().filter(|&number| number < count);
        let number = number.ok_or_else(|| {
            format!("the driver reports {count} GPUs, numbered from 0; name one of them, or use `cpu`")
        })?;
        let open = || -> std::result::Result<_, DriverError> {
            let device = result::device::get(number)?;
            use sys::CUdevice_attribute as Attribute;
            // SAFETY: the device handle came from the driver.
            let attribute = |of| unsafe { result::device::get_attribute(device, of) };
            let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
            let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
            let sm_count = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
            let most_shared = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
            Ok((device, (major, minor), sm_count, most_shared))
        };
        let (device, architecture, sm_count, most_shared) = open().map_err(said)?;
        if architecture < OLDEST {
            let ((major, minor), (oldest, _)) = (architecture, OLDEST);
            return Err(format!(
                "expected compute capability {oldest}.0 or newer, got {major}.{minor}; use `cpu`"
            ));
        }
        let traits = Traits::with_variables(sm_count as usize, |name| std::env::var(name).ok())?;
        // SAFETY: the device handle came from the driver. The context is never released, so it stays valid.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(said)?;
        Ok(Self { ordinal, context, traits, most_shared, loaded: Mutex::default() })
    }

    pub(super) fn name(&self) -> String {
        format!("cuda:{}", self.ordinal)
    }

    pub(super) fn traits(&self) -> Traits {
        self.traits
    }

    pub(super) fn handle(&self) -> sys::CUcontext {
        self.context
    }

    /// Makes this the current context of the calling thread.
    pub(super) fn make_current(&self) -> Result<()> {
        // SAFETY: `self.context` is never released.
        self.check("setting the current context", unsafe { result::ctx::set_current(self.context) })
    }

    /// Converts a driver error into [`Error::Driver`]; `doing` names the action that failed.
    pub(super) fn check<T>(&self, doing: &str, outcome: std::result::Result<T, DriverError>) -> Result<T> {
        outcome
            .map_err(|error| Error::Driver { device: self.name(), what: format!("{doing}: {}", said(error)) })
    }

    pub(super) fn new_stream(&self) -> Result<sys::CUstream> {
        self.make_current()?;
        self.check("creating a stream", result::stream::create(result::stream::StreamKind::NonBlocking))
    }

    /// The entry point `kernel`, which is allowed to use all the shared memory of a block.
    fn function(&self, kernel: &str) -> Result<sys::CUfunction> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&function) = loaded.functions.get(kernel) {
            return Ok(function);
        }
        let function = match IMAGES.iter().find(|image| image.kernels.contains(&kernel)) {
            Some(image) => {
                let module = match loaded.files.get(image.file) {
                    Some(&module) => module,
                    None => {
                        let module = self.load(image.file, image.bytes)?;
                        loaded.files.insert(image.file, module);
                        module
                    }
                };
                self.check(&format!("finding `{kernel}`"), function_of(module, kernel))?
            }
            None => {
                let added = loaded.added.modules().find_map(|&module| function_of(module, kernel).ok());
                added.ok_or_else(|| Error::Driver {
                    device: self.name(),
                    what: format!(
                        "no kernel `{kernel}` is loaded; run `cargo xtask kernels` and build again, or load an image \
                         that has it with `Gpu::add_image`"
                    ),
                })?
            }
        };
        use sys::CUfunction_attribute as Attribute;
        let (own, most) = (
            Attribute::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
            Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
        );
        // SAFETY: `function` was returned by the driver and its module stays loaded.
        let set = unsafe {
            result::function::get_function_attribute(function, own).and_then(|own| {
                result::function::set_function_attribute(function, most, self.most_shared - own)
            })
        };
        self.check(&format!("setting the shared memory limit of `{kernel}`"), set)?;
        loaded.functions.insert(kernel.to_owned(), function);
        Ok(function)
    }

    /// Loads an image, as [`Gpu::add_image`](crate::gpu::Gpu::add_image), whose caller guarantees that the kernels are
    /// sound.
    pub(super) fn add_image(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.make_current()?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.added.add(name, bytes, |bytes| self.load(name, bytes))
    }

    fn load(&self, name: &str, bytes: &[u8]) -> Result<sys::CUmodule> {
        // SAFETY: the bytes are a module embedded by the build script, or `images::checked` verified that they contain
        // their end.
        let module = unsafe { result::module::load_data(bytes.as_ptr().cast()) };
        self.check(&format!("loading the kernels of `{name}`"), module)
    }
}

/// The entry point `kernel` of a loaded module.
fn function_of(module: sys::CUmodule, kernel: &str) -> std::result::Result<sys::CUfunction, DriverError> {
    let name = CString::new(kernel).map_err(|_| DriverError(sys::CUresult::CUDA_ERROR_NOT_FOUND))?;
    // SAFETY: the module is loaded and is never unloaded before the process ends; `name` ends with a zero.
    unsafe { result::module::get_function(module, name) }
}

/// A kernel launch in the types of the driver.
pub(super) struct Call {
    pub(super) function: sys::CUfunction,
    pub(super) blocks: [u32; 3],
    pub(super) threads: [u32; 3],
    pub(super) shared: u32,
    /// The bytes of each argument. `pointers` points to them.
    _values: Vec<Vec<u64>>,
    pointers: Vec<*mut c_void>,
}

impl Call {
    pub(super) fn new(context: &Context, launch: &Launch) -> Result<Self> {
        let Launch { kernel, grid, parameters } = launch;
        let mut values: Vec<Vec<u64>> = parameters.iter().map(|parameter| parameter.value()).collect();
        let pointers = values.iter_mut().map(|value| value.as_mut_ptr().cast()).collect();
        let shared = u32::try_from(grid.shared)
            .map_err(|_| Error::TooLarge { kernel: kernel.clone(), size: grid.shared })?;
        let function = context.function(kernel)?;
        Ok(Self { function, blocks: grid.blocks, threads: grid.threads, shared, _values: values, pointers })
    }

    /// Pointers to the bytes of the arguments, valid as long as `self` lives.
    pub(super) fn pointers(&mut self) -> &mut [*mut c_void] {
        &mut self.pointers
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} SMs", self.name(), self.traits.sm_count)
    }
}

/// The driver's description and name of an error.
fn said(error: DriverError) -> String {
    let text = |text: std::result::Result<&std::ffi::CStr, DriverError>| {
        text.map_or_else(|_| "unnamed error".into(), |text| text.to_string_lossy().into_owned())
    };
    format!("{} ({})", text(error.error_string()), text(error.error_name()))
}
