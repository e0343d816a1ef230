//! The codec, the golden files and `SPEC.md` say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use wharf_net::wire::{self, DecodeError, Decoder, FORMAT_VERSION, Frame, Lane, Limits, Signal};

use crate::examples::{FRAMES, REFUSALS};

const SPEC: &str = include_str!("../../src/wire/SPEC.md");

#[test]
fn every_golden_file_is_what_its_frame_encodes_to_and_decodes_from() {
    let golden = golden_files();
    for (name, frame) in FRAMES {
        let expected = &golden[*name];
        let mut bytes = Vec::new();
        wire::encode(frame, &Limits::PEER, &mut bytes).unwrap();
        assert_eq!(&bytes, expected, "{name} encodes to {bytes:02x?}");

        let mut input = &expected[..];
        let mut decoder = Decoder::new(Limits::PEER);
        assert_eq!(decoder.poll_frame(&mut input).unwrap().as_ref(), Some(frame), "{name}");
        assert!(input.is_empty(), "{name} left {input:02x?}");
    }
}

#[test]
fn every_refusal_names_the_byte_and_the_limit() {
    let golden = golden_files();
    for (name, error) in REFUSALS {
        let mut decoder = Decoder::new(Limits::PEER);
        assert_eq!(decoder.poll_frame(&mut &golden[*name][..]), Err(*error), "{name}");
    }
}

#[test]
fn an_unknown_code_is_refused_wherever_it_stands() {
    let golden = golden_files();
    let places = [
        ("heartbeat", 4, "frame kind"),
        ("link", 29, "signal"),
        ("exit-link", 30, "exit cause"),
        ("exit-link", 31, "exit reason"),
        ("reply-value", 38, "answer"),
        ("reply-down", 39, "exit reason"),
        ("goodbye-silent", 5, "goodbye cause"),
    ];
    for (name, at, field) in places {
        for got in [0, 99, 255] {
            let mut bytes = golden[name].clone();
            bytes[at] = got;
            let error = DecodeError::UnknownCode { field, offset: at as u64, got };
            assert_eq!(Decoder::new(Limits::PEER).poll_frame(&mut &bytes[..]), Err(error), "{name}");
        }
    }
}

#[test]
fn no_golden_file_is_without_a_meaning() {
    let known = FRAMES.iter().map(|(name, _)| *name).chain(REFUSALS.iter().map(|(name, _)| *name));
    let files = golden_files();
    assert_eq!(files.keys().map(String::as_str).collect::<BTreeSet<_>>(), known.collect::<BTreeSet<_>>());
}

#[test]
fn every_example_in_the_document_is_the_golden_file_of_its_name() {
    let golden = golden_files();
    let examples = spec_examples();
    for (name, bytes) in &examples {
        assert_eq!(golden.get(name), Some(bytes), "{name}");
    }
    for (name, _) in REFUSALS {
        assert!(examples.contains_key(*name), "{name} is not in the document");
    }
    let shown = FRAMES.iter().filter(|(name, _)| examples.contains_key(*name));
    let shown: BTreeSet<String> = shown.map(|(_, frame)| shape(frame)).collect();
    let all: BTreeSet<String> = FRAMES.iter().map(|(_, frame)| shape(frame)).collect();
    assert_eq!(shown, all, "each kind of frame and signal has an example");
}

#[test]
fn the_documents_tables_of_codes_are_the_codecs() {
    let golden = golden_files();
    let frames = table("| code | frame |");
    let signals = table("| code | signal |");
    let reasons = table("| code | exit reason |");
    for (name, frame) in FRAMES {
        let bytes = &golden[*name];
        let row = row_of(&frames, bytes[4]);
        assert_eq!(row[1], frame.kind().to_string());
        assert_eq!(row[2], lane_name(frame.kind().lane()));
        let Frame::Signal { signal, .. } = frame else { continue };
        // Length, kind, sequence number and two pids take thirty bytes in all of these.
        let row = row_of(&signals, bytes[29]);
        assert_eq!(row[1], signal_name(signal));
        if let Some(reason) = name.strip_prefix("down-") {
            let row = row_of(&reasons, bytes[32]);
            assert_eq!(row[1].replace(' ', "-"), reason);
            assert_eq!(row[2] == "payload", bytes.len() > 33, "{name}");
        }
    }
    assert_eq!((frames.len(), signals.len(), reasons.len()), (25, 8, 10));
}

#[test]
fn the_documents_version_and_limits_are_the_codecs() {
    assert!(SPEC.lines().any(|line| line == format!("Format version: {FORMAT_VERSION}")));
    let (peer, stranger) = (Limits::PEER, Limits::STRANGER);
    let rows: Vec<Vec<&str>> = table("| limit |").iter().map(|row| row[..3].to_vec()).collect();
    let expected = [
        ("`frame_bytes`", u64::from(peer.frame_bytes), u64::from(stranger.frame_bytes)),
        ("`fragment_bytes`", peer.fragment_bytes.into(), stranger.fragment_bytes.into()),
        ("`message_bytes`", peer.message_bytes, stranger.message_bytes),
    ]
    .map(|(name, peer, stranger)| vec![name.to_owned(), peer.to_string(), stranger.to_string()]);
    assert_eq!(rows, expected);
    assert_eq!(Limits::default(), peer);
}

fn golden_files() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, hex(fs::read_to_string(path).unwrap().split_whitespace()))
        })
        .collect()
}

/// The bytes of each example: what stands before two spaces, in a fence that begins with `# name`.
fn spec_examples() -> BTreeMap<String, Vec<u8>> {
    let fences = SPEC.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    fences
        .map(|fence| {
            let (title, lines) = fence.split_once('\n').unwrap();
            let bytes = lines.lines().map(|line| line.split("  ").next().unwrap());
            (title.strip_prefix("# ").unwrap().to_owned(), hex(bytes.flat_map(str::split_whitespace)))
        })
        .collect()
}

fn hex<'a>(bytes: impl Iterator<Item = &'a str>) -> Vec<u8> {
    bytes
        .map(|byte| {
            assert_eq!(byte.len(), 2, "{byte:?}");
            u8::from_str_radix(byte, 16).unwrap()
        })
        .collect()
}

/// The cells of a table's rows, headings left out.
fn table(heading: &str) -> Vec<Vec<&'static str>> {
    let from = SPEC.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let rows = from.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn row_of<'t>(table: &'t [Vec<&'static str>], code: u8) -> &'t [&'static str] {
    table.iter().find(|row| row[0] == code.to_string()).unwrap()
}

fn lane_name(lane: Lane) -> &'static str {
    match lane {
        Lane::Control => "control",
        Lane::Ordinary => "ordinary",
        Lane::Bulk => "bulk",
        _ => "unknown",
    }
}

fn signal_name<R>(signal: &Signal<R>) -> &'static str {
    match signal {
        Signal::Exit { .. } => "exit",
        Signal::Down { .. } => "down",
        Signal::Link => "link",
        Signal::Unlink { .. } => "unlink",
        Signal::UnlinkAck { .. } => "unlink ack",
        Signal::Monitor { .. } => "monitor",
        Signal::Demonitor { .. } => "demonitor",
        Signal::Stop => "stop",
        _ => "unknown",
    }
}

fn shape(frame: &Frame<'_>) -> String {
    match frame {
        Frame::Signal { signal, .. } => signal_name(signal).to_owned(),
        other => other.kind().to_string(),
    }
}
