//! Tests with faulty servers and archives: each either gives a clear error and leaves no files, or is tolerated.

mod archives;
mod server;

use std::{
    collections::HashMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use self::server::{Reply, Request, Server};
use super::{sources::Remote, *};
use crate::{checksum, formats::idx, formats::tar::Limits, specs::MNIST};

/// Short timeouts for tests.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    idle: Duration::from_millis(200),
    least_per_second: 1_024,
    attempts: 2,
    progress: 10,
    pause: Duration::ZERO,
};

/// MNIST without a pinned content checksum.
static TINY: DatasetSpec = DatasetSpec { content_sha256: None, ..MNIST };

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The files of a set with two training images and one test image, by name.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("train-images-idx3-ubyte.gz", gzip(&idx::encode([2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap())),
        ("train-labels-idx1-ubyte.gz", gzip(&idx::encode([2], &[9, 0]).unwrap())),
        ("t10k-images-idx3-ubyte.gz", gzip(&idx::encode([1, 2, 2], &[8, 9, 10, 11]).unwrap())),
        ("t10k-labels-idx1-ubyte.gz", gzip(&idx::encode([1], &[5]).unwrap())),
    ]
}

/// A target folder, a server, and the files that are downloaded from it.
struct Bench {
    folder: TempDir,
    server: Server,
    pins: Vec<(&'static str, u64, String)>,
    known: &'static DatasetSpec,
    archive: Option<Limits>,
}

impl Bench {
    /// Starts a server that calls `answer` with each request for one of these files, and with the file.
    fn new(
        files: Vec<(&'static str, Vec<u8>)>,
        answer: impl Fn(&mut Reply, &[u8]) + Send + Sync + 'static,
    ) -> Self {
        let hash = |bytes: &[u8]| checksum::hex(Sha256::new_with_prefix(bytes));
        let pins = files.iter().map(|(name, bytes)| (*name, bytes.len() as u64, hash(bytes))).collect();
        let files: HashMap<String, Vec<u8>> =
            files.into_iter().map(|(name, bytes)| (format!("/{name}"), bytes)).collect();
        let files = Arc::new(files);
        let server = Server::new(move |mut reply| {
            let file = files.get(&reply.request.path).cloned().unwrap_or_default();
            answer(&mut reply, &file);
        });
        Self { folder: tempfile::tempdir().unwrap(), server, pins, known: &TINY, archive: None }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("mnist")
    }

    fn fetch(&self) -> Result<Dataset> {
        let files: Vec<_> =
            self.pins.iter().map(|(name, bytes, sha256)| Remote { name, bytes: *bytes, sha256 }).collect();
        let source = Source { base: &self.server.address, files: &files, archive: self.archive };
        let client = Client::new(self.known.name, &self.server.address, TIMEOUTS)?;
        fetch_with(&client, self.known, &source, &self.target(), &mut |_, _| {})
    }

    /// The error message of a failed download; asserts that no files are left.
    fn refused(&self) -> String {
        let message = self.fetch().unwrap_err().to_string();
        assert_eq!(left(self.folder.path()), Vec::<PathBuf>::new(), "after: {message}");
        message
    }
}

fn left(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_set_is_fetched_under_its_name_and_is_only_read_the_next_time() {
    let bench = Bench::new(files(), |reply, file| reply.file(file));
    let set = bench.fetch().unwrap();
    assert_eq!((set.train.labels(), set.test.labels()), (&[9, 0][..], &[5][..]));
    assert_eq!(set.provenance.origin.source, bench.target().display().to_string());
    assert_eq!(left(bench.folder.path()), [bench.target()]);
    assert_eq!(left(&bench.target()).len(), 4);
    assert_eq!(bench.server.requests().len(), 4);
    assert_eq!(bench.fetch().unwrap().train.labels(), [9, 0]);
    assert_eq!(bench.server.requests().len(), 4);
}

#[test]
fn a_file_with_another_checksum_is_refused_with_both() {
    let bench = Bench::new(files(), |reply, file| {
        let mut changed = file.to_vec();
        changed[15] ^= 1;
        reply.file(&changed);
    });
    let message = bench.refused();
    let expected = format!("/train-images-idx3-ubyte.gz: SHA-256: expected {}, got ", bench.pins[0].2);
    assert!(message.starts_with("cannot fetch `mnist`: http://127.0.0.1:"), "{message}");
    assert!(message.contains(&expected) && message.contains("--from URL"), "{message}");
}

#[test]
fn files_with_other_images_than_the_published_are_refused() {
    static PINNED: DatasetSpec = DatasetSpec { content_sha256: Some("0123"), ..MNIST };
    let bench = Bench { known: &PINNED, ..Bench::new(files(), |reply, file| reply.file(file)) };
    assert!(bench.refused().contains("SHA-256 of the content: expected 0123, got "));
}

#[test]
fn an_interrupted_download_is_resumed_where_it_stopped() {
    let bench = Bench::new(files(), |reply, file| {
        let end = reply.request.from.unwrap_or(0) + 10;
        reply.cut(file, end.min(file.len()));
    });
    bench.fetch().unwrap();
    let from: Vec<_> = bench.server.requests().iter().map(|request| request.from).take(4).collect();
    assert_eq!(from, [None, Some(10), Some(20), Some(30)]);
}

#[test]
fn a_server_without_range_requests_is_read_again_from_the_beginning() {
    let bench = Bench::new(files(), |reply, file| {
        reply.request.from = None;
        let end = if reply.number == 0 { 10 } else { file.len() };
        reply.cut(file, end);
    });
    assert_eq!(bench.fetch().unwrap().train.labels(), [9, 0]);
    assert_eq!(bench.server.requests()[1].from, Some(10));
}

#[test]
fn a_download_that_always_stops_at_the_same_byte_is_abandoned() {
    let bench = Bench::new(files(), |reply, file| {
        reply.request.from = None;
        reply.cut(file, 10);
    });
    let message = bench.refused();
    assert!(message.contains("download: expected ") && message.contains("got 10, then "), "{message}");
    assert!(message.contains("2 times with little or no progress; try again later"), "{message}");
    assert_eq!(bench.server.requests().len(), 3);
}

#[test]
fn another_range_than_requested_is_refused() {
    let bench = Bench::new(files(), |reply, file| match reply.request.from {
        None => reply.cut(file, 10),
        Some(_) => {
            let fields = format!(
                "Content-Length: {0}\r\nContent-Range: bytes 0-{1}/{0}\r\n",
                file.len(),
                file.len() - 1
            );
            reply.head("206 Partial Content", &fields);
            reply.send(file);
        }
    });
    let message = bench.refused();
    assert!(message.contains("range: expected bytes 10-") && message.contains("got `bytes 0-"), "{message}");
}

#[test]
fn a_server_that_stalls_or_never_answers_times_out() {
    let middle = Bench::new(files(), |reply, file| {
        reply.request.from = None;
        reply.cut(file, 10);
        reply.stall();
    });
    let message = middle.refused();
    assert!(message.contains("got 10, then ") && message.contains("timeout"), "{message}");
    let silent = Bench::new(files(), |reply, _| reply.stall());
    assert!(silent.refused().contains("got 0, then timeout"));
}

#[test]
fn a_server_below_the_smallest_rate_times_out() {
    let bench = Bench::new(vec![("train-images-idx3-ubyte.gz", vec![1; 4_096])], |reply, file| {
        reply.request.from = None;
        reply.cut(file, 1);
        while reply.send([1]) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let message = bench.refused();
    assert!(message.contains("less than 1024 bytes a second"), "{message}");
}

#[test]
fn an_endless_body_is_refused_at_the_first_surplus_byte() {
    let bench = Bench::new(files(), |reply, _| {
        reply.head("200 OK", "Transfer-Encoding: chunked\r\n");
        while reply.send(format!("1000\r\n{}\r\n", "x".repeat(0x1000))) {}
    });
    let message = bench.refused();
    let size = bench.pins[0].1;
    assert!(message.contains(&format!("size: expected {size} bytes, got more")), "{message}");
}

#[test]
fn a_wrong_content_length_is_refused_before_anything_is_read() {
    for announced in [u64::MAX, 1 << 40, 3] {
        let bench = Bench::new(files(), move |reply, file| {
            reply.head("200 OK", &format!("Content-Length: {announced}\r\n"));
            reply.send(file);
        });
        let message = bench.refused();
        let size = bench.pins[0].1;
        let expected = format!("size: expected {size} bytes, got a Content-Length of {announced}");
        assert!(message.contains(&expected), "{message}");
        assert_eq!(bench.server.requests().len(), 1);
    }
}

#[test]
fn a_limited_number_of_redirects_is_followed() {
    let bench = Bench::new(files(), |reply, file| match reply.request.path.strip_prefix("/moved") {
        None if file.is_empty() => reply.head("404 Not Found", ""),
        None if reply.number % 2 == 0 => {
            let location = format!("Location: {}\r\n", reply.request.path);
            reply.head("302 Found", &location);
        }
        _ => reply.file(file),
    });
    assert_eq!(bench.fetch().unwrap().train.len(), 2);
    let bench = Bench::new(files(), |reply, _| {
        let location = format!("Location: {}\r\n", reply.request.path);
        reply.head("301 Moved Permanently", &location);
    });
    assert!(bench.refused().contains("redirects: expected at most 5, got more"));
    assert_eq!(bench.server.requests().len(), 6);
}

#[test]
fn a_redirect_to_an_address_without_tls_is_refused() {
    for location in
        ["http://example.org/x", "ftp://example.org/x", "//example.org/x", "file:///etc/passwd", ""]
    {
        let bench = Bench::new(files(), move |reply, _| {
            reply.head("302 Found", &format!("Location: {location}\r\n"));
        });
        let expected = format!("redirect: expected a redirect to https://HOST/PATH, got one to `{location}`");
        let message = bench.refused();
        assert!(message.contains(&expected), "{message}");
    }
}

#[test]
fn an_error_status_is_named() {
    for (status, n_requests) in [("404 Not Found", 1), ("403 Forbidden", 1), ("500 Internal Server Error", 2)]
    {
        let bench = Bench::new(files(), move |reply, _| reply.head(status, "Content-Length: 0\r\n"));
        let message = bench.refused();
        assert!(message.contains(status), "{message}");
        assert_eq!(bench.server.requests().len(), n_requests, "{status}");
    }
}

#[test]
fn a_response_that_is_not_http_is_refused() {
    let bench = Bench::new(files(), |reply, _| {
        reply.send("220 ftp ready\r\n");
    });
    assert!(bench.refused().contains("got 0, then "));
}

#[test]
fn a_download_is_resumed_after_a_kill() {
    let bench = Bench::new(files(), |reply, file| reply.file(file));
    let set = bench.folder.path().join("mnist.partial/set");
    fs::create_dir_all(&set).unwrap();
    let (name, first) = &files()[0];
    fs::write(set.join(name), &first[..12]).unwrap();
    bench.fetch().unwrap();
    let expected = Request { path: format!("/{name}"), from: Some(12) };
    assert_eq!(bench.server.requests()[0], expected);
    assert_eq!(left(bench.folder.path()), [bench.target()]);
}

#[test]
fn a_second_process_and_a_target_with_other_files_are_refused() {
    let bench = Bench::new(files(), |reply, file| reply.file(file));
    let first = Partial::open("mnist", &bench.target()).unwrap();
    let message = bench.fetch().unwrap_err().to_string();
    assert!(message.contains("lock: expected a free lock, got a lock held by another process"), "{message}");
    drop(first);
    fs::create_dir(bench.target()).unwrap();
    fs::write(bench.target().join("thesis.tex"), "").unwrap();
    let message = bench.fetch().unwrap_err().to_string();
    assert!(message.contains("expected an empty folder or the complete set, got other files"), "{message}");
    assert_eq!(left(&bench.target()).len(), 1);
}

#[test]
fn a_remote_address_without_tls_is_refused_before_any_request() {
    for from in [
        "http://example.org/mnist",
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "",
        "https://",
        "http://127.0.0.1.example.org/",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let message =
            fetch("mnist", Some(folder.path()), Some(from), &mut |_, _| {}).unwrap_err().to_string();
        assert!(message.contains("address: expected https://HOST/FOLDER"), "{from}: {message}");
        assert!(left(folder.path()).is_empty());
    }
}

#[test]
fn a_set_without_an_address_has_a_hint_how_to_obtain_it() {
    let fetched = |name| fetch(name, None, None, &mut |_, _| {}).unwrap_err().to_string();
    assert!(fetched("svhn").contains("no download address; pass the folder"));
    assert!(fetched("fashion-mnist-embedded").ends_with("it is embedded in the program"));
    assert!(fetched("mnits").contains("did you mean `mnist`"));
}
