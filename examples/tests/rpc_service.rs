//! The server and the client of `rpc_service`, as two programs.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A server that does not outlive its test.
struct Server {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Server {
    fn start(key: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rpc_server"))
            .arg("tcp://127.0.0.1:0")
            .arg(key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening at ").unwrap().to_owned();
        Self { child, output, address }
    }

    fn ask(&self, key: &Path, request: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rpc_client"))
            .arg(&self.address)
            .arg(key)
            .args(request)
            .output()
            .unwrap()
    }

    /// Lets it end; gives what it printed.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn text(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_client_that_knows_the_protocol_alone_uses_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let [key, other] = ["key", "other"].map(|name| dir.path().join(name));
    std::fs::write(&key, "0f".repeat(32)).unwrap();
    std::fs::write(&other, "f0".repeat(32)).unwrap();
    let server = Server::start(&key);
    let ask = |request: &[&str]| text(&server.ask(&key, request));
    assert_eq!(ask(&["enter", "Ann", "41"]), (true, "entered".to_owned(), String::new()));
    assert_eq!(ask(&["enter", "Ann", "42"]).1, "entered in place of 41");
    assert_eq!(ask(&["enter", "Bob", "7"]).1, "entered");
    assert_eq!(ask(&["find", "Ann"]).1, "42");
    assert_eq!(ask(&["strike-out", "Bob"]), (true, String::new(), String::new()));
    let (found, _, why) = ask(&["find", "Bob"]);
    assert!(!found && why.contains("nobody is called Bob"), "{why}");
    let (let_in, _, why) = text(&server.ask(&other, &["find", "Ann"]));
    assert!(!let_in && why.contains("keys differ"), "{why}");
    assert_eq!(server.end(), "1 entries at the end\n");
}
