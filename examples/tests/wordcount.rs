//! The program `wordcount` as a user sees it, compared with the tools of the system.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

#[path = "wordcount/machines.rs"]
mod machines;
#[cfg(target_os = "linux")]
#[path = "wordcount/network.rs"]
mod network;
#[path = "wordcount/nodes.rs"]
mod nodes;
#[cfg(target_os = "linux")]
#[path = "wordcount/processes.rs"]
mod processes;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wordcount");

/// Larger than any number of distinct words here.
const ALL: &str = "1000000";

/// A user without rights.
const NOBODY: u32 = 65_534;

type Counts = BTreeMap<String, u64>;

#[test]
fn every_engine_counts_this_repository_as_the_coreutils_do() {
    let repository = snapshot();
    let expected = expect(repository.path());
    for workers in ["0", "1", "2", "7"] {
        let json = count_json(repository.path(), &["--workers", workers]);
        expected.check(&json);
        assert_eq!(json["restarts"], 0);
    }
    expected.check(&count_json(repository.path(), &[]));
}

#[test]
fn panics_change_no_count() {
    let repository = snapshot();
    let expected = expect(repository.path());
    for seed in ["1", "2", "18446744073709551615"] {
        for workers in ["1", "3"] {
            let json = count_json(repository.path(), &["--chaos", "--seed", seed, "--workers", workers]);
            expected.check(&json);
            assert!(json["restarts"].as_u64().unwrap() >= 1);
        }
    }
}

#[test]
fn a_seed_decides_how_many_panics_there_are_and_is_printed_to_be_used_again() {
    let repository = snapshot();
    let first = run(&[OsStr::new("--chaos"), OsStr::new("--json"), repository.path().as_os_str()]);
    let seed = stderr(&first).split_once("--seed ").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let again = count_json(repository.path(), &["--chaos", "--seed", &seed, "--workers", "5"]);
    assert_eq!(json(&first)["restarts"], again["restarts"]);
}

#[test]
fn json_has_these_keys_and_no_others() {
    let dir = files(&[("a", "x")]);
    let json = count_json(dir.path(), &["--workers", "3", "--nodes", "2"]);
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "files",
        "bytes",
        "words",
        "distinct",
        "top",
        "workers",
        "restarts",
        "nodes_lost",
        "nodes",
        "seconds",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(json["nodes_lost"], 0);
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
    let far = ["worker:1@node:2", "worker:2@node:2", "worker:3@node:2"];
    assert_eq!(names(&json["workers"]), [&["worker:1", "worker:2", "worker:3"][..], &far].concat());
    assert_eq!(names(&json["nodes"]), ["node:1", "node:2"]);
    for shares in ["workers", "nodes"] {
        assert_eq!(chunks(&json[shares]).iter().sum::<u64>(), 1);
    }
}

#[test]
fn text_lists_the_most_frequent_words_with_ties_in_the_order_of_their_letters() {
    let dir = files(&[("a", "Zoo zoo zoo b B. a-a c"), ("d/e", "d C")]);
    for workers in ["0", "2"] {
        let output = run(&[
            "--top".as_ref(),
            "3".as_ref(),
            "--workers".as_ref(),
            workers.as_ref(),
            dir.path().as_os_str(),
        ]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[..4], [vec!["3", "zoo"], vec!["2", "a"], vec!["2", "b"], vec![]]);
        assert_eq!(lines[4..8], [["files", "2"], ["bytes", "25"], ["words", "10"], ["distinct", "5"]]);
        assert!(lines.contains(&vec!["restarts", "0"]), "{text}");
    }
    let output = run(&["--json", "--top", "0", dir.path().to_str().unwrap()]);
    assert_eq!(json(&output)["top"], Value::Array(Vec::new()));
}

#[test]
fn a_word_is_neither_cut_nor_joined_over_the_end_of_a_file() {
    let dir = files(&[("1", "foo"), ("2", "bar"), ("3", "")]);
    let giant = "Xyz".repeat(300_000);
    // One line of 3 MB, so that chunks end at every place within a word.
    let line = format!("{giant} {} {giant}", "abcdefghijk,".repeat(100_000));
    fs::write(dir.path().join("4"), &line).unwrap();
    let expected: Counts = [("foo", 1), ("bar", 1), ("abcdefghijk", 100_000), (&*giant.to_lowercase(), 2)]
        .map(|(w, n)| (w.to_owned(), n))
        .into();
    for options in [&["--workers", "0"][..], &["--workers", "1"], &["--workers", "4"], &["--chaos"]] {
        let json = count_json(dir.path(), options);
        assert_eq!((top(&json), &json["files"]), (expected.clone(), &Value::from(4)));
        assert_eq!(json["bytes"], line.len() + 6);
    }
}

