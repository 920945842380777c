//! Optimisers that step all parameters in one launch, held against those of the processor in 64 bits.

use autograd::{Gradients, Param, Tape};
use half::{bf16, f16};
use kernels::{Argument, Grid, Memory, Order};
use models::{Adam, AdamConfig, Phase, Schedule, Sgd, SgdConfig};
use tensor::random::Stream;
use tensor::{DType, Element, Tensor};

use crate::DTYPES;
use crate::device::{Array, Device};

/// The elements that one block steps.
const SHARE: usize = 1024;
const STEPS: usize = 4;

/// Parameters and their gradients of each step, in 64 bits but with the digits of `dtype`.
struct Run {
    params: Vec<(String, Param)>,
    gradients: Vec<Vec<Tensor>>,
}

impl Run {
    fn new(dtype: DType) -> Self {
        let mut words = Stream::new(1, "optimisers").sequence(0);
        let mut random = |shape: &[usize], dtype: DType| {
            let values = (0..shape.iter().product()).map(|_| 2.0 * words.uniform() - 1.0).collect();
            Tensor::from_vec::<f64>(values, shape)
                .expect("the values fill the shape")
                .to_dtype(dtype)
                .to_dtype(DType::F64)
        };
        let shapes: [&[usize]; 4] = [&[3, 5], &[2, 1100], &[], &[SHARE]];
        let param = |(i, shape): (usize, &&[usize])| (format!("p{i}"), Param::new(random(shape, DType::F32)));
        let params = shapes.iter().enumerate().map(param).collect();
        let gradients = (0..STEPS).map(|_| shapes.map(|shape| random(shape, dtype)).to_vec()).collect();
        Self { params, gradients }
    }

    fn named(&self) -> Vec<(String, &Param)> {
        self.params.iter().map(|(name, param)| (name.clone(), param)).collect()
    }

    /// The gradients of a step as a tape gives them: of `sum of p g`.
    fn of_step(&self, step: usize) -> Gradients {
        let tape = Tape::new();
        let mut sum = tape.constant(&Tensor::zeros(&[], DType::F64));
        for ((_, param), gradient) in self.params.iter().zip(&self.gradients[step]) {
            let product = tape.param(param).mul(&tape.constant(gradient)).expect("equal shapes");
            let axes: Vec<usize> = (0..product.shape().len()).collect();
            sum = sum.add(&product.sum_axes(&axes, false).expect("its own axes")).expect("two numbers");
        }
        tape.backward(&sum).expect("the sum is a number")
    }
}

/// Parameters on the device: weights, running sums, gradients, and copies of the weights in 16 bits.
struct OnDevice {
    device: Device,
    dtype: DType,
    weights: Vec<Array>,
    sums: Vec<Vec<Array>>,
    gradients: Vec<Array>,
    copies: Vec<Array>,
}

impl OnDevice {
    fn new(run: &Run, dtype: DType, order: Order, n_sums: usize) -> Self {
        let device = Device { order };
        let values: Vec<Tensor> = run.params.iter().map(|(_, p)| p.value().to_dtype(DType::F32)).collect();
        let zeros = |value: &Tensor| device.put(&Tensor::zeros(value.shape(), DType::F32));
        Self {
            device,
            dtype,
            weights: values.iter().map(|value| device.put(value)).collect(),
            sums: values.iter().map(|value| (0..n_sums).map(|_| zeros(value)).collect()).collect(),
            gradients: values.iter().map(|value| device.new_array(value.shape(), dtype)).collect(),
            copies: values.iter().map(|value| device.new_array(value.shape(), dtype)).collect(),
        }
    }

    /// The list of pointers: weight, sums, gradient, and the copy or null.
    fn pointers(&self) -> Memory {
        let of_one = |i: usize| {
            let sums = self.sums[i].iter().map(Array::address);
            let copy = if self.dtype == DType::F32 { 0 } else { self.copies[i].address() };
            [self.weights[i].address()].into_iter().chain(sums).chain([self.gradients[i].address(), copy])
        };
        self.device.put_u64(&(0..self.weights.len()).flat_map(of_one).collect::<Vec<u64>>())
    }

