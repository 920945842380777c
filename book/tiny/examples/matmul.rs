//! Times the versions of the matrix multiplication, for `m = k = n` (768, or the first argument).

use std::io::{self, Write};
use std::time::Instant;

use tiny::matmul::VERSIONS;

fn main() -> io::Result<()> {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(768);
    let value = |place: usize| ((place * 7919 + 13) % 101) as f32 / 50.0 - 1.0;
    let a: Vec<f32> = (0..n * n).map(value).collect();
    let b: Vec<f32> = (0..n * n).map(|place| value(place + 5)).collect();
    let mut c = vec![0.0; n * n];
    for (name, version) in VERSIONS {
        // The fastest of three: the first also fetches the memory.
        let seconds = (0..3).map(|_| {
            let start = Instant::now();
            version(&a, &b, &mut c, [n; 3]);
            start.elapsed().as_secs_f64()
        });
        let fastest = seconds.fold(f64::INFINITY, f64::min);
        let gflops = 2.0 * (n * n * n) as f64 / fastest / 1e9;
        writeln!(io::stdout(), "{name:8} {gflops:7.2} GFLOP/s, checksum {:.3}", c.iter().sum::<f32>())?;
    }
    Ok(())
}
