//! Runs every example, which `cargo test` has built, and checks its output.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::env;
use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

/// The largest number of lines of an example.
const MAX_LINES: usize = 79;

/// The standard output of an example.
fn output(name: &str, arguments: &[&Path]) -> String {
    // Tests are in `deps`, and examples in `examples` next to it.
    let this = env::current_exe().unwrap();
    let program = this.parent().unwrap().with_file_name("examples").join(name);
    let ran = Command::new(&program).args(arguments).output();
    let ran = ran.unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo build --release -p agon --examples` builds it", program.display())
    });
    assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

/// The number after the last `words` of a text.
fn number_after(text: &str, words: &str) -> f64 {
    let (_, after) = text.rsplit_once(words).unwrap_or_else(|| panic!("no `{words}` in: {text}"));
    after.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn every_example_is_short_and_has_a_test() {
    let this = include_str!("examples.rs");
    let mut n_examples = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let (name, text) =
                (path.file_stem().unwrap().to_str().unwrap(), fs::read_to_string(&path).unwrap());
            assert!(text.lines().count() <= MAX_LINES, "{name}");
            assert!(this.contains(&format!("output(\"{name}\"")), "{name} is not run");
            n_examples += 1;
        }
    }
    assert!(n_examples > 0);
}

#[test]
fn xor_is_learned() {
    let text = output("xor", &[]);
    for (inputs, target) in [("0 xor 0", 0.0), ("0 xor 1", 1.0), ("1 xor 0", 1.0), ("1 xor 1", 0.0)] {
        assert!((number_after(&text, &format!("{inputs} =")) - target).abs() < 0.2, "{text}");
    }
}

#[test]
#[cfg(feature = "data")]
fn the_classifier_of_embedded_images_is_far_above_chance() {
    assert!(number_after(&output("mnist_mlp", &[]), "test accuracy ") > 70.0);
}

#[test]
#[cfg(feature = "data")]
fn a_folder_of_images_is_learned() {
    let folder = tempfile::tempdir().unwrap();
    for (class, colour) in [("blue", [20, 40, 220]), ("red", [230, 30, 30])] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for number in 0..40u8 {
            write_image(&folder.path().join(class).join(format!("{number}.png")), colour, number);
        }
    }
    let text = output("own_image_folder", &[folder.path()]);
    assert!(text.contains("64 training and 16 test images of blue, red"), "{text}");
    assert!(number_after(&text, "test accuracy ") > 90.0, "{text}");
}

/// Stripes of a colour, darker in every second row, on a background that differs between images.
#[cfg(feature = "data")]
fn write_image(path: &Path, colour: [u8; 3], number: u8) {
    const SIDE: u32 = 20;
    let pixel = |row: u32, column: u32| match (row + column * u32::from(number % 3)) % 4 {
        0 => colour,
        1 => colour.map(|part| part / 2),
        _ => [5 * number; 3],
    };
    let mut encoder = png::Encoder::new(BufWriter::new(fs::File::create(path).unwrap()), SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    let bytes: Vec<u8> =
        (0..SIDE).flat_map(|row| (0..SIDE).flat_map(move |column| pixel(row, column))).collect();
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
}

#[test]
#[cfg(feature = "data")]
fn the_loss_of_the_variational_autoencoder_falls_and_its_reconstructions_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("reconstructions.png");
    let text = output("vae", &[&file]);
    let [first, last] = ["epoch 1: loss ", "epoch 3: loss "].map(|words| number_after(&text, words));
    assert!(last < 0.8 * first, "{text}");
    let png = png::Decoder::new(fs::File::open(&file).unwrap()).read_info().unwrap();
    // Four rows of four images with gaps of two pixels.
    assert_eq!(png.info().size(), (4 * 28 + 6, 4 * 28 + 6));
}

#[test]
fn the_custom_operation_is_checked_and_refuses_a_wrong_setting() {
    let text = output("custom_op", &[]);
    assert!(text.starts_with("Checked { elements: 10, resolved: 10,"), "{text}");
    assert!(text.ends_with("Err(\"huber: expected a delta above 0, got -1\")\n"), "{text}");
}

#[test]
fn the_optimiser_reaches_the_minimum() {
    assert!(number_after(&output("own_optimiser", &[]), "loss ") < 1e-3);
}

#[test]
fn the_gradients_of_the_model_agree() {
    let text = output("gradcheck_a_model", &[]);
    assert!(text.starts_with("input: Checked { elements: 6, resolved: 6,"), "{text}");
    let mut n_params = 0;
    for line in text.lines().skip(1) {
        let [analytic, numeric] = ["by backward ", "by finite differences "]
            .map(|words| number_after(&line.replace(',', " "), words));
        // The step is 1e-4: the truncation error is about 1e-8, and the rounding error of the difference 1e-16 / 1e-4.
        assert!((analytic - numeric).abs() < 1e-6 * (1.0 + analytic.abs()), "{line}");
        n_params += 1;
    }
    assert_eq!(n_params, 6);
}

#[test]
fn training_resumes_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let text = output("resume", &[&folder.path().join("state.safetensors")]);
    assert!(text.contains("resumed at step 20\nsame bits: true"), "{text}");
}

#[test]
fn pytorch_loads_the_model_and_computes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let text = output("load_into_pytorch", &[folder.path()]);
    assert!(text.contains("0.weight [4, 1, 3, 3]") && text.contains("1.running_var [4]"), "{text}");
    let python = |arguments: &[&str]| Command::new("python3").args(arguments).arg(folder.path()).output();
    if !python(&["-c", "import torch, safetensors"]).is_ok_and(|ran| ran.status.success()) {
        println!("not compared with PyTorch, which is not installed");
        return;
    }
    let ran = python(&[concat!(env!("CARGO_MANIFEST_DIR"), "/examples/load_into_pytorch.py")]).unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
