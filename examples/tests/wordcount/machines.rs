//! Counts with others that do not share the files.

use std::net::{TcpListener, TcpStream};
use std::process::ChildStdout;
use std::thread;

use super::*;

/// A node that serves, and where.
pub(super) struct Server {
    pub(super) process: Guard,
    pub(super) errors: Lines,
    output: ChildStdout,
    address: String,
}

impl Server {
    fn start(key: &Path, input: &Path, options: &[&str]) -> Self {
        Self::run(Command::new(PROGRAM), "tcp://127.0.0.1:0", key, input, options)
    }

    /// Runs the program, or what does so elsewhere, at an address.
    pub(super) fn run(mut program: Command, at: &str, key: &Path, input: &Path, options: &[&str]) -> Self {
        program.args(["serve", "--listen", at, "--json", "--top", ALL, "--key-file"]).arg(key).args(options);
        program.arg(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Guard(program.spawn().unwrap());
        let errors = Lines::of(process.0.stderr.take().unwrap());
        let output = process.0.stdout.take().unwrap();
        let listening = errors.until("listening at tcp://");
        let address = listening.split_once("--join ").unwrap().1.split_once(' ').unwrap().0.to_owned();
        Self { process, errors, output, address }
    }

    /// Starts a node that helps.
    fn helped_by(&self, name: &str, key: &Path, options: &[&str]) -> Helper {
        self.helped_through(Command::new(PROGRAM), name, key, options)
    }

    /// Has the program, or what runs it elsewhere, help.
    pub(super) fn helped_through(
        &self,
        program: Command,
        name: &str,
        key: &Path,
        options: &[&str],
    ) -> Helper {
        Helper::run(program, &self.address, name, key, options)
    }

    /// What it printed when it ended.
    pub(super) fn result(mut self) -> Value {
        let mut text = String::new();
        self.output.read_to_string(&mut text).unwrap();
        let code = self.process.0.wait().unwrap().code();
        assert_eq!(code, Some(0), "{}", self.errors.rest());
        serde_json::from_str(&text).unwrap()
    }
}

/// A node that helps.
pub(super) struct Helper {
    pub(super) process: Guard,
    pub(super) errors: Lines,
}

impl Helper {
    fn run(mut program: Command, at: &str, name: &str, key: &Path, options: &[&str]) -> Self {
        program.args(["work", "--name", name, "--join", at, "--key-file"]).arg(key).args(options);
        let mut process = Guard(program.stderr(Stdio::piped()).spawn().unwrap());
        let errors = Lines::of(process.0.stderr.take().unwrap());
        Self { process, errors }
    }

    /// How it ended, and what else it said.
    pub(super) fn end(mut self) -> (Option<i32>, String) {
        let rest = self.errors.rest();
        (self.process.0.wait().unwrap().code(), rest)
    }
}

pub(super) fn key(dir: &Path, name: &str, digits: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, digits.repeat(32)).unwrap();
    path
}