    /// One step of `name` with the gradients times `factor`.
    fn step(&mut self, name: &str, gradients: &[Tensor], factor: f64, step: Argument<'_>) {
        let scaled = |gradient: &Tensor| {
            let values = gradient.to_f64_vec().iter().map(|g| factor * g).collect();
            Tensor::from_vec::<f64>(values, gradient.shape())
                .expect("the values fill the shape")
                .to_dtype(self.dtype)
        };
        self.gradients = gradients.iter().map(|gradient| self.device.put(&scaled(gradient))).collect();
        let shares: Vec<u32> = (0..self.weights.len())
            .flat_map(|parameter| {
                let n = self.weights[parameter].len() as usize;
                let share = move |first: usize| [parameter, first, SHARE.min(n - first)].map(|x| x as u32);
                (0..n).step_by(SHARE).flat_map(share)
            })
            .collect();
        let grid = Grid { blocks: [shares.len() as u32 / 3, 1, 1], threads: [256, 1, 1], shared: 0 };
        let (pointers, shares) = (self.pointers(), self.device.put_u32(&shares));
        let of_one = format!("struct of {} bytes", 8 * (3 + self.sums[0].len()));
        let arguments = [Argument::In(&pointers, &of_one), Argument::In(&shares, "struct of 12 bytes"), step];
        self.device.launch(name, self.dtype, grid, &arguments);
    }

    /// The weights are those of the processor, and their copies are the weights.
    fn check(&self, run: &Run) {
        for ((_, param), (weight, copy)) in run.params.iter().zip(self.weights.iter().zip(&self.copies)) {
            let weight = weight.to_tensor();
            for (got, wanted) in weight.to_f64_vec().iter().zip(param.value().to_f64_vec()) {
                // A weight is below 2 and each step rounds it and its change some ten times.
                let allowed = 2.0 * 10.0 * STEPS as f64 * f64::from(f32::EPSILON);
                assert!((got - wanted).abs() <= allowed, "{got} {wanted} in {}", self.dtype);
            }
            for (got, weight) in
                copy.to_tensor().to_f64_vec().iter().zip(weight.as_slice::<f32>().expect("weights are f32"))
            {
                match self.dtype {
                    DType::F16 => assert_eq!(*got, Element::to_f64(f16::narrow(*weight))),
                    DType::BF16 => assert_eq!(*got, Element::to_f64(bf16::narrow(*weight))),
                    _ => assert!(got.is_nan(), "without 16 bits there is no copy"),
                }
            }
        }
    }
}

#[test]
fn adam_steps_all_parameters_in_one_launch() {
    let config = AdamConfig { learning_rate: 0.01, ..AdamConfig::PAPER };
    for (dtype, order) in DTYPES.into_iter().zip(Order::ALL) {
        for (weight_decay, factor) in [(0.0, 1.0), (0.1, 1024.0)] {
            let run = Run::new(dtype);
            let mut on_device = OnDevice::new(&run, dtype, order, 2);
            let mut adam = Adam::new(&run.named(), config).with_weight_decay(weight_decay);
            let device = on_device.device;
            let AdamConfig { learning_rate, beta1, beta2, epsilon } = config;
            let numbers = [learning_rate, beta1, beta2, epsilon, weight_decay, factor];
            let settings = device.put_u64(&numbers.map(f64::to_bits));
            let (steps, step) = (device.put_u64(&[0]), device.put_u32(&[0; 9]));
            for (number, gradients) in run.gradients.iter().enumerate() {
                let begin = [
                    Argument::Out(&step, "struct of 36 bytes"),
                    Argument::Out(&steps, "u64"),
                    Argument::In(&settings, "struct of 48 bytes"),
                ];
                let one = Grid { blocks: [1; 3], threads: [1; 3], shared: 0 };
                device.launch_one("adam_begin", one, &begin);
                on_device.step("adam", gradients, factor, Argument::In(&step, "struct of 36 bytes"));
                adam.step(&run.named(), &run.of_step(number)).unwrap();
            }
            on_device.check(&run);
        }
    }
}

#[test]
fn sgd_steps_all_parameters_in_one_launch() {
    for (dtype, order) in DTYPES.into_iter().zip(Order::ALL) {
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            let config = SgdConfig { learning_rate: 0.01, momentum, nesterov };
            let run = Run::new(dtype);
            let mut on_device = OnDevice::new(&run, dtype, order, 1);
            let mut sgd = Sgd::new(&run.named(), config);
            let numbers = [config.learning_rate as f32, momentum as f32, 8.0].map(f32::to_bits);
            let settings = [&numbers[..], &[u32::from(nesterov)]].concat();
            let step = on_device.device.put_u32(&settings);
            for (number, gradients) in run.gradients.iter().enumerate() {
                on_device.step("sgd", gradients, 8.0, Argument::In(&step, "struct of 16 bytes"));
                let phase: Phase = Schedule::Constant.at(0);
                sgd.step(&run.named(), &run.of_step(number), phase).unwrap();
            }
            on_device.check(&run);
        }
    }
}
