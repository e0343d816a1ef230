//! Counts over a network of two machines, as far as the system can tell: two network namespaces and a cable.

use std::process;

use super::machines::{Server, check_same, key, sparse};
use super::processes::at_work;
use super::*;

/// Two namespaces and what joins them, gone with this.
struct Cable([String; 2]);

impl Cable {
    /// `None`, and the reason is printed, where there can be none.
    #[allow(clippy::print_stdout, reason = "whoever reads the test's output learns what was left out")]
    fn lay() -> Option<Self> {
        if fs::metadata("/proc/self").unwrap().uid() != 0 {
            println!("skipped: only root makes network namespaces");
            return None;
        }
        if Command::new("ip").arg("-V").output().is_err() {
            println!("skipped: there is no `ip`");
            return None;
        }
        let cable = Self(["a", "b"].map(|end| format!("wharf-{}-{end}", process::id())));
        let [a, b] = &cable.0;
        for end in [a, b] {
            ip(&["netns", "add", end]);
        }
        ip(&["-n", a, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", b]);
        for (end, address) in [(a, "10.77.0.1/24"), (b, "10.77.0.2/24")] {
            ip(&["-n", end, "address", "add", address, "dev", "cable"]);
            ip(&["-n", end, "link", "set", "cable", "up"]);
        }
        Some(cable)
    }

    /// Cuts it, or mends it.
    fn set(&self, state: &str) {
        ip(&["-n", &self.0[0], "link", "set", "cable", state]);
    }

    /// The program, at one of its ends.
    fn program(&self, end: usize) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0[end], PROGRAM]);
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for end in &self.0 {
            // What failed to come to be need not go.
            _ = Command::new("ip").args(["netns", "delete", end]).stderr(Stdio::null()).status();
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", stderr(&output));
}

#[test]
fn two_machines_count_together_and_a_cable_that_is_cut_and_mended_changes_no_count() {
    let Some(cable) = Cable::lay() else { return };
    let dir = files(&[]);
    let key = key(dir.path(), "key", "1a");
    let input = sparse(dir.path(), 256 * 1024 * 1024);
    let expected = count_json(&input, &["--workers", "0"]);
    let server = Server::run(cable.program(0), "tcp://10.77.0.1:7000", &key, &input, &["--workers", "0"]);
    let helper = server.helped_through(cable.program(1), "far", &key, &["--patience", "60"]);
    server.errors.until("far helps");
    at_work(helper.process.0.id());
    cable.set("down");
    // Both ends come to know by themselves, since nothing is heard.
    server.errors.until("far is lost");
    helper.errors.until("the connection to node:1 is lost");
    cable.set("up");
    helper.errors.until("connected to node:1");
    let json = server.result();
    assert_eq!(helper.end().0, Some(0));
    check_same(&json, &expected);
    assert_eq!((names(&json["nodes"]), &json["nodes_lost"]), (vec!["node:1", "far"], &1.into()));
    assert_eq!(chunks(&json["nodes"]), [0, 1024]);
}