#[test]
fn an_empty_directory_counts_as_nothing() {
    let dir = files(&[]);
    for options in [&["--workers", "0"][..], &["--workers", "3"], &["--chaos"]] {
        let json = count_json(dir.path(), options);
        for key in ["files", "bytes", "words", "distinct", "restarts"] {
            assert_eq!(json[key], 0, "{key} with {options:?}");
        }
    }
}

#[test]
fn without_a_path_the_current_directory_is_counted() {
    let dir = files(&[("a", "here I am")]);
    let output = Command::new(PROGRAM).arg("--json").current_dir(dir.path()).output().unwrap();
    assert_eq!(json(&output)["words"], 3);
}

#[test]
fn what_is_binary_or_git_or_target_or_no_file_is_skipped() {
    let dir = files(&[("a", "text"), ("b", "bin\0ary"), (".git/c", "git"), ("d/target/e", "built")]);
    std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
    fifo(&dir.path().join("fifo"));
    let json = count_json(dir.path(), &[]);
    assert_eq!((top(&json), &json["files"]), ([("text".to_owned(), 1)].into(), &Value::from(1)));
}

#[test]
fn all_missing_paths_are_named_and_nothing_is_counted() {
    let dir = files(&[("a", "text")]);
    let paths = ["a", "gone", "a/below"].map(|name| dir.path().join(name));
    let output = run(&paths);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    for missing in &paths[1..] {
        assert!(stderr(&output).contains(missing.to_str().unwrap()), "{}", stderr(&output));
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let output = run(&["--workers", "0", "--chaos"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--chaos"));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_counted() {
    let dir = files(&[("in/a", "one"), ("in/locked", "two"), ("in/dir/b", "three"), ("in/z", "four")]);
    let input = dir.path().join("in");
    fs::write(input.join("large"), "five ".repeat(200_000)).unwrap();
    let locked = ["locked", "large", "dir"].map(|name| input.join(name));
    for path in &locked {
        set_mode(path, 0o000);
    }
    for workers in ["0", "2"] {
        let mut program = unprivileged(dir.path());
        let output = program.args(["--json", "--workers", workers]).arg(&input).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert_eq!(top(&json(&output)), ["one", "four"].map(|word| (word.to_owned(), 1)).into());
        for path in &locked {
            assert_eq!(stderr(&output).matches(path.to_str().unwrap()).count(), 1, "{}", stderr(&output));
        }
        assert!(stderr(&output).contains("3 files or directories could not be read"));
    }
    set_mode(&input.join("dir"), 0o755);
}

#[test]
fn an_argument_that_is_neither_file_nor_directory_cannot_be_read() {
    let dir = files(&[("a", "text")]);
    let pipe = dir.path().join("fifo");
    fifo(&pipe);
    let output = run(&["--json".as_ref(), pipe.as_os_str(), dir.path().as_os_str()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["words"], 1);
}

#[test]
fn an_interrupt_says_how_far_the_count_got() {
    let dir = files(&[]);
    let pipe = dir.path().join("fifo");
    fifo(&pipe);
    let endless = endless(dir.path());
    for workers in ["0", "2"] {
        let mut command = Command::new(PROGRAM);
        command
            .args(["--workers", workers])
            .arg(&pipe)
            .arg(&endless)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = Guard(command.spawn().unwrap());
        let mut errors = Lines::of(child.0.stderr.take().unwrap());
        // The warning about the pipe comes from within the count.
        errors.until(pipe.to_str().unwrap());
        interrupt(&child.0);
        let said = errors.until("interrupted after");
        assert!(said.contains("words"), "{said}");
        assert_eq!(child.0.wait().unwrap().code(), Some(130), "{}", errors.rest());
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let dir = files(&[("a", "text")]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output =
        Command::new(PROGRAM).arg(dir.path()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

/// What the coreutils make of a directory.
struct Expected {
    files: u64,
    bytes: u64,
    counts: Counts,
}

impl Expected {
    fn check(&self, json: &Value) {
        assert_eq!(json["files"], self.files);
        assert_eq!(json["bytes"], self.bytes);
        assert_eq!(json["distinct"], self.counts.len());
        assert_eq!(json["words"], self.counts.values().sum::<u64>());
        assert_eq!(top(json), self.counts);
    }
}

fn expect(root: &Path) -> Expected {
    let mut text = tempfile::NamedTempFile::new().unwrap();
    let (mut files, mut bytes) = (0, 0);
    for file in find(root) {
        let content = fs::read(root.join(file)).unwrap();
        if content.iter().take(8 * 1024).any(|byte| *byte == 0) {
            continue;
        }
        files += 1;
        bytes += content.len() as u64;
        text.write_all(&content).unwrap();
        text.write_all(b"\n").unwrap();
    }
    let pipeline = "tr -cs A-Za-z '\\n' <\"$1\" | tr A-Z a-z | sort | uniq -c";
    let output =
        Command::new("sh").args(["-c", pipeline, "sh"]).arg(text.path()).env("LC_ALL", "C").output().unwrap();
    assert!(output.status.success());
    let lines = String::from_utf8(output.stdout).unwrap();
    let counts = lines.lines().filter_map(|line| {
        let (count, word) = line.trim_start().split_once(' ')?;
        (!word.is_empty()).then(|| (word.to_owned(), count.parse().unwrap()))
    });
    Expected { files, bytes, counts: counts.collect() }
}

/// A copy of this repository's files, which others may be changing.
fn snapshot() -> TempDir {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let copy = tempfile::tempdir().unwrap();
    for file in find(repository) {
        let to = copy.path().join(&file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        // A file that is gone by now is in neither count.
        _ = fs::copy(repository.join(&file), to);
    }
    // Binary files are to be met in any case.
    fs::copy(PROGRAM, copy.path().join("binary")).unwrap();
    assert!(find(copy.path()).len() > 10);
    copy
}

fn find(root: &Path) -> Vec<PathBuf> {
    let tests = ["(", "-name", ".git", "-o", "-name", "target", ")", "-prune", "-o", "-type", "f", "-print0"];
    let output = Command::new("find").arg(".").args(tests).current_dir(root).output().unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    names.split_terminator('\0').map(PathBuf::from).collect()
}

fn files(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// A text file that takes forever to count and no room on the disk.
fn endless(dir: &Path) -> PathBuf {
    let path = dir.join("endless");
    fs::write(&path, "a ".repeat(4 * 1024)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    path
}

/// The program as a user whom file modes bind, which root is not.
fn unprivileged(dir: &Path) -> Command {
    if fs::metadata(dir).unwrap().uid() != 0 {
        return Command::new(PROGRAM);
    }
    set_mode(dir, 0o755);
    // Nobody may be barred from where the program was built. It is copied by a process of its own:
    // were it open for writing here when another test forks, it could not be run.
    let program = dir.join("program");
    assert!(Command::new("cp").arg(PROGRAM).arg(&program).status().unwrap().success());
    let mut command = Command::new(program);
    command.uid(NOBODY).current_dir("/");
    command
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn interrupt(child: &Child) {
    let kill = Command::new("sh").args(["-c", "kill -INT \"$1\"", "sh"]).arg(child.id().to_string()).status();
    assert!(kill.unwrap().success());
}

/// How long a process may take to say what it is to say.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process says, line by line; none of it waits forever.
struct Lines(Receiver<String>);

#[allow(clippy::needless_pass_by_ref_mut, reason = "what was heard is not heard again")]
impl Lines {
    fn of(errors: ChildStderr) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// The next line with `text` in it.
    fn until(&mut self, text: &str) -> String {
        let mut said = Vec::new();
        while let Ok(line) = self.0.recv_timeout(PATIENCE) {
            if line.contains(text) {
                return line;
            }
            said.push(line);
        }
        panic!("`{text}` was not said, but {said:?}")
    }

    /// All that is said until the end.
    fn rest(&mut self) -> String {
        std::iter::from_fn(|| self.0.recv_timeout(PATIENCE).ok()).map(|line| line + "\n").collect()
    }
}

fn run(arguments: &[impl AsRef<OsStr>]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

fn count_json(path: &Path, options: &[&str]) -> Value {
    let output =
        Command::new(PROGRAM).args(["--json", "--top", ALL]).args(options).arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    json(&output)
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// The names of workers or nodes.
fn names(shares: &Value) -> Vec<&str> {
    shares.as_array().unwrap().iter().map(|share| share["name"].as_str().unwrap()).collect()
}

/// What they did.
fn chunks(shares: &Value) -> Vec<u64> {
    shares.as_array().unwrap().iter().map(|share| share["chunks"].as_u64().unwrap()).collect()
}

fn top(json: &Value) -> Counts {
    let pairs = json["top"].as_array().unwrap().iter();
    pairs.map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_u64().unwrap())).collect()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A child that does not outlive its test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
