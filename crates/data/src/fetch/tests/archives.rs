//! Tests with archives that unpack to a set, and with archives that would write elsewhere or too much.

use super::*;
use crate::{
    formats::tar::tests::{archive, entry},
    specs::CIFAR10,
};

static SMALL_CIFAR: DatasetSpec = DatasetSpec { content_sha256: None, ..CIFAR10 };

const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// One record per file, labelled with the file's number.
fn records() -> Vec<Vec<u8>> {
    let record = |label| [vec![label], vec![7; 3_072]].concat();
    let named =
        FILES.iter().zip(1..).map(|(name, label)| entry(&format!("cifar/{name}"), b'0', &record(label)));
    [vec![entry("cifar", b'5', b""), entry("cifar/readme.html", b'0', b"<p>")], named.collect()].concat()
}

fn fetching(archive: Vec<u8>) -> Bench {
    let bench = Bench::new(vec![("cifar.tar.gz", archive)], |reply, file| reply.file(file));
    Bench { known: &SMALL_CIFAR, archive: Some(Limits { entries: 16, bytes: 1 << 20 }), ..bench }
}

#[test]
fn the_files_of_the_set_are_unpacked_and_no_others() {
    let bench = fetching(gzip(&archive(&records())));
    let set = bench.fetch().unwrap();
    assert_eq!((set.train.labels(), set.test.labels()), (&[1, 2, 3, 4, 5][..], &[6][..]));
    let mut names: Vec<_> =
        left(&bench.target()).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, FILES);
    assert_eq!(left(bench.folder.path()), [bench.target()]);
}

#[test]
fn an_archive_that_would_write_elsewhere_is_refused_and_writes_nothing() {
    for (path, kind, reason) in [
        ("../escape.bin", b'0', "got `../escape.bin`"),
        ("/tmp/escape.bin", b'0', "got `/tmp/escape.bin`"),
        ("cifar/../../escape.bin", b'0', "got `cifar/../../escape.bin`"),
        ("cifar/test_batch.bin", b'1', "got a hard link called"),
        ("cifar/test_batch.bin", b'2', "got a symbolic link called"),
        ("cifar/test_batch.bin", b'3', "got a device called"),
        ("cifar/test_batch.bin", b'6', "got a pipe called"),
    ] {
        let entries = [records(), vec![entry(path, kind, b"")]].concat();
        let message = fetching(gzip(&archive(&entries))).refused();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn an_archive_with_a_file_twice_or_without_one_is_refused() {
    let twice = [records(), records()[2..3].to_vec()].concat();
    let message = fetching(gzip(&archive(&twice))).refused();
    assert!(message.contains("each file once, got `data_batch_1.bin` twice"), "{message}");
    let message = fetching(gzip(&archive(&records()[..7]))).refused();
    assert!(message.contains("only a part of `cifar10`: test_batch.bin missing"), "{message}");
    assert!(
        fetching(gzip(&archive(&[]))).refused().contains("expected the files of the set, got none of them")
    );
}

#[test]
fn a_decompression_bomb_is_refused_early() {
    // Many times more bytes than an archive of this size may unpack to.
    let bomb = gzip(&[archive(&records()), vec![0; 16 << 20]].concat());
    assert!(bomb.len() < 1 << 15);
    assert!(fetching(bomb).refused().contains("decompresses to more than "));
    let large = [records(), vec![entry("cifar/large", b'0', &vec![0; 1 << 20])]].concat();
    let message = fetching(gzip(&archive(&large))).refused();
    assert!(message.contains("content: expected at most 1048576 bytes in all"), "{message}");
    let many = vec![entry("cifar/x", b'0', b""); 17];
    assert!(fetching(gzip(&archive(&many))).refused().contains("entries: expected at most 16, got more"));
}

#[test]
fn a_truncated_archive_and_other_files_are_refused() {
    let whole = gzip(&archive(&records()));
    assert!(
        fetching(whole[..whole.len() - 12].to_vec()).refused().contains("gzip stream")
            || fetching(whole[..whole.len() - 12].to_vec()).refused().contains("the end of the file")
    );
    let cut = gzip(&records().concat());
    assert!(fetching(cut).refused().contains("header of an entry"));
    assert!(fetching(b"<html>moved</html>".to_vec()).refused().contains("header of an entry"));
}

#[test]
fn an_idx_file_that_is_a_decompression_bomb_is_refused() {
    let mut files = files();
    let claims = [&[0, 0, 8, 3][..], &[0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0], &[0; 1 << 20]].concat();
    files[0].1 = gzip(&claims);
    let message = Bench::new(files, |reply, file| reply.file(file)).refused();
    assert!(message.contains("compressed size: expected 4294967312 bytes"), "{message}");
}