/// An address of this machine where nobody listens.
fn free_address() -> String {
    format!("tcp://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

/// A text file of that many bytes which has no room on the disk.
#[cfg(target_os = "linux")]
pub(super) fn sparse(dir: &Path, size: u64) -> PathBuf {
    let path = endless(dir);
    fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
    path
}

/// Both counted the same.
pub(super) fn check_same(json: &Value, expected: &Value) {
    for figure in ["files", "bytes", "words", "distinct", "top"] {
        assert_eq!(json[figure], expected[figure], "{figure}");
    }
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
    let helpers =
        ["left", "right"].map(|name| server.helped_by(name, &key, &["--workers", "2", "--patience", "0"]));
    let json = server.result();
    expected.check(&json);
    for helper in helpers {
        let (code, errors) = helper.end();
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
    let server = Server::start(&right, input.path(), &["--workers", "0"]);
    let (code, errors) = server.helped_by("stranger", &wrong, &[]).end();
    assert_eq!(code, Some(1));
    assert!(errors.contains("the cluster keys differ"), "{errors}");
    server.errors.until("the cluster keys differ");
    let friend = server.helped_by("friend", &right, &[]);
    assert_eq!(server.result()["words"], 1);
    assert_eq!(friend.end().0, Some(0));
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

#[test]
fn garbage_at_the_door_is_reported_and_changes_nothing() {
    let dir = files(&[("key", &*"1a".repeat(32))]);
    let input = files(&[("a", "one")]);
    let server = Server::start(&dir.path().join("key"), input.path(), &["--workers", "0"]);
    // No frame, a frame of another version, and nothing at all.
    let mut hello = vec![35, 0, 0, 0, 32, 98, 99];
    hello.extend([7; 32]);
    for bytes in [b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec(), hello] {
        let mut stranger = TcpStream::connect(server.address.strip_prefix("tcp://").unwrap()).unwrap();
        stranger.write_all(&bytes).unwrap();
        server.errors.until("no connection");
        // It is shown the door: what comes is bounded.
        stranger.take(4096).read_to_end(&mut Vec::new()).unwrap();
    }
    drop(TcpStream::connect(server.address.strip_prefix("tcp://").unwrap()).unwrap());
    let friend = server.helped_by("friend", &dir.path().join("key"), &[]);
    assert_eq!(server.result()["words"], 1);
    assert_eq!(friend.end().0, Some(0));
}

#[test]
fn a_helper_that_reaches_something_else_says_so_and_does_not_try_again() {
    let dir = files(&[("key", &*"1a".repeat(32))]);
    // No proof, and a refusal: versions 98 to 99 are spoken here.
    let mut refusal = vec![36, 0, 0, 0, 38];
    refusal.extend([0; 32]);
    refusal.extend([1, 98, 99]);
    for (bytes, expected) in
        [(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "no connection to"), (refusal, "98 to 99")]
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("tcp://{}", listener.local_addr().unwrap());
        let answering = thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            caller.write_all(&bytes).unwrap();
            // Until it has seen enough.
            _ = caller.take(4096).read_to_end(&mut Vec::new());
        });
        let helper = Helper::run(Command::new(PROGRAM), &at, "helper", &dir.path().join("key"), &[]);
        let (code, errors) = helper.end();
        assert_eq!(code, Some(1));
        assert!(errors.contains(expected) && !errors.contains("calling again"), "{errors}");
        answering.join().unwrap();
    }
}

#[test]
fn a_helper_may_be_there_before_anybody_serves() {
    let dir = files(&[("key", &*"1a".repeat(32))]);
    let key = dir.path().join("key");
    let input = files(&[("a", "one")]);
    let at = free_address();
    let helper = Helper::run(Command::new(PROGRAM), &at, "early", &key, &["--patience", "60"]);
    let said = helper.errors.until("calling again for 60 s");
    assert!(said.contains("can't be reached"), "{said}");
    let server = Server::run(Command::new(PROGRAM), &at, &key, input.path(), &["--workers", "0"]);
    assert_eq!(server.result()["words"], 1);
    let (code, errors) = helper.end();
    assert!(code == Some(0) && errors.contains("connected to node:1"), "{errors}");
}

#[test]
fn a_helper_that_nobody_answers_says_so() {
    let dir = files(&[("key", &*"1a".repeat(32))]);
    let key = dir.path().join("key");
    let (code, errors) =
        Helper::run(Command::new(PROGRAM), &free_address(), "lonely", &key, &["--patience", "1"]).end();
    assert_eq!(code, Some(1));
    assert!(errors.contains("calling again for 1 s") && errors.contains("can't be reached"), "{errors}");
}

#[cfg(target_os = "linux")]
mod in_the_middle {
    //! What happens while they count.

    use super::*;
    use crate::processes::{at_work, poll, signal, status};

    const MEBI: u64 = 1024 * 1024;

    /// A text file of that many bytes which has no room on the disk, and what is in it.
    fn sparse(dir: &Path, size: u64) -> (PathBuf, Value) {
        let path = super::sparse(dir, size);
        let expected = count_json(&path, &["--workers", "0"]);
        (path, expected)
    }

    #[test]
    fn workers_come_and_go_and_nothing_is_lost_or_counted_twice() {
        let dir = files(&[]);
        let key = key(dir.path(), "key", "1a");
        let (input, expected) = sparse(dir.path(), 256 * MEBI);
        let server = Server::start(&key, &input, &["--workers", "0"]);
        let mut first = server.helped_by("first", &key, &[]);
        server.errors.until("first helps");
        at_work(first.process.0.id());
        first.process.0.kill().unwrap();
        server.errors.until("first is lost");
        // With nobody left it waits.
        let second = server.helped_by("second", &key, &[]);
        server.errors.until("second helps");
        at_work(second.process.0.id());
        signal(second.process.0.id(), "INT");
        server.errors.until("second has left");
        let (code, errors) = second.end();
        assert!(code == Some(130) && errors.contains("interrupted: "), "{errors}");
        let third = server.helped_by("third", &key, &[]);
        let json = server.result();
        assert_eq!(third.end().0, Some(0));
        check_same(&json, &expected);
        assert_eq!(names(&json["nodes"]), ["node:1", "first", "second", "third"]);
        assert_eq!(json["nodes_lost"], 1, "one of them left in order");
        assert_eq!(chunks(&json["nodes"]).iter().sum::<u64>(), 1024);
    }

    #[test]
    fn a_helper_that_is_told_to_terminate_leaves_and_those_who_are_there_go_on() {
        let dir = files(&[]);
        let key = key(dir.path(), "key", "1a");
        let (input, expected) = sparse(dir.path(), 256 * MEBI);
        let server = Server::start(&key, &input, &["--workers", "1"]);
        let helper = server.helped_by("helper", &key, &["--workers", "1"]);
        server.errors.until("helper helps");
        signal(helper.process.0.id(), "TERM");
        let (code, errors) = helper.end();
        assert!(code == Some(143) && errors.contains("terminated: "), "{errors}");
        let json = server.result();
        check_same(&json, &expected);
        assert_eq!(json["nodes_lost"], 0);
    }

    /// It is not known to be lost before five seconds are over, and nobody waits for that.
    #[test]
    fn what_a_helper_has_that_is_heard_no_more_is_counted_by_others() {
        let dir = files(&[]);
        let key = key(dir.path(), "key", "1a");
        let (input, expected) = sparse(dir.path(), 64 * MEBI);
        let server = Server::start(&key, &input, &["--workers", "0"]);
        let stopped = server.helped_by("stopped", &key, &[]);
        server.errors.until("stopped helps");
        at_work(stopped.process.0.id());
        signal(stopped.process.0.id(), "STOP");
        let other = server.helped_by("other", &key, &[]);
        let json = server.result();
        check_same(&json, &expected);
        assert_eq!(other.end().0, Some(0));
        assert_eq!(chunks(&json["nodes"]).iter().sum::<u64>(), 256);
    }

    #[test]
    fn an_interrupt_ends_a_serving_node_and_its_helper_goes_over_to_the_next_at_its_address() {
        let dir = files(&[]);
        let key = key(dir.path(), "key", "1a");
        let input = files(&[("a", "one two")]);
        let mut server = Server::start(&key, &endless(dir.path()), &["--workers", "1"]);
        let helper = server.helped_by("helper", &key, &["--patience", "60"]);
        let impatient = server.helped_by("impatient", &key, &["--patience", "0"]);
        for _ in 0..2 {
            server.errors.until(" helps");
        }
        signal(server.process.0.id(), "INT");
        let said = server.errors.until("interrupted after");
        assert!(said.contains("words"), "{said}");
        assert_eq!(server.process.0.wait().unwrap().code(), Some(130));
        let said = impatient.errors.until("the connection to node:1 is lost");
        assert_eq!(impatient.end().0, Some(1), "{said}");
        let said = helper.errors.until("calling again for 60 s");
        assert!(said.contains("the connection to node:1 is lost"), "{said}");
        let next =
            Server::run(Command::new(PROGRAM), &server.address, &key, input.path(), &["--workers", "0"]);
        assert_eq!(next.result()["words"], 2);
        assert_eq!(helper.end().0, Some(0));
    }

    #[test]
    fn a_helper_whose_server_is_killed_for_good_says_so() {
        let dir = files(&[]);
        let key = key(dir.path(), "key", "1a");
        let mut server = Server::start(&key, &endless(dir.path()), &["--workers", "0"]);
        let helper = server.helped_by("helper", &key, &["--patience", "0"]);
        at_work(helper.process.0.id());
        server.process.0.kill().unwrap();
        let (code, errors) = helper.end();
        assert_eq!(code, Some(1));
        assert!(errors.contains("the connection to node:1 is lost"), "{errors}");
    }

    #[test]
    fn a_helper_that_was_stopped_for_long_comes_back_and_nothing_is_counted_twice() {
        let dir = files(&[]);
        let key = key(dir.path(), "key", "1a");
        let (input, expected) = sparse(dir.path(), 256 * MEBI);
        let server = Server::start(&key, &input, &["--workers", "0"]);
        let helper = server.helped_by("helper", &key, &["--patience", "60"]);
        server.errors.until("helper helps");
        at_work(helper.process.0.id());
        signal(helper.process.0.id(), "STOP");
        poll("stopped", || status(helper.process.0.id()).filter(|(state, ..)| *state == 'T'));
        server.errors.until("helper is lost");
        signal(helper.process.0.id(), "CONT");
        server.errors.until("helper helps");
        helper.errors.until("connected to node:1");
        let json = server.result();
        assert_eq!(helper.end().0, Some(0));
        check_same(&json, &expected);
        assert_eq!(json["nodes_lost"], 1);
    }
}
