//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Counts the words (runs of ASCII letters, in lower case) of all text files under some paths.
///
/// A coordinator actor hands out chunks of about 256 KiB, workers count them; a worker that dies
/// is replaced and its chunk is counted by another.
#[derive(Clone, Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Files and directories to count; `.git`, `target` and binary files are skipped.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    /// How many workers count; 0 counts with two plain threads and no actors, for comparison.
    /// [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    pub(crate) workers: Option<u16>,

    /// How many of the most frequent words to print.
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub(crate) top: usize,

    /// Print one line of JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,

    /// Make some workers, at least one, panic midway.
    #[arg(long)]
    pub(crate) chaos: bool,

    /// What `--chaos` draws its panics from; printed on stderr. [default: random]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,

    /// No progress bar.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Two plain threads.
    Threads,
    /// A coordinator and this many worker actors.
    Actors(usize),
}

impl Args {
    /// The engine asked for.
    ///
    /// # Errors
    ///
    /// A message when the options contradict each other.
    pub(crate) fn engine(&self) -> Result<Engine, String> {
        match self.workers {
            Some(0) if self.chaos => {
                Err("--chaos needs actors: nobody replaces the plain threads of --workers 0".to_owned())
            }
            Some(0) => Ok(Engine::Threads),
            Some(workers) => Ok(Engine::Actors(usize::from(workers))),
            None => Ok(Engine::Actors(std::thread::available_parallelism().map_or(1, usize::from))),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("wordcount").chain(line.split_whitespace()))
    }

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_arguments_the_current_directory_is_counted_by_actors() {
        let args = parse("").unwrap();
        assert_eq!(args.paths, [PathBuf::from(".")]);
        assert_eq!(args.top, 20);
        assert!(matches!(args.engine(), Ok(Engine::Actors(n)) if n > 0));
    }

    #[test]
    fn zero_workers_are_plain_threads_and_know_no_chaos() {
        assert_eq!(parse("--workers 0 a b").unwrap().engine(), Ok(Engine::Threads));
        assert!(parse("--workers 0 --chaos").unwrap().engine().is_err());
        assert_eq!(parse("--workers 3 --chaos").unwrap().engine(), Ok(Engine::Actors(3)));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in ["--workers -1", "--workers many", "--workers 1025", "--top x", "--seed", "--no-such"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
