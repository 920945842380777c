//! Criterion benchmarks: one training step of FC-M, and matrix multiplications.
#![allow(missing_docs)]

use benches::Workload;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tensor::random::Stream;
use tensor::{Init, Matrix, gemm_f32};

/// `[m, k, n]` of the matrix multiplications, and which of the two matrices is transposed. Those with 616 are those of
/// FC-M's widest layers: gradient of the input, forward, gradient of the weight. The last two differ in their rows only
/// and should be equally fast: a larger fraction of the peak for 128 rows than for 256 means that the tiles of one of
/// them were compiled to keep their sums in memory.
const PRODUCTS: [([usize; 3], [bool; 2]); 8] = [
    ([256, 256, 256], [false, false]),
    ([512, 512, 512], [false, false]),
    ([1024, 1024, 1024], [false, false]),
    ([512, 784, 616], [false, false]),
    ([512, 784, 616], [false, true]),
    ([616, 512, 784], [true, false]),
    ([128, 1152, 1024], [false, false]),
    ([256, 1152, 1024], [false, false]),
];

fn matmul(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matmul_f32");
    for ([m, k, n], [a_turned, b_turned]) in PRODUCTS {
        let mut words = Stream::new(0, "matmul").sequence(0);
        let mut random = |count| (0..count).map(|_| words.uniform() as f32).collect::<Vec<_>>();
        let (a, b) = (random(m * k), random(k * n));
        let mut out = vec![0.0; m * n];
        // Elements per second are floating-point operations per second.
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        let turned = |turned| if turned { "t" } else { "n" };
        let name = format!("{m}x{k}x{n}_{}{}", turned(a_turned), turned(b_turned));
        let stored = |rows, columns, turned| if turned { (columns, rows) } else { (rows, columns) };
        let ((a_rows, a_columns), (b_rows, b_columns)) = (stored(m, k, a_turned), stored(k, n, b_turned));
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let a = Matrix::new(&a, a_rows, a_columns, a_turned);
                gemm_f32(&mut out, a, Matrix::new(&b, b_rows, b_columns, b_turned), Init::Zero);
            });
        });
    }
    group.finish();
}

fn fc_m_step(criterion: &mut Criterion) {
    let workload = Workload::named("fc_m", None).expect("the workload is in the list");
    let mut training = workload.training().expect("the memory suffices");
    let mut group = criterion.benchmark_group("train_step");
    group.throughput(Throughput::Elements(workload.batch() as u64));
    group.sample_size(20);
    for threads in [1, 2] {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("the threads can be started");
        group.bench_function(BenchmarkId::new("fc_m_512", format!("{threads}_threads")), |bencher| {
            bencher.iter(|| pool.install(|| training.step().expect("the shapes match")));
        });
    }
    group.finish();
}

criterion_group!(all, matmul, fc_m_step);
criterion_main!(all);
