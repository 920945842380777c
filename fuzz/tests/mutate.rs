//! R13: no reader panics, hangs, or exceeds its memory bound.
//!
//! `AGON_PROVE_INPUTS` is the number of mutated inputs per reader, in addition to the hostile inputs and every
//! truncation of the valid ones. This is the only test in its file, since it measures the memory of the whole process.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fuzz::corpus;
use fuzz::mutation::{MAX_BYTES, mutated};
use fuzz::readers::{READERS, Reader};
use peak_alloc::PeakAlloc;
use rand::RngCore;
use reliability::{Measurement, size};
use tensor::random::Stream;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The default number of mutated inputs per reader.
const INPUTS: usize = 50_000;

/// The number in the long programme: more than ten million over all readers.
const LONG: usize = 1_200_000;

/// The time limit of a reader for one input.
const LONGEST: Duration = Duration::from_secs(1);

/// The memory limit of a reader for an input of this length. Readers of images may use more, since each byte of a file
/// can encode 1,032 bytes of pixels, of which a progressive JPEG temporarily needs three times as much: decoded pixels
/// and 16-bit coefficients.
///
/// A compressed file may decompress to 64 times its size plus 4 MiB, and a growing vector temporarily takes up to three
/// times its content. That is the bound for the few inputs that are larger than any mutated one.
const fn most_bytes(input: usize) -> usize {
    if input <= MAX_BYTES + 1_024 { 4 * input + (16 << 20) } else { 3 * (64 * input + (4 << 20)) }
}

/// The largest number of pixel bytes that an input can encode for this reader.
fn pixels(reader: &Reader, input: usize) -> usize {
    if reader.name == "image" { 1_032 * input } else { 0 }
}

/// The current input for the watchdog, with the reader's number in the upper 16 bits.
static CURRENT: AtomicU64 = AtomicU64::new(0);

/// The results of all inputs so far.
struct Results {
    /// The time limit for one input.
    allowed: Duration,
    n: u64,
    failures: Vec<String>,
    longest: Duration,
    /// The largest memory use, for inputs of any length.
    most: usize,
}

impl Results {
    fn new(allowed: Duration) -> Self {
        Self { allowed, n: 0, failures: Vec::new(), longest: Duration::ZERO, most: 0 }
    }

    fn try_input(&mut self, reader: &Reader, what: &str, input: &[u8]) {
        self.n += 1;
        // Each 2 MiB of pixels may take as long again for decoding and resizing.
        let allowed = self.allowed * (1 + (pixels(reader, input.len()) >> 21) as u32);
        let (mut took, mut taken) = (Duration::MAX, usize::MAX);
        // Slow inputs are repeated up to twice, since the machine may be busy.
        for _ in 0..3 {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let start = Instant::now();
            if catch_unwind(AssertUnwindSafe(|| (reader.read)(input))).is_err() {
                return self.fail(reader, what, input, "it panics");
            }
            took = took.min(start.elapsed());
            taken = taken.min(MEMORY.peak_usage().saturating_sub(before));
            if took <= allowed {
                break;
            }
        }
        (self.longest, self.most) = (self.longest.max(took), self.most.max(taken));
        if took > allowed {
            self.fail(reader, what, input, &format!("it takes {:.1} s", took.as_secs_f64()));
        }
        let most = most_bytes(input.len()) + 3 * pixels(reader, input.len());
        if taken > most {
            self.fail(reader, what, input, &format!("it takes {taken} bytes, allowed are {most}"));
        }
    }

    /// Stores the input for inspection.
    fn fail(&mut self, reader: &Reader, what: &str, input: &[u8], why: &str) {
        let name = format!("{}-{what}", reader.name).replace(' ', "-");
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&kept, input).unwrap();
        self.failures.push(format!("{}, {what}: {why}; see {}", reader.name, kept.display()));
    }
}

