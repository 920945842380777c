//! The devices of a sweep: each is used by one run at a time, and by later runs again.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tensor::Device;

use crate::Result;

/// A pool of devices: a device is opened only when none is idle. A GPU is opened once in a process; each run needs a
/// stream and staging memory, which take milliseconds to create.
pub(super) struct Devices<F> {
    open: F,
    idle: Mutex<Vec<Device>>,
}

/// A device in use, returned when dropped.
pub(super) struct Lease<'d, F: Fn() -> Result<Device>> {
    devices: &'d Devices<F>,
    device: Device,
}

impl<F: Fn() -> Result<Device>> Devices<F> {
    pub(super) fn new(open: F) -> Self {
        Self { open, idle: Mutex::default() }
    }

    /// A device that no other run uses.
    ///
    /// # Errors
    /// If none is idle and the device cannot be opened.
    pub(super) fn take(&self) -> Result<Lease<'_, F>> {
        let idle = self.idle().pop();
        let device = idle.map_or_else(&self.open, Ok)?;
        Ok(Lease { devices: self, device })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Device>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fn() -> Result<Device>> Deref for Lease<'_, F> {
    type Target = Device;

    fn deref(&self) -> &Device {
        &self.device
    }
}

/// A device whose run panicked, or whose driver failed, is not used again.
impl<F: Fn() -> Result<Device>> Drop for Lease<'_, F> {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.device.come_to_rest().is_ok() {
            self.devices.idle().push(self.device.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn as_many_devices_are_opened_as_runs_use_at_a_time() {
        let opened = AtomicUsize::new(0);
        let devices = Devices::new(|| {
            opened.fetch_add(1, Ordering::Relaxed);
            Ok(Device::Cpu)
        });
        for _ in 0..3 {
            let _one = devices.take().unwrap();
        }
        assert_eq!(opened.load(Ordering::Relaxed), 1);
        let both = [devices.take().unwrap(), devices.take().unwrap()];
        assert_eq!((*both[0] == Device::Cpu, opened.load(Ordering::Relaxed)), (true, 2));
        drop(both);
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _lost = devices.take().unwrap();
            panic!("a planted failure of a run");
        }));
        let _both = [devices.take().unwrap(), devices.take().unwrap()];
        assert_eq!(opened.load(Ordering::Relaxed), 3);
    }
}
