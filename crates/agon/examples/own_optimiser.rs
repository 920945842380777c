//! Implements an optimiser: Lion (Chen et al., 2023, arXiv 2302.06675), whose steps follow the sign of a momentum:
//! `cargo run --release -p agon --example own_optimiser`.
#![allow(clippy::print_stdout, reason = "an example")]

use agon::models::{Result, ScheduleValue, fitting};
use agon::ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use agon::prelude::*;
use agon::tensor::{self, Update};

/// `p = p - learning_rate sign(b1 m + (1 - b1) g)`, where `sign(0) = 0`; then `m = b2 m + (1 - b2) g`.
struct LionStep(f64);

impl Update<2, 1> for LionStep {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn reference<A: Real>(&self, [p, m]: [ArrayViewMutD<'_, A>; 2], [g]: [ArrayViewD<'_, A>; 1]) {
        let [rate, b1, b2] = [self.0, 0.9, 0.99].map(A::from_f64);
        Zip::from(p).and(m).and(&g).for_each(|p, m, &g| {
            let direction = b1 * *m + (A::one() - b1) * g;
            if direction != A::zero() {
                *p -= rate * direction.signum();
            }
            *m = b2 * *m + (A::one() - b2) * g;
        });
    }
}

struct Lion {
    learning_rate: f64,
    momenta: Vec<(String, Tensor)>,
}

impl Optimiser for Lion {
    fn apply(&mut self, params: &[(String, &Param)], gradients: &Gradients, at: ScheduleValue) -> Result<()> {
        let step = LionStep(self.learning_rate * at.factor);
        for ((_, param), (_, momentum)) in params.iter().zip(&mut self.momenta) {
            let gradient = gradients.param(param)?;
            param.update(|value| tensor::update(&step, [value, momentum], [gradient]))?;
        }
        Ok(())
    }

    fn to_device(&mut self, params: &[(String, &Param)]) -> Result<()> {
        for ((_, param), (_, momentum)) in params.iter().zip(&mut self.momenta) {
            *momentum = momentum.to_device(&param.value().device())?;
        }
        Ok(())
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.momenta.clone()
    }

    fn load(&mut self, _: &[(String, &Param)], stored: &dyn Fn(&str) -> Option<Tensor>) -> Result<()> {
        let load = |(name, own): &(String, Tensor)| Ok((name.clone(), fitting(name, own, stored(name))?));
        self.momenta = self.momenta.iter().map(load).collect::<Result<_>>()?;
        Ok(())
    }
}

fn main() -> Result<()> {
    let images = Tensor::from_vec(vec![-1.0f32, 0.0, 1.0, 2.0], &[4, 1])?;
    let target = Some(Tensor::from_vec(vec![-1.0f32, 1.0, 3.0, 5.0], &[4, 1])?);
    let example = Example { images, target, labels: Indices::new(vec![]) };
    let model = Linear::new(1, 1, &Stream::new(0, "init"), DType::F32);
    let zeros = |(name, param): (String, &Param)| Ok((name + ".momentum", param.value().zeros_like()?));
    let momenta = model.params().into_iter().map(zeros).collect::<Result<_>>()?;
    let (lion, schedule) = (Lion { learning_rate: 0.05, momenta }, Schedule::Cosine { steps: 300 });
    let mut trainer = LossTrainer::new(model.params(), vec![], lion, schedule, |tape, example, mode| {
        Ok(model.forward(&tape.constant(&example.images), mode)?.mse(&tape.constant(example.target()))?)
    })?;
    while trainer.steps() < 300 {
        trainer.step(&example)?;
    }
    println!("loss {:.5}", trainer.step(&example)?.loss);
    Ok(())
}
