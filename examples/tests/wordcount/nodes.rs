//! Counts on several nodes of one machine.

use super::*;

/// The program, with a place of its own for what it must not leave behind.
fn count(input: &Path, temporary: &Path, options: &[&str]) -> Value {
    let output = Command::new(PROGRAM)
        .env("TMPDIR", temporary)
        .args(["--json", "--top", ALL])
        .args(options)
        .arg(input)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{options:?}: {}", stderr(&output));
    assert_eq!(fs::read_dir(temporary).unwrap().count(), 0, "{options:?} left something behind");
    json(&output)
}

const LINES: usize = 1_600_000;

/// A text of eighty megabytes, and what is in it.
fn text(dir: &Path) -> Counts {
    let line = "Nodes come, and nodes go; the counts stay the same.\n";
    fs::write(dir.join("text"), line.repeat(LINES)).unwrap();
    let counts = [
        ("nodes", 2),
        ("the", 2),
        ("come", 1),
        ("and", 1),
        ("go", 1),
        ("counts", 1),
        ("stay", 1),
        ("same", 1),
    ];
    counts.map(|(word, count)| (word.to_owned(), count * LINES as u64)).into()
}

#[test]
fn any_number_of_nodes_over_any_transport_counts_as_the_coreutils_do() {
    let repository = snapshot();
    let expected = expect(repository.path());
    let temporary = tempfile::tempdir().unwrap();
    for nodes in ["1", "2", "3"] {
        for transport in ["unix", "tcp"] {
            let options = ["--nodes", nodes, "--transport", transport, "--workers", "2"];
            let json = count(repository.path(), temporary.path(), &options);
            expected.check(&json);
            assert_eq!((&json["restarts"], &json["nodes_lost"]), (&0.into(), &0.into()));
            let expected: Vec<_> = ["node:1", "node:2", "node:3"][..nodes.parse().unwrap()].into();
            assert_eq!(names(&json["nodes"]), expected);
        }
    }
}

#[test]
fn panics_and_a_killed_process_change_no_count() {
    let repository = snapshot();
    let expected = expect(repository.path());
    let temporary = tempfile::tempdir().unwrap();
    for (seed, transport) in [("1", "unix"), ("2", "tcp"), ("3", "unix"), ("4", "tcp")] {
        for nodes in ["2", "3"] {
            let chaos = ["--chaos", "--seed", seed, "--transport", transport, "--nodes", nodes];
            let json = count(repository.path(), temporary.path(), &chaos);
            expected.check(&json);
            assert!(json["restarts"].as_u64().unwrap() >= 1);
            assert_eq!(json["nodes_lost"], 1, "seed {seed}, {nodes} nodes over {transport}");
        }
    }
}

/// Whatever the system makes of their threads: see the program's `parts.rs`.
#[test]
fn each_node_does_a_fifth_of_a_large_count_at_least() {
    let dir = files(&[]);
    let expected = text(dir.path());
    let temporary = tempfile::tempdir().unwrap();
    for options in [&[][..], &["--workers", "1", "--transport", "tcp"], &["--workers", "5"]] {
        let json = count(dir.path(), temporary.path(), options);
        assert_eq!(top(&json), expected);
        let shares = chunks(&json["nodes"]);
        let all: u64 = shares.iter().sum();
        assert!(all > 300 && shares.len() == 3, "{shares:?}");
        assert!(shares.iter().all(|share| share * 5 >= all), "{options:?}: {shares:?}");
    }
}

#[test]
fn findings_larger_than_a_message_come_from_other_nodes_as_well() {
    let dir = files(&[]);
    let giant = "Xyz".repeat(500_000);
    for file in 0..6 {
        fs::write(dir.path().join(format!("{file}")), &giant).unwrap();
    }
    let temporary = tempfile::tempdir().unwrap();
    let json = count(dir.path(), temporary.path(), &["--workers", "1", "--chaos", "--seed", "5"]);
    assert_eq!(top(&json), [(giant.to_lowercase(), 6)].into());
}

#[test]
fn what_only_a_child_meets_is_reported_too() {
    let dir = files(&[("a", "one")]);
    std::os::unix::fs::symlink("/proc/self/mem", dir.path().join("link")).unwrap();
    // A link is followed as an argument; it opens, and does not read.
    let mut arguments: Vec<PathBuf> = vec!["--json".into(), "--chaos".into()];
    arguments.extend([dir.path().join("link"), dir.path().join("a")]);
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(json(&output)["words"], 1);
    assert_eq!(stderr(&output).matches("link").count(), 1, "{}", stderr(&output));
}

#[test]
fn where_no_socket_can_be_the_count_goes_on_in_one_process() {
    let dir = files(&[("a", "one two")]);
    let output = Command::new(PROGRAM)
        .env("TMPDIR", dir.path().join("no/such/directory"))
        .arg("--json")
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("counting in one process: "), "{}", stderr(&output));
    assert_eq!((&json(&output)["words"], names(&json(&output)["nodes"])), (&2.into(), vec!["node:1"]));
}

#[test]
fn a_child_without_a_parent_says_that_it_is_none() {
    let output = Command::new(PROGRAM).arg("__node").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("for wordcount itself"), "{}", stderr(&output));
}
