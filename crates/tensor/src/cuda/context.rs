//! A card that has been opened, with its kernels; all queues on it share this.

use std::collections::HashMap;
use std::ffi::CString;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use cudarc::driver::{DriverError, result, sys};

use super::images::{IMAGES, Image, MISSING};
use crate::gpu::Traits;
use crate::{Error, Result};

/// The version of CUDA that the kernels are compiled with, as the driver counts.
const VERSION: i32 = 13_000;

/// The oldest architecture that there are kernels for.
const OLDEST: (i32, i32) = (8, 0);

/// More shared memory than this has to be asked for.
const SHARED_BY_DEFAULT: usize = 48 << 10;

/// A card that has been opened.
pub(super) struct Context {
    ordinal: usize,
    device: sys::CUdevice,
    context: sys::CUcontext,
    traits: Traits,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    files: HashMap<&'static str, sys::CUmodule>,
    functions: HashMap<String, sys::CUfunction>,
}

// SAFETY: handles of the driver may be used by any thread on which the context is current.
unsafe impl Send for Context {}
// SAFETY: as above; what changes is behind a lock.
unsafe impl Sync for Context {}

/// The cards that are open.
static OPEN: Mutex<Vec<Weak<Context>>> = Mutex::new(Vec::new());

impl Context {
    /// The card with this ordinal; it is opened once.
    pub(super) fn open(ordinal: usize) -> Result<Arc<Self>> {
        let absent = |why: String| Error::NoDevice { device: format!("cuda:{ordinal}"), why };
        if IMAGES.is_empty() {
            return Err(absent(MISSING.into()));
        }
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|context| context.strong_count() > 0);
        if let Some(known) = open.iter().filter_map(Weak::upgrade).find(|context| context.ordinal == ordinal)
        {
            return Ok(known);
        }
        let context = Arc::new(Self::open_anew(ordinal).map_err(absent)?);
        open.push(Arc::downgrade(&context));
        Ok(context)
    }

    fn open_anew(ordinal: usize) -> std::result::Result<Self, String> {
        // SAFETY: it only looks for the library; the library of a driver has no harmful initialiser.
        if !unsafe { sys::is_culib_present() } {
            return Err(
                "the driver library (libcuda) is not installed; install NVIDIA's driver, or use `cpu`".into(),
            );
        }
        result::init().map_err(|error| format!("the driver does not start: {}", said(error)))?;
        let mut version = 0;
        // SAFETY: the pointer is to a number of ours.
        let asked = unsafe { sys::cuDriverGetVersion(&mut version) };
        asked.result().map_err(|error| format!("the driver does not tell its version: {}", said(error)))?;
        if version < VERSION {
            let [has, wants] = [version, VERSION].map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
            return Err(format!(
                "the driver is for CUDA {has}, the kernels want {wants}; install a newer driver"
            ));
        }
        let count =
            result::device::get_count().map_err(|error| format!("no cards are found: {}", said(error)))?;
        let number = i32::try_from(ordinal).ok().filter(|&number| number < count);
        let number = number.ok_or_else(|| format!("the driver has {count} cards, counted from 0"))?;
        let open = || -> std::result::Result<_, DriverError> {
            let device = result::device::get(number)?;
            use sys::CUdevice_attribute as Attribute;
            // SAFETY: the device is one of the driver's.
            let attribute = |of| unsafe { result::device::get_attribute(device, of) };
            let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
            let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
            let processors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
            Ok((device, (major, minor), processors))
        };
        let (device, architecture, processors) = open().map_err(said)?;
        if architecture < OLDEST {
            let ((major, minor), (oldest, _)) = (architecture, OLDEST);
            return Err(format!(
                "it is of compute capability {major}.{minor}, and there are kernels for {oldest}.0 and newer; use \
                 `cpu`"
            ));
        }
        // SAFETY: the device is one of the driver's.
        let context = unsafe { result::primary_ctx::retain(device) }.map_err(said)?;
        let plain = std::env::var_os("AGON_PLAIN_KERNELS").is_some_and(|value| value == "1");
        let traits = Traits { processors: processors as usize, plain };
        Ok(Self { ordinal, device, context, traits, loaded: Mutex::default() })
    }

    pub(super) fn name(&self) -> String {
        format!("cuda:{}", self.ordinal)
    }

    pub(super) fn traits(&self) -> Traits {
        self.traits
    }

    /// Makes this the card that calls of this thread mean.
    pub(super) fn make_current(&self) -> Result<()> {
        // SAFETY: the context is retained as long as `self` lives.
        self.check("choosing the card", unsafe { result::ctx::set_current(self.context) })
    }

    /// What the driver said of `doing`, as an error of ours.
    pub(super) fn check<T>(&self, doing: &str, outcome: std::result::Result<T, DriverError>) -> Result<T> {
        outcome
            .map_err(|error| Error::Driver { device: self.name(), what: format!("{doing}: {}", said(error)) })
    }

    pub(super) fn new_stream(&self) -> Result<sys::CUstream> {
        self.make_current()?;
        self.check("making a stream", result::stream::create(result::stream::StreamKind::NonBlocking))
    }

    /// The entry point of this name, which may ask for so much dynamic shared memory.
    pub(super) fn function(&self, kernel: &str, shared: usize) -> Result<sys::CUfunction> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&function) = loaded.functions.get(kernel) {
            return Ok(function);
        }
        let image = IMAGES.iter().find(|image| image.kernels.contains(&kernel));
        let image = image.ok_or_else(|| Error::Driver {
            device: self.name(),
            what: format!("there is no kernel `{kernel}`; run `cargo xtask kernels` and build again"),
        })?;
        let module = match loaded.files.get(image.file) {
            Some(&module) => module,
            None => {
                let module = self.load(image)?;
                loaded.files.insert(image.file, module);
                module
            }
        };
        let name = CString::new(kernel).expect("a kernel of this name was found");
        // SAFETY: the module is loaded and is never unloaded before the context ends.
        let function = unsafe { result::module::get_function(module, name) };
        let function = self.check(&format!("finding `{kernel}`"), function)?;
        if shared > SHARED_BY_DEFAULT {
            let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the function was just found.
            let set = unsafe { result::function::set_function_attribute(function, attribute, shared as i32) };
            self.check(&format!("giving `{kernel}` {shared} bytes of shared memory"), set)?;
        }
        loaded.functions.insert(kernel.to_owned(), function);
        Ok(function)
    }

    fn load(&self, image: &Image) -> Result<sys::CUmodule> {
        // SAFETY: the image is what the compiler wrote for the driver to load.
        let module = unsafe { result::module::load_data(image.bytes.as_ptr().cast()) };
        self.check(&format!("loading the kernels of `{}`", image.file), module)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it was retained once, and all queues are gone. Its modules go with it.
        let _ = unsafe { result::primary_ctx::release(self.device) };
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} processors", self.name(), self.traits.processors)
    }
}

/// The driver's name of an error and its words for it.
fn said(error: DriverError) -> String {
    let text = |text: std::result::Result<&std::ffi::CStr, DriverError>| {
        text.map_or_else(|_| "an error without a name".into(), |text| text.to_string_lossy().into_owned())
    };
    format!("{} ({})", text(error.error_string()), text(error.error_name()))
}
