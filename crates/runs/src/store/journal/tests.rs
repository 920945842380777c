//! Tests that a journal is read up to its last complete line after any kill or disk fault.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::super::disk::RealDisk;
use super::super::entry::Outcome;
use super::super::spec::{DataId, RunSpec};
use super::*;

fn header() -> Header {
    let data = DataId { name: "digits".into(), sha256: "00".into(), classes: vec![] };
    let spec = RunSpec { config: json!({ "latent": 8 }), seed: 1, data, schema: 1 };
    Header { format: FORMAT, key: spec.key(), spec, provenance: Map::new() }
}

fn epoch(epoch: u32) -> Entry {
    let scalars = BTreeMap::from([("loss".to_owned(), 1.0 / f64::from(epoch))]);
    Entry::Epoch(Epoch { epoch, scalars, seconds: 0.5, checkpoint: Some("ab".into()) })
}

/// A complete journal of seven lines, one of them with a line break in a string.
fn lines() -> Vec<String> {
    let provenance = json!({ "note": "two\nlines" }).as_object().unwrap().clone();
    let finish = Finish { outcome: Outcome::Finished, finals: "cd".into() };
    let mut entries = vec![Entry::Header(header())];
    entries.extend((1..=4).map(epoch));
    entries.extend([Entry::Continued { provenance }, Entry::Finish(finish)]);
    entries.iter().map(line).collect()
}

fn parse(bytes: &[u8]) -> Result<Journal> {
    Journal::parse(Path::new("journal.jsonl"), bytes)
}

#[test]
fn every_truncation_keeps_all_complete_lines() {
    let lines = lines();
    let text = lines.concat();
    for length in lines[0].len()..=text.len() {
        let journal = parse(&text.as_bytes()[..length]).unwrap();
        let whole = text.as_bytes()[..length].iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(journal.epochs.len(), (whole - 1).min(4));
        assert_eq!(journal.finish.is_some(), whole == lines.len());
        assert_eq!(journal.length, lines[..whole].iter().map(|l| l.len() as u64).sum::<u64>());
        let torn = length as u64 - journal.length;
        assert_eq!(journal.torn.map(|t| (t.line, t.bytes as u64)), (torn > 0).then_some((whole + 1, torn)));
    }
}

#[test]
fn a_damaged_line_before_the_last_is_reported() {
    let mut lines = lines();
    lines[2] = lines[2].replace("0.5", "0.6");
    let error = parse(lines.concat().as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("journal.jsonl line 3 is damaged"), "{error}");
}

/// A power failure may leave zeros for a block, followed by the rest of the line; a flipped bit leaves none.
#[test]
fn a_last_line_with_its_line_break_and_a_wrong_checksum_is_damage_unless_a_block_of_it_is_zero() {
    let lines = lines();
    let (whole, last) = (lines.concat().into_bytes(), lines[6].len());
    for place in whole.len() - last..whole.len() - 1 {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        let error = parse(&flipped).unwrap_err().to_string();
        assert!(error.starts_with("journal.jsonl line 7 is damaged"), "{place}: {error}");
    }
    let mut zeros = whole.clone();
    zeros[whole.len() - last..whole.len() - last / 2].fill(0);
    let journal = parse(&zeros).unwrap();
    assert_eq!(journal.torn.map(|torn| (torn.line, torn.bytes)), Some((7, last)));
    assert_eq!((journal.epochs.len(), journal.finish.is_none()), (4, true));
}

#[test]
fn a_journal_without_an_intact_header_is_reported_and_not_truncated() {
    for bytes in [&b""[..], b"\n", b"hello", &lines()[0].as_bytes()[..20], lines()[1].as_bytes()] {
        let error = parse(bytes).unwrap_err().to_string();
        assert!(error.starts_with("journal.jsonl line 1 is damaged"), "{error}");
    }
    let other = line(&Entry::Header(Header { format: 2, ..header() }));
    assert!(parse(other.as_bytes()).unwrap_err().to_string().contains("expected format 1, got 2"));
}

#[test]
fn lines_in_an_impossible_order_are_reported() {
    let l = lines();
    for (wrong, number) in [
        (vec![&l[0], &l[0]], 2),
        (vec![&l[0], &l[1], &l[3]], 3),
        (vec![&l[0], &l[1], &l[1]], 3),
        (vec![&l[0], &l[6], &l[1]], 3),
    ] {
        let text: String = wrong.into_iter().map(String::as_str).collect();
        let error = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(&format!("line {number} is damaged")), "{error}");
    }
}

#[test]
fn a_torn_line_is_removed_before_the_next_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let mut journal = Journal::create(&RealDisk, &file, header()).unwrap();
    journal.append(&RealDisk, epoch(1)).unwrap();
    let torn = lines()[2].as_bytes()[..30].to_vec();
    RealDisk.append(&file, &torn).unwrap();
    let mut journal = Journal::read(&RealDisk, &file).unwrap().unwrap();
    assert_eq!(journal.torn, Some(Torn { file: file.clone(), line: 3, bytes: 30 }));
    journal.append(&RealDisk, epoch(2)).unwrap();
    let journal = Journal::read(&RealDisk, &file).unwrap().unwrap();
    assert_eq!((journal.last_epoch(), journal.torn), (Some(2), None));
}

#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (any::<prop::sample::Index>(), 1..200usize).prop_map(|(at, n)| Mutation::Remove(at, n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_journal_is_an_error_or_a_prefix(mutations in prop::collection::vec(mutation(), 1..4)) {
        let whole = lines().concat().into_bytes();
        let mut bytes = whole.clone();
        for mutation in mutations {
            match mutation {
                Mutation::Set(at, byte) => { let i = at.index(bytes.len()); bytes[i] = byte; }
                Mutation::Insert(at, new) => { let i = at.index(bytes.len()); bytes.splice(i..i, new); }
                Mutation::Remove(at, n) => {
                    let i = at.index(bytes.len());
                    bytes.drain(i..(i + n).min(bytes.len()));
                    prop_assume!(!bytes.is_empty());
                }
            }
        }
        if let Ok(journal) = parse(&bytes) {
            // Damaged lines are refused, so every accepted line was written by us.
            let original = parse(&whole).unwrap();
            for got in &journal.epochs {
                let written = original.epochs.iter().find(|epoch| epoch.epoch == got.epoch).unwrap();
                prop_assert_eq!(written.difference(got), None);
            }
            prop_assert!(journal.length <= bytes.len() as u64);
        }
    }

    #[test]
    fn any_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse(&bytes).is_err());
    }
}
