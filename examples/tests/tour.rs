//! The small examples run, and show what they say they show.

#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::process::Command;

/// Runs a program to its end; gives what it printed.
fn printed(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The lines come in this order, others may stand between.
fn shows(text: &str, lines: &[&str]) {
    let mut rest = text.lines();
    for line in lines {
        assert!(rest.any(|printed| printed == *line), "no line `{line}`, in this place, in\n{text}");
    }
}

#[test]
fn a_counter_answers() {
    let text = printed(env!("CARGO_BIN_EXE_tour_01_counter"), &[]);
    shows(
        &text,
        &[
            "5 makes 5",
            "2 more makes 7",
            "no: 100 is more than 7",
            "after the reset 1 makes 1",
            "four tens make Some(41)",
        ],
    );
}

#[test]
fn a_process_receives_selectively() {
    let text = printed(env!("CARGO_BIN_EXE_tour_02_process"), &[]);
    let served: Vec<&str> = text.lines().filter(|line| line.starts_with("served: ")).collect();
    assert_eq!(served.len(), 3, "{text}");
    let place = |name: &str| served.iter().position(|line| line.contains(name)).unwrap();
    assert!(place("Ann") < place("Bob"), "{text}");
    shows(&text, &["the barista ended: normal", "somebody sent Some(7)", "then nothing came within 20ms"]);
}

#[test]
fn links_and_monitors_tell_the_reason() {
    let text = printed(env!("CARGO_BIN_EXE_tour_03_links"), &[]);
    let lines: Vec<&str> = text.lines().collect();
    let starts = [
        "told to return: ",
        "told to fail: ",
        "told to panic: ",
        "killed: ",
        "watched too late: ",
        "a linked",
    ];
    assert_eq!(lines.len(), starts.len(), "{text}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{text}");
    }
    assert!(lines[2].contains("as I was told"), "{text}");
}

#[test]
fn a_supervisor_starts_anew_and_gives_up() {
    let text = printed(env!("CARGO_BIN_EXE_tour_04_supervised"), &[]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(lines[0], "6 / 3 = 2");
    for (at, crash) in [(1, "crash 1: "), (3, "crash 2: ")] {
        assert!(lines[at].starts_with(crash) && lines[at].contains("divide by zero"), "{text}");
        assert_eq!(lines[at + 1], "started anew: 0 calls handled, another incarnation: true");
    }
    assert!(lines[5].starts_with("the supervisor ended: ") && lines[5].contains("careless"), "{text}");
}

#[test]
fn capacities_decide_who_waits() {
    let text = printed(env!("CARGO_BIN_EXE_tour_05_capacity"), &[]);
    shows(&text, &["ten sends went at the receiver's pace", "they met", "sent on a permit"]);
    assert!(text.contains("full at 4: "), "{text}");
}

#[test]
fn an_actor_of_another_node_is_used_as_one_of_this() {
    let text = printed(env!("CARGO_BIN_EXE_tour_06_two_nodes"), &[]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 9, "{text}");
    assert_eq!(lines[..3], ["connected to far", "5 makes 5", "2 more makes 7"]);
    assert!(lines[3].starts_with("no answer: ") && lines[3].contains("divide by zero"), "{text}");
    assert!(lines[4].starts_with("the counter ended: ") && lines[4].contains("divide by zero"), "{text}");
    assert_eq!(lines[5], "another one: 1 makes 101");
    assert!(lines[6].starts_with("the other counter: "), "{text}");
    assert_eq!(lines[7], "node `far` is not connected any more: the peer stops");
    assert!(lines[8].starts_with("no answer any more: "), "{text}");
}

#[test]
fn a_ball_is_played_and_money_is_not_lost() {
    assert!(printed(env!("CARGO_BIN_EXE_ping_pong"), &["1000"]).starts_with("1000 hops, "));
    let text = printed(env!("CARGO_BIN_EXE_bank"), &[]);
    shows(
        &text,
        &[
            "ann has 70, bob has 35",
            "no: 1000 is more than the 35 that is there",
            "ann has 70, bob has 35",
            "ann still has 70",
        ],
    );
}