fn seeds(reader: &Reader) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        fs::read_dir(corpus::folder(reader.name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Runs all inputs of one reader.
fn try_reader(reader: &Reader, inputs: u64, results: &mut Results) {
    for (number, input) in (reader.hostile)().iter().enumerate() {
        results.try_input(reader, &format!("hostile input {number}"), input);
    }
    let seeds = seeds(reader);
    for (number, seed) in seeds.iter().enumerate() {
        for end in 0..=seed.len() {
            results.try_input(reader, &format!("seed {number} cut at {end}"), &seed[..end]);
        }
    }
    let seed = reliability::seed(13);
    let (stream, choices) = (Stream::new(seed, reader.name), Stream::new(seed, "envelope"));
    for number in 0..inputs {
        CURRENT.fetch_add(1, Ordering::Relaxed);
        let input = mutated(&seeds, &stream, number);
        // Half of the inputs have no envelope.
        let choice = choices.sequence(number).next_u32() as usize % (2 * reader.envelopes.len()).max(1);
        let input = reader.envelopes.get(choice).map_or_else(|| input.clone(), |envelope| envelope(&input));
        results.try_input(reader, &format!("changed input {number} of seed {seed}"), &input);
    }
}

/// Asserts that faulty readers of all three kinds are detected.
fn planted_faults_are_found() {
    let planted: [fn(&[u8]); 3] = [
        |bytes| assert!(bytes.is_empty(), "planted"),
        |_| thread::sleep(Duration::from_millis(20)),
        |_| drop(std::hint::black_box(vec![1_u8; 17 << 20])),
    ];
    for (read, found) in planted.into_iter().zip(["it panics", "it takes 0.0 s", "bytes, allowed are"]) {
        let mut results = Results::new(Duration::from_millis(if found.contains(" s") { 10 } else { 1_000 }));
        let reader = Reader { name: "planted", read, envelopes: &[], hostile: Vec::new };
        results.try_input(&reader, "fault", &[1]);
        assert!(results.failures.len() == 1 && results.failures[0].contains(found), "{:?}", results.failures);
    }
}

/// Aborts the process if one input takes a minute, since a hang would never return.
fn watch(work: &thread::JoinHandle<Results>) {
    let (mut seen, mut since) = (u64::MAX, Instant::now());
    while !work.is_finished() {
        thread::sleep(Duration::from_millis(50));
        let current = CURRENT.load(Ordering::Relaxed);
        if current != seen {
            (seen, since) = (current, Instant::now());
        }
        let (reader, number) = (READERS[(current >> 48) as usize].name, current & ((1 << 48) - 1));
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "{reader} hangs at changed input {number} or before"
        );
    }
}

#[test]
fn no_reader_panics_hangs_or_exceeds_its_memory_bound() {
    planted_faults_are_found();
    let measured = Measurement::of(
        "R13",
        "changed and hostile files make no reader panic, take over a second, or take more memory than four times the \
         file and 16 MiB (files over 17 KiB: three times what they may unpack to)",
    );
    let inputs = std::env::var("AGON_PROVE_INPUTS")
        .map_or_else(|_| size(INPUTS, LONG) as u64, |text| text.parse().unwrap());
    let work = thread::spawn(move || {
        let mut results = Results::new(LONGEST);
        for (number, reader) in READERS.iter().enumerate() {
            CURRENT.store((number as u64) << 48, Ordering::Relaxed);
            let (n, begin) = (results.n, Instant::now());
            try_reader(reader, inputs, &mut results);
            println!("{}: {} inputs in {:.1} s", reader.name, results.n - n, begin.elapsed().as_secs_f64());
        }
        results
    });
    watch(&work);
    let Results { n, failures, longest, most, .. } = work.join().unwrap();
    let figure = format!(
        "{} readers; longest {:.0} ms, most {:.1} MiB",
        READERS.len(),
        longest.as_secs_f64() * 1e3,
        most as f64 / f64::from(1 << 20)
    );
    println!("{n} inputs, {} failures; {figure}", failures.len());
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
    measured.passed(n as usize, figure);
}
