//! The public API, recorded: a change of it shows in review as a change of a text.
//!
//! `WHARF_UPDATE_API=1 cargo test -p wharf --test public_api` records it anew.

#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Crates whose API programs see.
const CRATES: [&str; 2] = ["wharf-runtime", "wharf"];

/// Lines of a difference that are shown.
const SHOWN: usize = 60;

#[test]
fn the_public_api_is_the_recorded_one() {
    let update = env::var_os("WHARF_UPDATE_API").is_some();
    for name in CRATES {
        let api = api_of(name);
        let record = folder().join(format!("{name}.txt"));
        if update {
            fs::write(&record, &api).unwrap();
        }
        let recorded = fs::read_to_string(&record).unwrap_or_default();
        let changes = changes(&recorded, &api);
        assert!(
            changes.is_empty(),
            "the public API of {name} has changed; if that is meant, record it with\n    \
             WHARF_UPDATE_API=1 cargo test -p wharf --test public_api\n{}",
            changes.join("\n")
        );
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api")
}

/// The API as text, a line for each item.
fn api_of(name: &str) -> String {
    // A folder of its own: the one in use is locked by whoever runs this test.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("public-api");
    let output = Command::new(env!("CARGO"))
        // rustdoc's JSON is not stable; this lets the stable compiler write it, here alone.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--package", name, "--target-dir"])
        .arg(&target)
        .args(["--", "-Z", "unstable-options", "--output-format", "json", "--cap-lints", "warn"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json = target.join("doc").join(format!("{}.json", name.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap();
    format!("{api}")
}

/// Lines that are in one text alone.
fn changes(before: &str, after: &str) -> Vec<String> {
    let only = |here: &str, there: &str, sign: char| -> Vec<String> {
        let there: std::collections::BTreeSet<&str> = there.lines().collect();
        here.lines().filter(|line| !there.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    let mut changes = only(before, after, '-');
    changes.extend(only(after, before, '+'));
    changes.truncate(SHOWN);
    changes
}

#[test]
fn a_changed_line_is_seen() {
    assert_eq!(changes("a\nb\n", "a\nc\n"), ["- b", "+ c"]);
    assert!(changes("a\n", "a\n").is_empty());
}
