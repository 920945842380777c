//! Tests that results files survive a round trip, are refused when invalid, and are readable by other programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use agon_runs::store::{
    Coordinates, Dimension, Error, Results, Values, Variable, read_results, read_sealed, write_results,
};
use sha2::Digest;

use crate::toy::{compute, names_in, open, spec};

fn dimension(unit: &str, coordinates: Coordinates) -> Dimension {
    Dimension { description: format!("an axis in {unit}"), unit: unit.into(), coordinates }
}

fn variable(dimensions: &[&str], unit: &str, values: Values) -> Variable {
    let dimensions = dimensions.iter().map(|name| (*name).to_owned()).collect();
    Variable { dimensions, description: "größer ist besser".into(), unit: unit.into(), values }
}

/// All types, ranks 0 to 5, non-ASCII texts, an empty axis, data large enough to be compressed.
fn results() -> Results {
    let numbers = |n: u32| Coordinates::Numbers((0..n).map(f64::from).collect());
    let models = ["fc", "vit", "µ-net ✓", ""].map(str::to_owned).to_vec();
    let dimensions = BTreeMap::from([
        ("λ".to_owned(), dimension("1", Coordinates::Numbers(vec![0.0, 0.5, 1.0]))),
        ("model".to_owned(), dimension("", Coordinates::Texts(models))),
        // Two integers that are equal as f64.
        ("seed".to_owned(), dimension("1", Coordinates::Integers(vec![1 << 53, (1 << 53) + 1]))),
        ("row".to_owned(), dimension("px", numbers(28))),
        ("column".to_owned(), dimension("px", numbers(30))),
        ("nothing".to_owned(), dimension("s", numbers(0))),
    ]);
    let pixels = (0..3 * 4 * 2 * 28 * 30).map(|i| (i % 251) as u8).collect();
    let losses = (0..24).map(|i| if i == 5 { f64::NAN } else { 1.0 / f64::from(i) }).collect();
    let variables = BTreeMap::from([
        ("loss".to_owned(), variable(&["model", "λ", "seed"], "nat", Values::F64(losses))),
        ("picture".to_owned(), variable(&["λ", "model", "seed", "row", "column"], "1", Values::U8(pixels))),
        ("deep/er/f32".to_owned(), variable(&["seed"], "s", Values::F32(vec![-0.0, 1e-40]))),
        ("total".to_owned(), variable(&[], "1", Values::U64(vec![u64::MAX]))),
        ("counts".to_owned(), variable(&["row", "seed"], "1", Values::U32((0..56).collect()))),
        ("empty".to_owned(), variable(&["row", "nothing"], "1", Values::F32(vec![]))),
    ]);
    let texts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Results {
        title: "do λ and K agree?".into(),
        attributes: texts(&[("claim", "they do"), ("empty", "")]),
        provenance: texts(&[("commit", "0123abc"), ("config", "{\"λ\": [0, 0.5, 1]}")]),
        dimensions,
        variables,
    }
}

#[test]
fn results_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    write_results(&file, &results()).unwrap();
    assert_eq!(read_results(&file).unwrap(), results());
    let bytes = fs::read(&file).unwrap();
    // A creation time in the file, in whole seconds, would differ after this pause.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    write_results(&file, &results()).unwrap();
    assert!(bytes == fs::read(&file).unwrap(), "equal results are equal bytes");
    assert!(bytes.len() < 60_000, "{} bytes for 20 kB of pattern", bytes.len());
    assert_eq!(names_in(folder.path()), ["results.h5"]);
    let array = results().array("deep/er/f32").unwrap().unwrap();
    assert_eq!(array.shape, [2]);
}

