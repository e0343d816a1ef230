//! What becomes of the processes when one of them is killed or interrupted.

use std::thread;
use std::time::Duration;

use super::*;

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

/// Whether it has ended; who waits for it is another matter.
fn has_ended(process: u32) -> bool {
    status(process).is_none_or(|(state, ..)| matches!(state, 'Z' | 'X'))
}

fn children(parent: u32) -> Vec<u32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|process| status(*process).is_some_and(|(_, of, _)| of == parent)).collect()
}

/// A count that does not end by itself, and its children at work.
fn begin(dir: &Path, temporary: &Path, options: &[&str]) -> (Guard, Vec<u32>) {
    let mut command = Command::new(PROGRAM);
    command.args(options).arg(endless(dir)).env("TMPDIR", temporary);
    let parent = Guard(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    let children =
        poll("two children", || Some(children(parent.0.id())).filter(|children| children.len() == 2));
    for child in &children {
        poll("a child at work", || status(*child).filter(|(.., ticks)| *ticks >= 5));
    }
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
        for child in children {
            poll("the child's end", || has_ended(child).then_some(()));
        }
        poll("no files", || (fs::read_dir(temporary.path()).unwrap().count() == 0).then_some(()));
    }
}

#[test]
fn an_interrupt_leaves_no_child_and_no_file() {
    let (dir, temporary) = (files(&[]), tempfile::tempdir().unwrap());
    let (mut parent, children) = begin(dir.path(), temporary.path(), &[]);
    let mut errors = parent.0.stderr.take().unwrap();
    interrupt(&parent.0);
    assert_eq!(parent.0.wait().unwrap().code(), Some(130));
    assert!(children.into_iter().all(has_ended));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert!(said.contains("interrupted after"), "{said}");
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

fn signal(process: u32, signal: &str) {
    let kill = Command::new("sh").args(["-c", "kill -$1 $2", "sh", signal, &process.to_string()]).status();
    assert!(kill.unwrap().success());
}
