//! Tests with valid and hostile archives, built byte by byte.

use super::*;

/// An entry of this kind in the POSIX format.
pub(crate) fn entry(path: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = [0; BLOCK];
    header[..path.len()].copy_from_slice(path.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    signed(header, content)
}

/// The header with its checksum, and the content in whole blocks.
fn signed(mut header: [u8; BLOCK], content: &[u8]) -> Vec<u8> {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let padding = vec![0; content.len().next_multiple_of(BLOCK) - content.len()];
    [&header[..], content, &padding].concat()
}

/// An archive of these entries.
pub(crate) fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [&entries.concat()[..], &[0; 2 * BLOCK]].concat()
}

const LIMITS: Limits = Limits { entries: 8, bytes: 4_096 };

fn files(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    read("set.tar", &mut &*archive, LIMITS, |path, _, content| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        files.push((path.to_owned(), bytes));
        Ok(())
    })?;
    Ok(files)
}

fn refused(archive: &[u8]) -> String {
    files(archive).unwrap_err().to_string()
}

#[test]
fn regular_files_are_read_with_path_and_content_and_folders_are_skipped() {
    let long: Vec<u8> = (0..=255).cycle().take(700).collect();
    let whole = archive(&[
        entry("set", b'5', b""),
        entry("./set/a.bin", b'0', b"abc"),
        entry("set/long.bin", 0, &long),
        entry("set/PaxHeaders/x", b'x', b"20 path=../escape\n"),
        entry("set/empty", b'7', b""),
    ]);
    let expected = [("set/a.bin", &b"abc"[..]), ("set/long.bin", &long), ("set/empty", b"")]
        .map(|(path, content)| (path.to_owned(), content.to_vec()));
    assert_eq!(files(&whole).unwrap(), expected);
}

#[test]
fn the_prefix_is_part_of_the_path() {
    let mut header = [0; BLOCK];
    header.copy_from_slice(&entry("file", b'0', b"")[..BLOCK]);
    header[345..352].copy_from_slice(b"set/sub");
    assert_eq!(files(&archive(&[signed(header, b"")])).unwrap()[0].0, "set/sub/file");
    header[345..348].copy_from_slice(b"../");
    assert!(refused(&archive(&[signed(header, b"")])).contains("path of an entry"));
}

#[test]
fn a_path_outside_the_folder_is_refused_by_name() {
    for path in ["/etc/passwd", "../escape", "set/../../escape", "set/.."] {
        for kind in [b'0', b'5'] {
            let message = refused(&archive(&[entry(path, kind, b"")]));
            let expected = format!(
                "`set.tar`: path of an entry: expected a relative path without `.` and `..`, got \
                     `{path}`"
            );
            assert_eq!(message, expected);
        }
    }
}

#[test]
fn links_devices_and_pipes_are_refused_by_name() {
    let kinds = [
        (b'1', "a hard link"),
        (b'2', "a symbolic link"),
        (b'3', "a device"),
        (b'4', "a device"),
        (b'6', "a pipe"),
    ];
    for (kind, what) in kinds {
        let message = refused(&archive(&[entry("set/a.bin", kind, b"")]));
        assert!(message.contains(&format!("got {what} called `set/a.bin`")), "{message}");
    }
    assert!(refused(&archive(&[entry("sparse", b'S', b"")])).contains("got kind 0x53"));
}

#[test]
fn more_entries_or_bytes_than_allowed_are_refused_before_they_are_read() {
    let many: Vec<_> = (0..9).map(|n| entry(&format!("{n}"), b'0', b"")).collect();
    assert!(refused(&archive(&many)).contains("entries: expected at most 8, got more"));
    let large = [entry("a", b'0', &[1; 4_000]), entry("b", b'0', &[1; 97])];
    let message = refused(&archive(&large));
    assert!(message.contains("at most 4096 bytes in all, got `b` of 97 bytes"), "{message}");
    // A size of 8 GiB without content.
    let mut header = [0; BLOCK];
    header.copy_from_slice(&entry("huge", b'0', b"")[..BLOCK]);
    header[124..135].fill(b'7');
    assert!(refused(&signed(header, b"")).contains("at most 4096 bytes in all, got `huge` of 8589934591"));
}

#[test]
fn a_truncated_archive_is_refused() {
    let whole = archive(&[entry("a", b'0', &[7; 600]), entry("b", b'5', b"")]);
    // One block of zeros marks the end; the second is optional.
    for end in 0..whole.len() - BLOCK {
        assert!(files(&whole[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_header_with_a_changed_byte_is_refused() {
    let whole = archive(&[entry("a", b'0', b"abc")]);
    // Byte 155 follows the end of the checksum and is ignored.
    for at in (0..BLOCK).filter(|&at| at != 155) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(files(&changed).is_err(), "byte {at}");
    }
}
