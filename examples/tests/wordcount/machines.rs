//! Counts with others that do not share the files.

use std::process::ChildStdout;

use super::*;

/// A node that serves, and where.
struct Server {
    process: Guard,
    errors: BufReader<ChildStderr>,
    output: ChildStdout,
    address: String,
}

impl Server {
    fn start(key: &Path, input: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "tcp://127.0.0.1:0", "--json", "--top", ALL, "--key-file"]);
        command.arg(key).args(options).arg(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Guard(command.spawn().unwrap());
        let mut errors = BufReader::new(process.0.stderr.take().unwrap());
        let output = process.0.stdout.take().unwrap();
        let mut lines = std::iter::from_fn(|| Some(line(&mut errors)).filter(|line| !line.is_empty()));
        let listening = lines.find(|line| line.contains("listening at tcp://") && line.contains("--join"));
        let address =
            listening.unwrap().split_once("--join ").unwrap().1.split_once(' ').unwrap().0.to_owned();
        Self { process, errors, output, address }
    }

    /// Starts a node that helps.
    fn helped_by(&self, name: &str, key: &Path, options: &[&str]) -> Guard {
        let mut command = Command::new(PROGRAM);
        command.args(["work", "--name", name, "--join", &self.address, "--key-file"]).arg(key).args(options);
        Guard(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    fn result(mut self) -> Value {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let mut errors = String::new();
        self.errors.read_to_string(&mut errors).unwrap();
        assert_eq!(self.process.0.wait().unwrap().code(), Some(0), "{errors}");
        serde_json::from_str(&text).unwrap()
    }
}

/// How a node ended, and what it said.
fn end(mut node: Guard) -> (Option<i32>, String) {
    let mut errors = String::new();
    node.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    (node.0.wait().unwrap().code(), errors)
}

fn key(dir: &Path, name: &str, digits: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, digits.repeat(32)).unwrap();
    path
}

/// A text file of that many bytes which has no room on the disk.
fn sparse(dir: &Path, size: u64) -> PathBuf {
    let path = endless(dir);
    fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
    path
}

#[test]
fn a_serving_node_waits_for_workers_if_it_has_none_and_they_count_what_it_sends() {
    let keys = files(&[]);
    let key = key(keys.path(), "key", "1a");
    let repository = snapshot();
    // A word longer than any message.
    fs::write(repository.path().join("giant"), "Ab".repeat(700_000)).unwrap();
    let expected = expect(repository.path());
    let server = Server::start(&key, repository.path(), &["--workers", "0"]);
    let helpers = ["left", "right"].map(|name| server.helped_by(name, &key, &["--workers", "2"]));
    let json = server.result();
    expected.check(&json);
    for helper in helpers {
        let (code, errors) = end(helper);
        // One that came when all was done by the other found nobody.
        assert!(code == Some(0) || errors.contains("can't be reached"), "{errors}");
    }
    assert_eq!(chunks(&json["nodes"])[0], 0);
    assert_eq!(json["nodes_lost"], 0);
}

#[test]
fn a_serving_node_counts_too() {
    let keys = files(&[]);
    let dir = files(&[("a", "one two"), ("b", "two")]);
    let server = Server::start(&key(keys.path(), "key", "1a"), dir.path(), &["--workers", "1"]);
    assert_eq!(top(&server.result()), [("one".to_owned(), 1), ("two".to_owned(), 2)].into());
}

#[test]
fn a_wrong_key_is_refused_and_both_ends_say_so() {
    let dir = files(&[]);
    let (right, wrong) = (key(dir.path(), "right", "1a"), key(dir.path(), "wrong", "2b"));
    let input = files(&[("a", "one")]);
    let mut server = Server::start(&right, input.path(), &["--workers", "0"]);
    let (code, errors) = end(server.helped_by("stranger", &wrong, &[]));
    assert_eq!(code, Some(1));
    assert!(errors.contains("the cluster keys differ"), "{errors}");
    let heard = line(&mut server.errors);
    let heard = if heard.contains("differ") { heard } else { line(&mut server.errors) };
    assert!(heard.contains("the cluster keys differ"), "{heard}");
    let friend = server.helped_by("friend", &right, &[]);
    assert_eq!(server.result()["words"], 1);
    assert_eq!(end(friend).0, Some(0));
}

#[test]
fn what_is_no_key_is_refused_at_once() {
    let dir = files(&[("key", "secret")]);
    let path = dir.path().join("key");
    for options in [&["serve", "--listen", "tcp://127.0.0.1:0"][..], &["work", "--join", "tcp://127.0.0.1:1"]]
    {
        let output = Command::new(PROGRAM).args(options).arg("--key-file").arg(&path).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("64 hexadecimal digits"), "{}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn workers_come_and_go_and_nothing_is_lost_or_counted_twice() {
    use super::processes::{poll, status};
    let dir = files(&[]);
    let key = key(dir.path(), "key", "1a");
    let input = sparse(dir.path(), 256 * 1024 * 1024);
    let expected = count_json(&input, &["--workers", "0"]);
    let server = Server::start(&key, &input, &["--workers", "0"]);
    let mut first = server.helped_by("first", &key, &[]);
    poll("work", || status(first.0.id()).filter(|(.., ticks)| *ticks >= 5));
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let second = server.helped_by("second", &key, &[]);
    let json = server.result();
    assert_eq!(end(second).0, Some(0));
    for figure in ["files", "bytes", "words", "distinct", "top"] {
        assert_eq!(json[figure], expected[figure], "{figure}");
    }
    assert_eq!((names(&json["nodes"]), &json["nodes_lost"]), (vec!["node:1", "first", "second"], &1.into()));
    assert_eq!(chunks(&json["nodes"]).iter().sum::<u64>(), 1024);
    assert!(chunks(&json["nodes"])[2] > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_helper_whose_server_is_gone_for_good_says_so() {
    use super::processes::{poll, status};
    let dir = files(&[]);
    let key = key(dir.path(), "key", "1a");
    let mut server = Server::start(&key, &endless(dir.path()), &["--workers", "0"]);
    let helper = server.helped_by("helper", &key, &["--patience", "0"]);
    poll("work", || status(helper.0.id()).filter(|(.., ticks)| *ticks >= 5));
    server.process.0.kill().unwrap();
    let (code, errors) = end(helper);
    assert_eq!(code, Some(1));
    assert!(errors.contains("the connection to node:1 is lost"), "{errors}");
}
