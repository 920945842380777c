//! The launches of the operations that work element by element.

use autograd::ops::add::Add;

use crate::device::{Array, Device, over};
use crate::emulated::Launches;
use kernels::Argument;

/// `entry(out, inputs.., n, numbers..)` into a new array of the shape of the first input.
fn map<const N: usize>(device: Device, entry: &str, inputs: [&Array; N], numbers: &[f32]) -> Array {
    let out = device.new_array(inputs[0].shape(), inputs[0].dtype());
    let mut arguments = vec![out.write()];
    arguments.extend(inputs.map(Array::read));
    arguments.push(Argument::U32(out.len()));
    arguments.extend(numbers.iter().copied().map(Argument::F32));
    device.launch(entry, out.dtype(), over(out.len()), &arguments);
    out
}

impl Launches<2> for Add {
    type Kept = ();

    fn launch(&self, device: Device, [x, y]: [Array; 2]) -> ([Array; 1], ()) {
        ([map(device, "add", [&x, &y], &[])], ())
    }

    fn launch_back(&self, _: Device, (): &(), [dz]: [Array; 1]) -> [Array; 2] {
        [dz.clone(), dz]
    }
}
