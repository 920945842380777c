//! Tests with pipes, devices, folders, links and large files.

use std::io::Seek;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use super::*;

/// A pipe without a writer or a reader.
fn pipe(folder: &Path) -> PathBuf {
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    pipe
}

#[test]
fn only_regular_files_of_limited_size_are_read_without_blocking() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "12345").unwrap();
    assert_eq!(read(&file, 5).unwrap(), b"12345");
    assert!(read(&file, 4).unwrap_err().to_string().contains("at most 4 bytes, got 5"));
    let sparse = folder.path().join("sparse");
    File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(read(&sparse, 1 << 30).unwrap_err().kind(), ErrorKind::InvalidInput);
    for (path, kind) in
        [(&*pipe(folder.path()), "a pipe"), (Path::new("/dev/zero"), "a device"), (folder.path(), "a folder")]
    {
        for error in [
            read(path, 9).unwrap_err(),
            regular(OpenOptions::new().append(true), path).unwrap_err(),
            regular(OpenOptions::new().write(true).create(true), path).unwrap_err(),
        ] {
            assert!(error.to_string().ends_with(kind), "{}: {error}", path.display());
        }
    }
    assert_eq!(read(&folder.path().join("nothing"), 9).unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(&file, [0xff]).unwrap();
    assert_eq!(read_text(&file, 9).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_link_is_kept_and_its_target_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("inner")).unwrap();
    fs::write(at("inner/file"), "old").unwrap();
    fs::set_permissions(at("inner/file"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("inner/file", at("link")).unwrap();
    symlink("link", at("second")).unwrap();
    symlink("inner/new", at("dangling")).unwrap();
    symlink("loop", at("loop")).unwrap();

    replace(&at("second"), b"new").unwrap();
    assert_eq!(fs::read(at("inner/file")).unwrap(), b"new");
    assert_eq!(fs::metadata(at("inner/file")).unwrap().permissions().mode() & 0o777, 0o640);
    replace(&at("dangling"), b"made").unwrap();
    assert_eq!(fs::read(at("inner/new")).unwrap(), b"made");
    replace(&at("loop"), b"x").unwrap_err();
    for link in ["link", "second", "dangling", "loop"] {
        assert!(fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
    }
    // A longer file is replaced by a shorter one, and no partial file remains.
    replace(&at("inner/new"), b"m").unwrap();
    assert_eq!(fs::read(at("inner/new")).unwrap(), b"m");
    assert_eq!(fs::read_dir(at("inner")).unwrap().count(), 2);
}

#[test]
fn devices_and_pipes_are_written_to_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (link, pipe) = (folder.path().join("null"), pipe(folder.path()));
    symlink("/dev/null", &link).unwrap();
    for path in [Path::new("/dev/null"), &link] {
        replace(path, b"gone").unwrap();
    }
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let error = replace(Path::new("/dev/full"), b"x").unwrap_err();
    assert!(is_full(&error), "{error}");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    assert!(replace(folder.path(), b"x").unwrap_err().to_string().ends_with("a folder"));

    let reader = Command::new("cat").arg(&pipe).stdout(std::process::Stdio::piped()).spawn().unwrap();
    replace(&pipe, b"through").unwrap();
    assert_eq!(reader.wait_with_output().unwrap().stdout, b"through");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

#[test]
fn only_names_of_open_files_are_written_in_place() {
    for name in
        ["/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/fd/3", "/proc/self/fd/3", "/proc/7/task/8/fd/3"]
    {
        assert!(names_open_file(Path::new(name)), "{name}");
    }
    for name in ["/dev/shm/file", "/dev/shm/fd/3", "/proc/self/comm", "/tmp/fd/3", "fd/3", "/"] {
        assert!(!names_open_file(Path::new(name)), "{name}");
    }
    // An open file keeps its content if another file is renamed to its name; it would change if it were overwritten.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    let mut opened = File::open(&file).unwrap();
    replace(&file, b"new").unwrap();
    let mut old = String::new();
    opened.read_to_string(&mut old).unwrap();
    assert_eq!((old.as_str(), fs::read(&file).unwrap()), ("old", b"new".into()));
    replace(Path::new(&format!("/proc/self/fd/{}", opened.as_raw_fd())), b"through").unwrap();
    opened.rewind().unwrap();
    let mut now = String::new();
    opened.read_to_string(&mut now).unwrap();
    assert_eq!(now, "through");
}

#[test]
fn an_own_file_is_regular_or_an_error_without_blocking() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let pipe = pipe(folder.path());
    symlink(&pipe, at("to a pipe")).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let paths = [pipe, at("to a pipe"), "/dev/null".into(), folder.path().to_owned()];
    std::thread::spawn(move || paths.map(|path| send.send(replace_regular(&path, b"x")).unwrap()));
    for kind in ["a pipe", "a pipe", "a device", "a folder"] {
        let written =
            receive.recv_timeout(std::time::Duration::from_secs(60)).expect("it waits for a reader");
        assert!(written.unwrap_err().to_string().ends_with(kind), "{kind}");
    }
    fs::write(at("file"), "old").unwrap();
    symlink("file", at("link")).unwrap();
    replace_regular(&at("link"), b"new").unwrap();
    replace_regular(&at("made"), b"new").unwrap();
    assert_eq!(
        (fs::read(at("file")).unwrap(), fs::read(at("made")).unwrap()),
        (b"new".into(), b"new".into())
    );
}

#[test]
fn a_partial_file_of_another_process_is_kept_and_one_left_by_a_kill_is_reused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, beside) = (folder.path().join("file"), folder.path().join("file.partial"));
    let other = File::create(&beside).unwrap();
    other.lock().unwrap();
    assert_eq!(replace(&file, b"x").unwrap_err().kind(), ErrorKind::ResourceBusy);
    assert!(beside.exists() && !file.exists());
    (&other).write_all(b"half of it").unwrap();
    drop(other);
    replace(&file, b"x").unwrap();
    assert!(!beside.exists());
    assert_eq!(fs::read(&file).unwrap(), b"x");
    // A link with the name of the partial file is not followed.
    symlink("file", &beside).unwrap();
    replace(&file, b"y").unwrap_err();
    assert_eq!(fs::read(&file).unwrap(), b"x");
}
