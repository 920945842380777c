//! What a training step promises: no memory from the system once it is warm, and bits that do not depend on
//! the number of threads.
#![allow(clippy::unwrap_used)]

use models::fc::{self, Config, Size};
use models::{Activation, AdamConfig, Trainer};
use tensor::random::Stream;
use tensor::{DType, Indices, Tensor, memory_statistics};

/// The paper's batch is 512; this one is large enough that products and loops are shared between threads.
const BATCH: usize = 128;

fn losses(size: Size, steps: usize) -> Vec<[u64; 2]> {
    let latent_activation = Activation::Relu;
    let config = Config { size, pixels: 784, classes: 10, latent: 16, latent_activation };
    let model = fc::cre(&config, &Stream::new(3, "init"), DType::F32).unwrap();
    let mut words = Stream::new(3, "images").sequence(0);
    let pixels = (0..BATCH * 784).map(|_| (2.0 * words.uniform() - 1.0) as f32).collect();
    let images = Tensor::from_vec(pixels, &[BATCH, 784]).unwrap();
    let labels = Indices::new((0..BATCH as u32).map(|row| row % 10).collect());
    let mut trainer = Trainer::new(&model, AdamConfig::PAPER, 0.7);
    let mut step = || {
        let (mse, cross_entropy, _) = trainer.step(&images, &labels).unwrap();
        [mse.to_bits(), cross_entropy.to_bits()]
    };
    (0..steps).map(|_| step()).collect()
}

/// One test, so that no other asks for memory meanwhile.
#[test]
fn a_warm_step_takes_no_memory_from_the_system_and_threads_do_not_change_a_bit() {
    for size in [Size::S, Size::M, Size::L] {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| losses(size, 5))
        };
        let one = on(1);
        assert_eq!(one, on(1), "FC-{size:?}: two runs differ");
        for threads in [2, 3, 7] {
            assert_eq!(one, on(threads), "FC-{size:?}: {threads} threads gave other bits than one");
        }

        let warm = |steps| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            let before = memory_statistics();
            pool.install(|| losses(size, steps));
            memory_statistics().system_allocations - before.system_allocations
        };
        warm(2);
        assert_eq!(warm(10), 0, "FC-{size:?}: a warm step asked the system for memory");
    }
}
