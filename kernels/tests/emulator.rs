//! Tests that the emulator detects every planted fault and reports none in correct kernels.

use half::{bf16, f16};
use kernels::{Argument, Error, Memory, Order, Side, launch};
use tensor::gpu::Grid;

fn grid(blocks: u32, threads: u32) -> Grid {
    Grid { blocks: [blocks, 1, 1], threads: [threads, 1, 1], shared: 0 }
}

fn floats(memory: &Memory) -> Vec<f32> {
    memory.contents().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn words(memory: &Memory) -> Vec<u32> {
    floats(memory).into_iter().map(f32::to_bits).collect()
}

fn memory(values: &[f32]) -> Memory {
    Memory::of(&values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>(), Side::End)
}

fn counting(n: usize) -> Vec<f32> {
    (0..n).map(|i| i as f32).collect()
}

/// The error message of a kernel with an output of `n` elements.
fn fault(name: &str, grid: Grid, n: usize, more: &[Argument<'_>]) -> String {
    let out = Memory::new(4 * n, Side::End);
    let arguments = [&[Argument::Out(&out, "f32")][..], more].concat();
    match launch(name, grid, Order::Forward, &arguments) {
        Err(Error::Fault { what, .. }) => what,
        other => panic!("{name} was not stopped: {other:?}"),
    }
}

/// Whether a kernel computes the expected values, in each order of threads.
fn agrees(name: &str, grid: Grid, x: &[f32], expected: &[f32]) -> [bool; 3] {
    Order::ALL.map(|order| {
        let (out, x) = (Memory::new(4 * expected.len(), Side::End), memory(x));
        launch(name, grid, order, &[Argument::Out(&out, "f32"), Argument::In(&x, "f32")])
            .expect("the kernel runs to its end");
        floats(&out) == expected
    })
}

#[test]
fn a_missing_barrier_gives_a_wrong_result_in_some_order() {
    let x = counting(128);
    let sums: Vec<f32> = x.chunks(64).map(|row| row.iter().sum()).collect();
    assert_eq!(agrees("planted_nothing", grid(2, 64), &x, &sums), [true; 3]);
    assert!(agrees("planted_missing_barrier", grid(2, 64), &x, &sums).contains(&false));
}

#[test]
fn a_missing_barrier_before_memory_is_used_again_gives_a_wrong_result_in_some_order() {
    let x = counting(64);
    let reversed: Vec<f32> = x.chunks(32).flat_map(|row| row.iter().rev().copied()).collect();
    assert_eq!(agrees("planted_no_second_fault", grid(1, 32), &x, &reversed), [true; 3]);
    assert!(agrees("planted_missing_second_barrier", grid(1, 32), &x, &reversed).contains(&false));
}

#[test]
fn a_barrier_that_not_every_thread_reaches_is_an_error_that_names_a_thread_and_the_line() {
    let what = fault("planted_barrier_in_a_branch", grid(1, 64), 64, &[]);
    assert!(what.contains("thread 32 of block (0, 0, 0) returned before a __syncthreads"), "{what}");
    let what = fault("planted_two_barriers", grid(1, 64), 64, &[]);
    assert!(what.contains("thread 1") && what.contains("another __syncthreads"), "{what}");
}

#[test]
fn a_shuffle_that_half_a_warp_misses_is_an_error() {
    let what = fault("planted_half_a_warp", grid(1, 32), 32, &[]);
    assert!(what.contains("returned before") || what.contains("lanes of its warp that never come"), "{what}");
}

#[test]
fn an_index_off_by_one_is_detected_at_either_end() {
    let n = 64;
    let call = |side: Side, from: u32, to: u32| {
        let (out, x) = (Memory::new(4 * n, side), Memory::of(&[0; 4 * 64], side));
        let arguments =
            [Argument::Out(&out, "f32"), Argument::In(&x, "f32"), Argument::U32(from), Argument::U32(to)];
        let outcome = launch("planted_offset", grid(1, n as u32), Order::Forward, &arguments);
        (outcome, floats(&out))
    };
    assert!(call(Side::End, 0, 0).0.is_ok() && call(Side::Start, 0, 0).0.is_ok());
    for outcome in [call(Side::End, 1, 0).0, call(Side::End, 0, 1).0] {
        let message = outcome.unwrap_err().to_string();
        let expected = "memory outside every buffer was touched, in thread (63, 0, 0) of block (0, 0, 0)";
        assert!(message.contains(expected), "{message}");
    }
    // If the guard page is on the other side, a write is detected after the launch, and a read gives NaN.
    let message = call(Side::Start, 0, 1).0.unwrap_err().to_string();
    assert!(message.contains("wrote 1 bytes behind argument 0"), "{message}");
    assert!(call(Side::Start, 1, 0).1[n - 1].is_nan());
}

#[test]
fn an_index_past_an_array_of_shared_memory_is_an_error() {
    let what = fault("planted_past_a_shared_array", grid(1, 64), 64, &[Argument::U32(65)]);
    assert!(what.contains("an index past an array"), "{what}");
    let with_shared = Grid { shared: 256, ..grid(1, 64) };
    let what = fault("planted_past_the_dynamic_memory", with_shared, 64, &[Argument::U32(65)]);
    assert!(what.contains("outside every buffer"), "{what}");
}

#[test]
fn a_vector_loaded_from_an_array_of_its_elements_is_misaligned() {
    let what = fault("planted_misaligned_vector", grid(1, 64), 64, &[]);
    assert!(what.contains("a misaligned vector"), "{what}");
    let out = Memory::new(256, Side::End);
    launch("planted_aligned_vector", grid(1, 64), Order::Forward, &[Argument::Out(&out, "f32")]).unwrap();
    assert_eq!(floats(&out), [1.0; 64]);
}

#[test]
fn a_launch_after_a_stopped_one_is_unaffected() {
    fault("planted_past_a_shared_array", grid(1, 64), 64, &[Argument::U32(65)]);
    assert_eq!(agrees("planted_nothing", grid(1, 64), &counting(64), &[2016.0]), [true; 3]);
}

#[test]
fn unwritten_shared_memory_is_nan_in_every_block() {
    let out = Memory::new(256, Side::End);
    launch("planted_unwritten_memory", grid(3, 64), Order::Forward, &[Argument::Out(&out, "f32")]).unwrap();
    assert!(floats(&out).iter().all(|x| x.is_nan()));
}

#[test]
fn warp_functions_agree_with_the_cuda_specification() {
    for order in Order::ALL {
        let out = Memory::new(4 * 7 * 32, Side::End);
        launch("planted_warp_words", grid(1, 32), order, &[Argument::Out(&out, "u32")]).unwrap();
        let expected = (0..7).flat_map(|word| {
            (0..32u32).map(move |lane| match word {
                0 => 5,
                1 => lane.saturating_sub(1),
                2 => (lane + 1).min(31),
                3 => lane ^ 3,
                4 => 0xaaaa_aaaa,
                5 => 1,
                _ => 0,
            })
        });
        assert_eq!(words(&out), expected.collect::<Vec<u32>>());
    }
}

#[test]
fn parts_of_a_warp_may_exchange_separately() {
    for order in Order::ALL {
        let out = Memory::new(128, Side::End);
        launch("planted_parts_of_a_warp", grid(1, 32), order, &[Argument::Out(&out, "f32")]).unwrap();
        // 0 + .. + 31, plus 0 + .. + 15 a second time.
        assert_eq!(floats(&out), [496.0 + 120.0; 32]);
    }
}

#[test]
fn every_thread_of_every_block_runs_once_in_every_order() {
    let grid = Grid { blocks: [3, 2, 2], threads: [5, 3, 7], shared: 0 };
    let n = 12 * 105;
    for order in Order::ALL {
        let out = Memory::new(4 * n, Side::End);
        launch("planted_places", grid, order, &[Argument::Out(&out, "u32")]).unwrap();
        assert!(words(&out).into_iter().eq(0..n as u32));
    }
}

#[test]
fn sixteen_bits_are_rounded_as_on_the_cpu() {
    let mut values = vec![0.0, -0.0, 65504.0, 65519.9, 65520.0, -1e9, f32::INFINITY, f32::NAN, 1e-8, 3e38];
    // Every 16-bit value, and the ties between them.
    for bits in 0..=u16::MAX {
        let next = bits.saturating_add(1);
        for [a, b] in [
            [f16::from_bits(bits).to_f32(), f16::from_bits(next).to_f32()],
            [bf16::from_bits(bits).to_f32(), bf16::from_bits(next).to_f32()],
        ] {
            values.extend([
                a,
                a / 2.0 + b / 2.0,
                (a / 2.0 + b / 2.0).next_up(),
                (a / 2.0 + b / 2.0).next_down(),
            ]);
        }
    }
    let (x, n) = (memory(&values), values.len());
    let narrowed = |name: &str, element: &'static str| {
        let out = Memory::new(2 * n, Side::End);
        let arguments = [Argument::Out(&out, element), Argument::In(&x, "f32"), Argument::U32(n as u32)];
        launch(name, grid(1, 32), Order::Forward, &arguments).unwrap();
        out
    };
    let bits = |out: &Memory| -> Vec<u16> {
        out.contents().chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()
    };
    let (halves, brains) =
        (narrowed("planted_round_trip_f16", "f16"), narrowed("planted_round_trip_bf16", "bf16"));
    for (&x, (half, brain)) in values.iter().zip(bits(&halves).into_iter().zip(bits(&brains))) {
        let (half, brain) = (f16::from_bits(half), bf16::from_bits(brain));
        assert!(x.is_nan() && half.is_nan() || half.to_bits() == f16::from_f32(x).to_bits(), "{x:e} {half}");
        assert!(
            x.is_nan() && brain.is_nan() || brain.to_bits() == bf16::from_f32(x).to_bits(),
            "{x:e} {brain}"
        );
    }
    let out = Memory::new(4 * n, Side::End);
    let arguments = [Argument::Out(&out, "f32"), Argument::In(&halves, "f16"), Argument::U32(n as u32)];
    launch("planted_widen_f16", grid(1, 32), Order::Forward, &arguments).unwrap();
    for (wide, half) in floats(&out).into_iter().zip(bits(&halves)) {
        let half = f16::from_bits(half);
        assert!(half.is_nan() && wide.is_nan() || wide == half.to_f32(), "{wide} {half}");
    }
}

#[test]
fn an_invalid_launch_is_an_error() {
    let out = Memory::new(256, Side::End);
    let call = |name: &str, grid: Grid, arguments: &[Argument<'_>]| {
        launch(name, grid, Order::Forward, arguments).unwrap_err().to_string()
    };
    let arguments = [Argument::Out(&out, "f32")];
    assert_eq!(call("no_such_kernel", grid(1, 1), &arguments), "there is no kernel `no_such_kernel`");
    assert!(
        call("planted_places", grid(1, 1), &arguments).ends_with("expected arguments (u32*), got (f32*)")
    );
    let unwritten = |grid| call("planted_unwritten_memory", grid, &arguments);
    assert!(unwritten(grid(1, 1025)).contains("between 1 and 1024 threads"));
    assert!(unwritten(grid(0, 1)).contains("at least one block"));
    assert!(unwritten(Grid { shared: 300 << 10, ..grid(1, 1) }).contains("at most 227 KiB"));
}
