//! Holds the guides to their word: each sentence of the contract is numbered and names a test that
//! exists, or several, and so does each claim about what was proved.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The contract: a sentence a line, each with its test.
const SEMANTICS: &str = include_str!("../docs/semantics.md");
/// What is proved, and by which tests.
const VERIFICATION: &str = include_str!("../docs/verification.md");

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Calls `visit` with the text of each Rust file under `folder`, build output left out.
fn visit_sources(folder: &Path, visit: &mut impl FnMut(&str)) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let entry = entry.expect("its entries");
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                visit_sources(&path, visit);
            }
        } else if name.ends_with(".rs") {
            visit(&fs::read_to_string(&path).expect("Rust is text"));
        }
    }
}

/// The name of the function that a line declares.
fn function_of(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("pub ").trim_start_matches("async ");
    let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
    Some(name.split('<').next().unwrap_or(name))
}

/// The names of the functions in `source` that bear a test attribute.
fn tests_in(source: &str) -> Vec<&str> {
    let mut tests = Vec::new();
    let mut attributed = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            attributed |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else if let Some(name) = function_of(line) {
            if std::mem::take(&mut attributed) {
                tests.push(name);
            }
        } else if !line.starts_with("//") && !line.is_empty() && !line.starts_with(')') {
            attributed = false;
        }
    }
    tests
}

fn all_tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for folder in ["runtime", "actors", "net", "examples/tests", "examples/src", "loom-tests"] {
        visit_sources(&repository().join(folder), &mut |source| {
            tests.extend(tests_in(source).into_iter().map(str::to_owned));
        });
    }
    tests
}

/// The number, the text and the tests of a line of the contract.
fn parse(line: &str) -> Option<(usize, &str, Vec<&str>)> {
    let (number, mut text) = line.split_once(". ")?;
    let number = number.parse().ok()?;
    let mut tests = Vec::new();
    while let Some((before, test)) = text.strip_suffix('`').and_then(|rest| rest.rsplit_once(" `")) {
        tests.push(test);
        text = before;
    }
    (!tests.is_empty()).then_some((number, text, tests))
}

/// Code spans that read like the name of a test.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |span: &&str| {
        span.matches('_').count() >= 3
            && span.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.split('`').skip(1).step_by(2).filter(is_name)
}

#[test]
fn each_sentence_of_the_contract_is_numbered_in_turn_and_ends_with_its_test() {
    let mut expected = 1;
    for line in SEMANTICS.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
        let (number, text, _) = parse(line).unwrap_or_else(|| panic!("no sentence with a test: {line}"));
        assert_eq!(number, expected, "{line}");
        assert!(text.ends_with('.'), "no full stop: {line}");
        expected += 1;
    }
    assert!(expected > 40, "only {} sentences were found", expected - 1);
}

#[test]
fn each_sentence_of_the_contract_has_a_test_that_exists() {
    let tests = all_tests();
    let missing: Vec<&str> = SEMANTICS
        .lines()
        .filter_map(parse)
        .flat_map(|(_, _, tests)| tests)
        .filter(|test| !tests.contains(*test))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn a_sentence_may_name_several_tests() {
    let line = "7. An `Ok` is one. `first_test` `second_test`";
    assert_eq!(parse(line), Some((7, "An `Ok` is one.", vec!["second_test", "first_test"])));
    assert_eq!(parse("7. A sentence without a test."), None);
    assert_eq!(parse("A line without a number. `a_test`"), None);
}

#[test]
fn each_proof_that_is_claimed_is_a_test_that_exists() {
    let tests = all_tests();
    let missing: Vec<&str> = names_in(VERIFICATION).filter(|name| !tests.contains(*name)).collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
    assert!(names_in(VERIFICATION).count() > 10);
}

#[test]
fn a_function_counts_as_a_test_only_under_a_test_attribute() {
    let source = "
        #[test]
        #[should_panic(expected = \"x\")]
        fn first() {}
        fn helper() {}
        #[tokio::test(flavor = \"multi_thread\")]
        async fn second() {}
        #[inline]
        fn third() {}
    ";
    assert_eq!(tests_in(source), ["first", "second"]);
}
