//! The results, as text or as a line of JSON.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::tally::Tally;

/// What an engine made of the input.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) workers: Vec<Share>,
    pub(crate) nodes: Vec<Share>,
    /// How many workers died and were replaced.
    pub(crate) restarts: u64,
    /// How many times a node was lost.
    pub(crate) nodes_lost: u64,
}

/// What one worker did, its replacements included, or one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Share {
    pub(crate) name: String,
    pub(crate) chunks: u64,
}

/// All that is printed. The order of the fields is that of the JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    files: u64,
    bytes: u64,
    words: u64,
    distinct: usize,
    top: Vec<(String, u64)>,
    workers: Vec<Share>,
    restarts: u64,
    nodes_lost: u64,
    nodes: Vec<Share>,
    seconds: f64,
}

impl Report {
    /// The report on a count that took so long, with the `top` most frequent words.
    pub(crate) fn new(outcome: Outcome, top: usize, elapsed: Duration) -> Self {
        let Outcome { tally, workers, nodes, restarts, nodes_lost } = outcome;
        Self {
            files: tally.files,
            bytes: tally.bytes,
            words: tally.words,
            distinct: tally.totals.distinct(),
            top: tally.totals.top(top),
            workers,
            restarts,
            nodes_lost,
            nodes,
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Writes one line of JSON.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(crate) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)
    }

    /// Writes a table of the words, and the figures below it.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub(crate) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        for (word, count) in &self.top {
            writeln!(out, "{count:>12} {word}")?;
        }
        if !self.top.is_empty() {
            writeln!(out)?;
        }
        writeln!(out, "{:<12} {}", "files", self.files)?;
        writeln!(out, "{:<12} {}", "bytes", self.bytes)?;
        writeln!(out, "{:<12} {}", "words", self.words)?;
        writeln!(out, "{:<12} {}", "distinct", self.distinct)?;
        writeln!(out, "{:<12} {:.3}", "seconds", self.seconds)?;
        write_shares(out, &self.workers)?;
        if self.nodes.len() > 1 {
            write_shares(out, &self.nodes)?;
            writeln!(out, "{:<12} {}", "nodes lost", self.nodes_lost)?;
        }
        writeln!(out, "{:<12} {}", "restarts", self.restarts)
    }
}

fn write_shares(out: &mut impl Write, shares: &[Share]) -> io::Result<()> {
    let all: u64 = shares.iter().map(|share| share.chunks).sum();
    for Share { name, chunks } in shares {
        let percent = 100.0 * *chunks as f64 / all.max(1) as f64;
        writeln!(out, "{name:<12} {percent:.1} % ({chunks} chunks)")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(shares: &[(&str, u64)]) -> Vec<Share> {
        shares.iter().map(|(name, chunks)| Share { name: (*name).to_owned(), chunks: *chunks }).collect()
    }

    fn report(top: &[(&str, u64)], workers: &[(&str, u64)], nodes: &[(&str, u64)]) -> Report {
        Report {
            files: 2,
            bytes: 30,
            words: 5,
            distinct: 3,
            top: top.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(),
            workers: shares(workers),
            restarts: 1,
            nodes_lost: 0,
            nodes: shares(nodes),
            seconds: 0.25,
        }
    }

    #[test]
    fn json_is_one_line_with_the_keys_in_order() {
        let mut out = Vec::new();
        report(&[("the", 3), ("a", 1)], &[("worker:1", 4)], &[("node:1", 4)]).write_json(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"files":2,"bytes":30,"words":5,"distinct":3,"top":[["the",3],["a",1]],"#,
                r#""workers":[{"name":"worker:1","chunks":4}],"restarts":1,"nodes_lost":0,"#,
                r#""nodes":[{"name":"node:1","chunks":4}],"seconds":0.25}"#,
                "\n"
            )
        );
    }

    #[test]
    fn text_shows_the_words_and_then_the_figures() {
        let mut out = Vec::new();
        report(&[("the", 3)], &[("worker:1", 3), ("worker:2", 1)], &[("node:1", 4)])
            .write_text(&mut out)
            .unwrap();
        let expected = "           3 the\n\nfiles        2\nbytes        30\nwords        5\ndistinct     3\n\
                        seconds      0.250\nworker:1     75.0 % (3 chunks)\nworker:2     25.0 % (1 chunks)\n\
                        restarts     1\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn several_nodes_have_lines_of_their_own() {
        let mut out = Vec::new();
        report(&[], &[], &[("node:1", 1), ("node:2", 3)]).write_text(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines = "node:1       25.0 % (1 chunks)\nnode:2       75.0 % (3 chunks)\nnodes lost   0\n";
        assert!(text.contains(lines), "{text}");
    }

    #[test]
    fn a_report_on_nothing_has_no_division_by_zero() {
        let mut out = Vec::new();
        report(&[], &[("worker:1", 0)], &[]).write_text(&mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("worker:1     0.0 % (0 chunks)"));
    }
}
