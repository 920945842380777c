//! A warm training step allocates no memory from the system: tensors come from the cache, and other allocations are
//! small.
//!
//! This is the only test in its file, since it measures the memory of the whole process.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use peak_alloc::PeakAlloc;
use tensor::{DType, memory_statistics};
use tests::families::FAMILIES;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const WARM_UP: usize = 2;
const STEPS: usize = 6;
/// The memory limit of a step outside the cache: tape, shapes, task lists, scratch memory of one attention task; nothing
/// that grows with the batch.
const BESIDE: usize = 128 << 10;

#[test]
fn a_warm_step_allocates_no_memory_from_the_system() {
    let mut broken = Vec::new();
    for family in FAMILIES {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (more_asked, worst) = pool.install(|| {
            let (mut step, mut asked, mut used) = (0, 0, 0);
            let (mut more_asked, mut worst) = (0, 0);
            let after = &mut |_: &[f64]| {
                step += 1;
                let now = memory_statistics().system_allocations;
                if step > WARM_UP {
                    more_asked += now - asked;
                    worst = worst.max(MEMORY.peak_usage().saturating_sub(used));
                }
                (asked, used) = (now, MEMORY.current_usage());
                MEMORY.reset_peak_usage();
            };
            (family.instance)(DType::F32, family.batch).train(WARM_UP + STEPS, after).unwrap();
            (more_asked, worst)
        });
        println!("{}: {more_asked} allocations of the cache, {worst} bytes beside it", family.name);
        if more_asked > 0 || worst > BESIDE {
            broken.push(format!("{}: {more_asked} allocations, {worst} bytes", family.name));
        }
    }
    assert!(broken.is_empty(), "warm steps took memory: {broken:#?}");
}
