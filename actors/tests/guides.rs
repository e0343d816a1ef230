//! The guides hold what they promise: every public error is explained, and a counter is short.
//!
//! What is public is taken from the recorded API, and what is an error from the sources: derived
//! `impl`s are not recorded.

#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Reasons that are no `Error`, and the parts of one; the guide has them all the same.
const REASONS: [&str; 2] = ["ExitReason", "Refusal"];

#[test]
fn the_guide_of_errors_names_every_public_error() {
    let (guide, api) = (guide(), api());
    let public: BTreeSet<&str> = api.lines().filter_map(item_of).collect();
    let errors: BTreeSet<String> = errors_of(&sources()).into_iter().chain(errors_in(&api)).collect();
    let errors: Vec<&str> =
        errors.iter().map(String::as_str).chain(REASONS).filter(|name| public.contains(name)).collect();
    assert!(errors.len() > 25, "only these were found: {errors:?}");
    let missing: Vec<_> = errors.iter().filter(|name| !is_explained(&guide, name)).collect();
    assert!(missing.is_empty(), "errors.md says nothing about {missing:?}");
}

#[test]
fn what_has_a_section_of_its_own_is_explained_variant_by_variant() {
    let (guide, api) = (guide(), api());
    for name in ["SendError", "AskError", "ExitReason", "ChildError"] {
        let section = guide.split("\n## ").find(|section| section.starts_with(&format!("`{name}"))).unwrap();
        let variants: BTreeSet<&str> = api.lines().filter_map(|line| variant_of(line, name)).collect();
        assert!(variants.len() > 5, "{name} has more variants than {variants:?}");
        // What `kill` sends; others see `Killed`.
        let hidden = |variant: &str| name == "ExitReason" && variant == "Kill";
        for variant in variants.into_iter().filter(|variant| !hidden(variant)) {
            let told = section.lines().any(|line| {
                line.starts_with("| `") && line.split(" | ").next().unwrap().contains(&format!("`{variant}"))
            });
            assert!(told, "errors.md does not say what `{name}::{variant}` means");
        }
    }
}

#[test]
fn an_error_that_is_not_in_the_guide_is_found() {
    let source = "#[derive(Debug, thiserror::Error)]\n#[non_exhaustive]\npub enum NewError {\n";
    assert_eq!(errors_of(source), ["NewError"]);
    assert_eq!(errors_in("impl<M> core::error::Error for wharf::x::Lost<M>\n"), ["Lost"]);
    assert_eq!(item_of("#[non_exhaustive] pub enum wharf::x::NewError"), Some("NewError"));
    assert_eq!(item_of("pub struct wharf::x::Lost<M>"), Some("Lost"));
    assert_eq!(item_of("pub fn wharf::x::lost() -> u8"), None);
    assert_eq!(variant_of("pub wharf::AskError::Down(wharf::ExitReason)", "AskError"), Some("Down"));
    assert_eq!(variant_of("pub wharf::AskError::Full::to: wharf::ActorId", "AskError"), None);
    assert!(!is_explained(&guide(), "NewError"));
}

#[test]
fn a_counter_takes_twenty_lines_with_the_macros_and_without() {
    for (guide, mark) in [("tutorial.md", "#[wharf::actor]"), ("messages.md", "impl Actor for Counter")] {
        let text = fs::read_to_string(here().join("docs").join(guide)).unwrap();
        let program = text.split("```\n").nth(1).unwrap();
        for part in ["struct Counter", mark, "#[wharf::main]", "counter."] {
            assert!(program.contains(part), "the first program of {guide} has no `{part}`");
        }
        let lines = program.lines().count();
        assert!(lines <= 20, "the counter of {guide} has {lines} lines");
    }
}

/// Whether a row of a table, or a section, begins with this name.
fn is_explained(guide: &str, name: &str) -> bool {
    guide.lines().any(|line| {
        let Some(text) = line.strip_prefix("| `").or_else(|| line.strip_prefix("## `")) else { return false };
        let Some((path, _)) = text.split_once('`') else { return false };
        path.split('<').next().unwrap().rsplit("::").next() == Some(name)
    })
}

/// The type or re-export that a line of the recorded API is about.
fn item_of(line: &str) -> Option<&str> {
    let kinds = ["pub enum ", "pub struct ", "pub use "];
    let path = kinds.iter().find_map(|kind| Some(line.split_once(kind)?.1))?;
    path.split('<').next()?.rsplit("::").next()
}

/// The variant of this type that a line of the recorded API is about.
fn variant_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let path = line.strip_prefix("pub wharf")?;
    let (_, variant) = path.split_once(&format!("::{name}::"))?;
    let variant = variant.split('(').next()?;
    variant.chars().all(char::is_alphanumeric).then_some(variant)
}

/// What the recorded API says is an error.
fn errors_in(api: &str) -> Vec<String> {
    let lines =
        api.lines().filter_map(|line| line.split_once("core::error::Error for ")).map(|(_, path)| path);
    lines.filter_map(|path| path.split('<').next()?.rsplit("::").next()).map(ToOwned::to_owned).collect()
}

/// What is an error by derivation.
fn errors_of(source: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let mut derived = false;
    for line in source.lines() {
        derived |= line.starts_with("#[derive(") && line.contains("thiserror::Error");
        let item = ["pub enum ", "pub struct "].iter().find_map(|kind| line.strip_prefix(kind));
        let Some(item) = item else { continue };
        if std::mem::take(&mut derived) {
            let name = item.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            errors.push(name.to_owned());
        }
    }
    errors
}

fn guide() -> String {
    fs::read_to_string(here().join("docs/errors.md")).unwrap()
}

fn api() -> String {
    let texts = fs::read_dir(here().join("tests/api")).unwrap();
    texts.map(|text| fs::read_to_string(text.unwrap().path()).unwrap()).collect()
}

/// All sources of the libraries, as one text.
fn sources() -> String {
    let mut text = String::new();
    let mut folders: Vec<_> =
        ["src", "../runtime/src", "../net/src"].map(|folder| here().join(folder)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
