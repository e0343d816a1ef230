//! The chat server as its guests see it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_chat");
/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    process: Child,
    said: BufReader<ChildStderr>,
    tcp: String,
    folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(PROGRAM)
            .args(["--tcp", "127.0.0.1:0", "--unix"])
            .arg(folder.path().join("chat.sock"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stderr.take().unwrap());
        // From here on it is ended, whatever it says.
        let mut server = Self { process, said, tcp: String::new(), folder };
        let mut line = String::new();
        server.said.read_line(&mut line).unwrap();
        server.tcp.push_str(line.trim().strip_prefix("chat: listening on ").unwrap());
        line.clear();
        server.said.read_line(&mut line).unwrap();
        assert!(line.contains("chat.sock"), "{line}");
        server
    }

    fn tcp(&self) -> Guest<TcpStream> {
        let socket = TcpStream::connect(&self.tcp).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Guest { out: socket.try_clone().unwrap(), lines: BufReader::new(socket) }
    }

    fn unix(&self) -> Guest<UnixStream> {
        let socket = UnixStream::connect(self.socket()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Guest { out: socket.try_clone().unwrap(), lines: BufReader::new(socket) }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("chat.sock")
    }

    /// Sends it an interrupt, and gives its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let code = self.process.wait().unwrap().code();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("closing"), "{rest}");
        assert!(!self.socket().exists(), "the socket's file is gone");
        code
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Guest<S> {
    out: S,
    lines: BufReader<S>,
}

impl<S: Read + Write> Guest<S> {
    fn say(&mut self, line: &str) {
        self.out.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "the server hung up");
        line.trim_end().to_owned()
    }

    fn enter(&mut self, name: &str) -> String {
        assert_eq!(self.hear(), "your name?");
        self.say(name);
        self.hear()
    }
}

#[test]
fn guests_on_both_kinds_of_socket_hear_each_other_come_talk_and_leave() {
    let server = Server::start();
    let mut ann = server.tcp();
    assert_eq!(ann.enter("ann"), "* here:");
    let mut bob = server.unix();
    assert_eq!(bob.enter("ann"), "that name is taken; another?");
    bob.say("");
    assert_eq!(bob.hear(), "please say a name");
    bob.say("bob");
    assert_eq!(bob.hear(), "* here: ann");
    assert_eq!(ann.hear(), "* bob came in");
    bob.say("hello \u{1b}[31mthere");
    assert_eq!(ann.hear(), "bob: hello [31mthere", "no control characters");
    ann.say("hi");
    assert_eq!(bob.hear(), "ann: hi");
    drop(bob);
    assert_eq!(ann.hear(), "* bob left");
    // The name is free again.
    let mut other = server.tcp();
    assert_eq!(other.enter("bob"), "* here: ann");
    assert_eq!(server.interrupt(), Some(0));
    assert_eq!(ann.hear(), "* bob came in");
    assert_eq!(ann.hear(), "* the server closes");
    assert_eq!(other.hear(), "* the server closes");
}

#[test]
fn a_guest_who_does_not_read_holds_nobody_up_and_is_shown_out() {
    let server = Server::start();
    let mut deaf = server.tcp();
    deaf.enter("deaf");
    let mut ann = server.tcp();
    ann.enter("ann");
    let mut bob = server.tcp();
    bob.enter("bob");
    assert_eq!(ann.hear(), "* bob came in");
    let long = "x".repeat(3_000);
    let mut shown_out = false;
    for _ in 0..20_000 {
        ann.say(&long);
        let heard = bob.hear();
        if heard == "* deaf left" {
            shown_out = true;
            break;
        }
        assert!(heard.starts_with("ann: xxx"), "{heard}");
    }
    assert!(shown_out);
    assert_eq!(server.interrupt(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let server = Server::start();
    let second = Command::new(PROGRAM).args(["--tcp", &server.tcp]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains(&server.tcp) && said.contains("can't listen"), "{said}");
    let third = Command::new(PROGRAM)
        .args(["--tcp", "127.0.0.1:0", "--unix"])
        .arg(Path::new("/no/such/folder/chat.sock"))
        .output()
        .unwrap();
    assert_eq!(third.status.code(), Some(2));
    assert!(String::from_utf8(third.stderr).unwrap().contains("/no/such/folder"));
}