#[test]
fn inconsistent_results_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    let refused = |change: &dyn Fn(&mut Results)| {
        let mut results = results();
        change(&mut results);
        let error = write_results(&file, &results).unwrap_err();
        assert!(!file.exists());
        error.to_string()
    };
    let of = |dimensions: &[&str], n: usize| variable(dimensions, "1", Values::U8(vec![0; n]));
    let insert = |name: &'static str, variable: Variable| {
        move |results: &mut Results| drop(results.variables.insert(name.into(), variable.clone()))
    };
    assert!(refused(&insert("a", of(&["width"], 1))).contains("cannot store `a`"));
    assert!(refused(&insert("a", of(&["seed"], 3))).contains("the shape [2], got 3 values"));
    assert!(refused(&insert("a", of(&["seed", "seed"], 4))).contains("each dimension once"));
    assert!(refused(&insert("seed", of(&[], 1))).contains("a dimension and a variable"));
    assert!(refused(&insert("loss/mean", of(&[], 1))).contains("`loss` to be a group"));
    for name in ["", "a//b", "/a", "a/", "..\0", "."] {
        assert!(refused(&insert(name, of(&[], 1))).contains("expected a name"), "{name:?}");
    }
    let long = |results: &mut Results| {
        drop(results.dimensions.insert("d".repeat(64), dimension("1", Coordinates::Numbers(vec![]))));
    };
    assert!(refused(&long).contains("at most 63 bytes"));
    let error = refused(&|results| results.title = "a\0b".into());
    assert!(error.contains("results.h5.partial"), "{error}");
}

#[test]
fn foreign_and_truncated_files_are_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    let refusal = |expected: &str| {
        let error = read_results(&file).unwrap_err();
        assert!(matches!(error, Error::NotResults { .. }), "{error:?}");
        let text = error.to_string();
        let begins = format!("{} cannot be read as results: expected {expected}", file.display());
        assert!(text.starts_with(&begins) && !text.contains('\n'), "{text}");
    };
    assert!(matches!(read_results(&file), Err(Error::Io { action: "read", .. })));
    for foreign in [&b""[..], b"a foreign text file", &[0x89, b'H', b'D', b'F', 13, 10, 26, 10]] {
        fs::write(&file, foreign).unwrap();
        refusal("a complete HDF5 file");
    }
    write_results(&file, &results()).unwrap();
    let whole = fs::read(&file).unwrap();
    for part in 0..50 {
        fs::write(&file, &whole[..whole.len() * part / 50]).unwrap();
        refusal("a complete HDF5 file");
    }
    hdf5::File::create(&file).unwrap();
    refusal("the attribute agon_format = 1 or 2, got none");
    let newer = hdf5::File::create(&file).unwrap();
    newer.new_attr::<i64>().create("agon_format").unwrap().write_scalar(&3i64).unwrap();
    newer.close().unwrap();
    refusal("the attribute agon_format = 1 or 2, got 3");
}

/// The bytes before the last line of a results file.
fn unsealed(bytes: &[u8]) -> &[u8] {
    let start = bytes.windows(13).rposition(|window| window == b"\nagon sha256 ").unwrap();
    &bytes[..start]
}

/// The bytes with a valid checksum line.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, format!("\nagon sha256 {:x}\n", sha2::Sha256::digest(bytes)).as_bytes()].concat()
}

#[test]
fn a_file_with_any_bit_flipped_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    let small = Results { dimensions: results().dimensions, ..Results::default() };
    write_results(&file, &small).unwrap();
    let whole = fs::read(&file).unwrap();
    assert_eq!(sealed(unsealed(&whole)), whole);
    let noted = read_sealed(&file).unwrap().1.unwrap();
    assert!(whole.ends_with(format!("{noted}\n").as_bytes()));
    // All bits of the last line, and some of every byte.
    let line = 8 * unsealed(&whole).len()..8 * whole.len();
    for bit in (0..line.start).step_by(37).chain(line) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bytes).unwrap();
        let error = read_results(&file).unwrap_err();
        assert!(matches!(error, Error::Altered { .. }), "bit {bit}: {error}");
    }
    for bytes in [&whole[..whole.len() - 1], &[&whole[..], b"\n"].concat(), unsealed(&whole)] {
        fs::write(&file, bytes).unwrap();
        let message = read_results(&file).unwrap_err().to_string();
        assert!(message.contains("was modified or damaged") && message.contains("results.h5"), "{message}");
    }
}

#[test]
fn a_file_of_an_older_version_is_read_and_has_no_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    write_results(&file, &results()).unwrap();
    fs::write(&file, unsealed(&fs::read(&file).unwrap())).unwrap();
    let older = hdf5::File::open_rw(&file).unwrap();
    older.attr("agon_format").unwrap().write_scalar(&1i64).unwrap();
    older.close().unwrap();
    assert_eq!(read_sealed(&file).unwrap(), (results(), None));
}

