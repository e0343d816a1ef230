//! What becomes of the processes when one of them is killed or interrupted.

use std::thread;
use std::time::Duration;

use super::*;

#[allow(clippy::disallowed_methods, reason = "nothing tells when another process has come so far")]
/// Looks again and again until `probe` has something.
pub(super) fn poll<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(found) = probe() {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}")
}

/// State, parent and ticks of processor time of a process.
pub(super) fn status(process: u32) -> Option<(char, u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before may have anything in it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some((fields[0].chars().next()?, fields[1].parse().ok()?, fields[11].parse().ok()?))
}

/// Waits until a process has worked for a while.
pub(super) fn at_work(process: u32) {
    let (.., before) = status(process).unwrap();
    poll("work", || status(process).filter(|(.., ticks)| *ticks >= before + 3));
}

/// Whether it has ended; who waits for it is another matter.
fn has_ended(process: u32) -> bool {
    status(process).is_none_or(|(state, ..)| matches!(state, 'Z' | 'X'))
}

fn children(parent: u32) -> Vec<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process| status(*process).is_some_and(|(_, of, _)| of == parent)).collect()
}

/// The processes that have this directory for their temporary files, and have not ended.
fn users_of(temporary: &Path) -> Vec<u32> {
    let place = format!("TMPDIR={}", temporary.display());
    let uses = |process: &u32| {
        let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == place.as_bytes())
    };
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(uses).collect()
}

/// Waits until neither a process nor a file is left of a count.
fn nothing_is_left(temporary: &Path) {
    poll("the end of all processes", || users_of(temporary).is_empty().then_some(()));
    poll("no files", || (fs::read_dir(temporary).unwrap().count() == 0).then_some(()));
}

/// A count that does not end by itself, and its children at work.
fn begin(dir: &Path, temporary: &Path, options: &[&str]) -> (Guard, Vec<u32>) {
    let mut command = Command::new(PROGRAM);
    command.args(options).arg(endless(dir)).env("TMPDIR", temporary).process_group(0);
    let parent = Guard(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let children =
        poll("two children", || Some(children(parent.0.id())).filter(|children| children.len() == 2));
    children.iter().copied().for_each(at_work);
    (parent, children)
}

#[test]
fn children_of_a_killed_process_end_and_take_its_directory_along() {
    for transport in ["unix", "tcp"] {
        let (dir, temporary) = (files(&[]), tempfile::tempdir().unwrap());
        let (mut parent, children) = begin(dir.path(), temporary.path(), &["--transport", transport]);
        for child in &children {
            // Neither the key nor anything else is seen by others.
            let line = fs::read(format!("/proc/{child}/cmdline")).unwrap();
            assert_eq!(line, [PROGRAM.as_bytes(), b"\0__node\0"].concat());
        }
        parent.0.kill().unwrap();
        parent.0.wait().unwrap();
        nothing_is_left(temporary.path());
    }
}

/// The parent, at any moment of its beginning.
#[test]
fn a_process_that_is_killed_while_it_starts_leaves_nothing() {
    let dir = files(&[]);
    let input = endless(dir.path());
    for moment in 0..8 {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg(&input).env("TMPDIR", temporary.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut parent = Guard(command.spawn().unwrap());
        match moment {
            0 => {}
            1 | 2 => poll("children", || (children(parent.0.id()).len() >= moment).then_some(())),
            3 | 4 => poll("a directory", || fs::read_dir(temporary.path()).unwrap().next().map(drop)),
            _ => poll("a socket", || {
                let directory = fs::read_dir(temporary.path()).unwrap().next()?.unwrap();
                fs::read_dir(directory.path()).ok()?.next().map(drop)
            }),
        }
        parent.0.kill().unwrap();
        parent.0.wait().unwrap();
        nothing_is_left(temporary.path());
    }
}

#[test]
fn a_signal_to_the_parent_or_to_all_of_its_group_leaves_no_process_and_no_file() {
    for (name, code, word) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        for group in [false, true] {
            let (dir, temporary) = (files(&[]), tempfile::tempdir().unwrap());
            let (mut parent, children) = begin(dir.path(), temporary.path(), &[]);
            let errors = Lines::of(parent.0.stderr.take().unwrap());
            if group {
                signal_group(parent.0.id(), name);
            } else {
                signal(parent.0.id(), name);
            }
            let said = errors.until(&format!("{word} after"));
            assert!(said.contains("words"), "{said}");
            assert_eq!(parent.0.wait().unwrap().code(), Some(code));
            // It has waited for its children.
            assert!(children.into_iter().all(has_ended));
            assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
            assert!(users_of(temporary.path()).is_empty());
        }
    }
}

/// A count that ends by itself, and its children.
fn count_nodes(input: &Path, temporary: &Path) -> (Guard, Vec<u32>) {
    let mut command = Command::new(PROGRAM);
    command.args(["--json", "--top", ALL, "--workers", "2"]).arg(input).env("TMPDIR", temporary);
    let parent = Guard(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let children =
        poll("two children", || Some(children(parent.0.id())).filter(|children| children.len() == 2));
    (parent, children)
}

/// What a count prints when it ends.
fn json_of(parent: &mut Guard) -> Value {
    let mut text = String::new();
    parent.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(parent.0.wait().unwrap().code(), Some(0));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_child_that_is_stopped_holds_nobody_up() {
    let (dir, temporary) = (files(&[]), tempfile::tempdir().unwrap());
    let input = machines::sparse(dir.path(), 256 * 1024 * 1024);
    let expected = count_json(&input, &["--workers", "0"]);
    let (mut parent, children) = count_nodes(&input, temporary.path());
    at_work(children[0]);
    signal(children[0], "STOP");
    machines::check_same(&json_of(&mut parent), &expected);
    nothing_is_left(temporary.path());
}

#[test]
fn a_child_does_not_heed_an_interrupt_and_its_parent_does_without_it_when_it_is_killed() {
    let (dir, temporary) = (files(&[]), tempfile::tempdir().unwrap());
    let (mut parent, children) = begin(dir.path(), temporary.path(), &[]);
    signal(children[0], "INT");
    for child in &children {
        // It works on.
        let (.., ticks) = status(*child).unwrap();
        poll("more work", || status(*child).filter(|(_, of, now)| *of == parent.0.id() && *now > ticks + 5));
    }
    for child in &children {
        signal(*child, "KILL");
        poll("the child's end", || has_ended(*child).then_some(()));
    }
    let (.., ticks) = status(parent.0.id()).unwrap();
    poll("work alone", || status(parent.0.id()).filter(|(.., now)| *now > ticks + 20));
    signal(parent.0.id(), "INT");
    assert_eq!(parent.0.wait().unwrap().code(), Some(130));
}

pub(super) fn signal(process: u32, signal: &str) {
    kill(signal, &process.to_string());
}

fn signal_group(leader: u32, signal: &str) {
    kill(signal, &format!("-{leader}"));
}

fn kill(signal: &str, whom: &str) {
    let kill = Command::new("sh").args(["-c", "kill -s $1 -- $2", "sh", signal, whom]).status();
    assert!(kill.unwrap().success());
}
