//! R13: no reader panics, hangs, or takes memory that its input does not justify.
//!
//! `AGON_PROVE_INPUTS` says how many changed inputs each reader is given, beside those that were thought of and every
//! truncation of the good ones. One test alone in its file: the memory that is measured is that of the whole process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fuzz::corpus;
use fuzz::mutation::{MOST_BYTES, mutated};
use fuzz::readers::{READERS, Reader};
use peak_alloc::PeakAlloc;
use rand::RngCore;
use reliability::{Measurement, size};
use tensor::random::Stream;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Changed inputs for each reader, if nobody says how many.
const INPUTS: usize = 50_000;

/// The same in the long programme: more than ten million over all readers.
const LONG: usize = 1_200_000;

/// The longest that a reader may take for one input.
const LONGEST: Duration = Duration::from_secs(1);

/// The most bytes that a reader may take for an input of this length; readers of images take more, for each byte of a
/// file can encode 1,032 bytes of pixels, which a progressive JPEG holds three times for a moment: decoded, and as
/// coefficients of 16 bits.
///
/// A compressed file may unpack to 64 times its size and 4 MiB, and a vector that grows holds up to three times its
/// content for a moment. That is the bound for the few inputs that are larger than any changed one.
const fn most_bytes(input: usize) -> usize {
    if input <= MOST_BYTES + 1_024 { 4 * input + (16 << 20) } else { 3 * (64 * input + (4 << 20)) }
}

/// The most bytes of pixels that an input can encode for this reader.
fn pixels(reader: &Reader, input: usize) -> usize {
    if reader.name == "image" { 1_032 * input } else { 0 }
}

/// Which input is being read, for whoever watches: the reader's number in the upper 16 bits.
static CURRENT: AtomicU64 = AtomicU64::new(0);

/// What came of all inputs so far.
struct Tally {
    /// The longest that one input may take.
    allowed: Duration,
    n: u64,
    failures: Vec<String>,
    longest: Duration,
    /// The most memory that was taken, for inputs of any length.
    most: usize,
}

impl Tally {
    fn new(allowed: Duration) -> Self {
        Self { allowed, n: 0, failures: Vec::new(), longest: Duration::ZERO, most: 0 }
    }

    fn try_input(&mut self, reader: &Reader, what: &str, input: &[u8]) {
        self.n += 1;
        // Each 2 MiB of pixels take as long again: they are decoded and resized.
        let allowed = self.allowed * (1 + (pixels(reader, input.len()) >> 21) as u32);
        let (mut took, mut taken) = (Duration::MAX, usize::MAX);
        // A second and a third time if it was slow, since the machine may be busy with something else.
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
            self.fail(reader, what, input, &format!("it takes {taken} bytes and may take {most}"));
        }
    }

    /// Keeps the input, so that it can be looked into.
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

/// All inputs for one reader.
fn try_reader(reader: &Reader, inputs: u64, tally: &mut Tally) {
    for (number, input) in (reader.hostile)().iter().enumerate() {
        tally.try_input(reader, &format!("hostile input {number}"), input);
    }
    let seeds = seeds(reader);
    for (number, seed) in seeds.iter().enumerate() {
        for end in 0..=seed.len() {
            tally.try_input(reader, &format!("seed {number} cut at {end}"), &seed[..end]);
        }
    }
    let seed = reliability::seed(13);
    let (stream, choices) = (Stream::new(seed, reader.name), Stream::new(seed, "envelope"));
    for number in 0..inputs {
        CURRENT.fetch_add(1, Ordering::Relaxed);
        let input = mutated(&seeds, &stream, number);
        // Half of them as they are.
        let choice = choices.sequence(number).next_u32() as usize % (2 * reader.envelopes.len()).max(1);
        let input = reader.envelopes.get(choice).map_or_else(|| input.clone(), |envelope| envelope(&input));
        tally.try_input(reader, &format!("changed input {number} of seed {seed}"), &input);
    }
}

/// Readers that are wrong in each of the three ways must be found, or the test shows nothing.
fn planted_faults_are_found() {
    let planted: [fn(&[u8]); 3] = [
        |bytes| assert!(bytes.is_empty(), "planted"),
        |_| thread::sleep(Duration::from_millis(20)),
        |_| drop(std::hint::black_box(vec![1_u8; 17 << 20])),
    ];
    for (read, found) in planted.into_iter().zip(["it panics", "it takes 0.0 s", "bytes and may take"]) {
        let mut tally = Tally::new(Duration::from_millis(if found.contains(" s") { 10 } else { 1_000 }));
        let reader = Reader { name: "planted", read, envelopes: &[], hostile: Vec::new };
        tally.try_input(&reader, "fault", &[1]);
        assert!(tally.failures.len() == 1 && tally.failures[0].contains(found), "{:?}", tally.failures);
    }
}

/// Ends the process if one input takes a minute: a hang would never come back to be counted.
fn watch(work: &thread::JoinHandle<Tally>) {
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
fn no_reader_panics_hangs_or_takes_memory_that_its_input_does_not_justify() {
    planted_faults_are_found();
    let measured = Measurement::of(
        "R13",
        "changed and hostile files make no reader panic, take over a second, or take more memory than four times the \
         file and 16 MiB (files over 17 KiB: three times what they may unpack to)",
    );
    let inputs = std::env::var("AGON_PROVE_INPUTS")
        .map_or_else(|_| size(INPUTS, LONG) as u64, |text| text.parse().unwrap());
    let work = thread::spawn(move || {
        let mut tally = Tally::new(LONGEST);
        for (number, reader) in READERS.iter().enumerate() {
            CURRENT.store((number as u64) << 48, Ordering::Relaxed);
            let (n, begin) = (tally.n, Instant::now());
            try_reader(reader, inputs, &mut tally);
            println!("{}: {} inputs in {:.1} s", reader.name, tally.n - n, begin.elapsed().as_secs_f64());
        }
        tally
    });
    watch(&work);
    let Tally { n, failures, longest, most, .. } = work.join().unwrap();
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