#[test]
fn a_huge_shape_in_a_small_file_is_refused_before_it_is_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.h5");
    let results = Results { title: "small".into(), ..Results::default() };
    write_results(&path, &results).unwrap();
    let file = hdf5::File::open_rw(&path).unwrap();
    let huge = file.new_dataset::<f64>().chunk([1024]).shape([1usize << 50]).create("huge").unwrap();
    for name in ["units", "description"] {
        let text: hdf5::types::VarLenUnicode = "1".parse().unwrap();
        huge.new_attr::<hdf5::types::VarLenUnicode>().create(name).unwrap().write_scalar(&text).unwrap();
    }
    let class = hdf5::types::FixedAscii::<16>::from_ascii("DIMENSION_SCALE").unwrap();
    huge.new_attr::<hdf5::types::FixedAscii<16>>().create("CLASS").unwrap().write_scalar(&class).unwrap();
    file.close().unwrap();
    drop(huge);
    fs::write(&path, sealed(&fs::read(&path).unwrap())).unwrap();
    let error = read_results(&path).unwrap_err().to_string();
    assert!(error.contains("expected `huge` to fit into a file of"), "{error}");
}

#[test]
fn the_hdf5_file_of_a_run_contains_its_results() {
    let root = tempfile::tempdir().unwrap();
    let run = compute(&open(root.path()), &spec(1), 6, |_| {}).unwrap();
    let results = read_results(&run.hdf5_file()).unwrap();
    assert_eq!(results.attributes["key"], spec(1).key());
    assert_eq!(results.provenance["threads"], "2");
    let Values::F64(losses) = &results.variables["scalars/loss"].values else { panic!("losses are f64") };
    let recorded: Vec<f64> = run.epochs.iter().map(|epoch| epoch.scalars["loss"]).collect();
    assert_eq!(*losses, recorded);
    let Values::F64(tests) = &results.variables["scalars/test/loss"].values else { panic!("losses are f64") };
    assert!(tests.iter().all(|value| value.is_nan()));
    assert_eq!(results.array("finals/weights").unwrap().as_ref(), run.finals.get("weights"));
}

/// Axis names and coordinates as three readers see them.
const SCRIPT: &str = r#"
import sys, h5py, xarray, numpy as np
path = sys.argv[1]
with h5py.File(path) as f:
    assert f.attrs["agon_format"] == 2 and f.attrs["title"] == "do λ and K agree?"
    loss = f["loss"]
    assert loss.is_scale is False and f["λ"].is_scale is True
    assert [d.keys() for d in loss.dims] == [["model"], ["λ"], ["seed"]], [d.keys() for d in loss.dims]
    assert list(loss.dims[1][0][...]) == [0, 0.5, 1] and list(f["seed"][...]) == [2**53, 2**53 + 1]
    assert loss.attrs["units"] == "nat" and loss.attrs["description"] == "größer ist besser"
    assert f["picture"].compression == "gzip" and f["picture"].compression_opts == 4 and f["picture"].shuffle
    assert list(f["model"].asstr()[...]) == ["fc", "vit", "µ-net ✓", ""]
for engine in sys.argv[2:]:
    with xarray.open_dataset(path, engine=engine) as d:
        assert d["loss"].dims == ("model", "λ", "seed"), d["loss"].dims
        assert float(d["loss"].sel({"model": "vit", "λ": 0.5, "seed": 2**53 + 1})) == 1 / 9
        assert d["picture"].shape == (3, 4, 2, 28, 30) and d["loss"].attrs["units"] == "nat"
    with xarray.open_datatree(path, engine=engine) as t:
        assert t["deep/er/f32"].dims == ("seed",), t["deep/er/f32"].dims
"#;

#[test]
#[ignore = "needs AGON_PYTHON, a python with h5py, xarray, h5netcdf and netCDF4"]
fn h5py_and_xarray_see_named_axes() {
    let python = std::env::var("AGON_PYTHON").expect("AGON_PYTHON names a python");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.h5");
    write_results(&file, &results()).unwrap();
    let run = |program: &str, file: &Path| {
        let engines = ["h5netcdf", "netcdf4"];
        let output = Command::new(program).args(["-c", SCRIPT]).arg(file).args(engines).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&python, &file);
}
