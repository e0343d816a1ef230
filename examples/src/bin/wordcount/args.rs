//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0    all was counted
  1    something could not be read or reached, or the connection was lost for good
  2    the command line makes no sense
  130  interrupted (Ctrl-C): standard error says how far the count got
  143  terminated (SIGTERM): likewise";

/// Counts the words (runs of ASCII letters, in lower case) of all text files under some paths.
///
/// A coordinator actor hands out chunks of about 256 KiB; workers in this process and in child
/// processes, each a node, count them. A worker that dies is replaced, and its chunk is counted by
/// another; so are those of a node that is lost.
#[derive(Clone, Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) count: CountArgs,
}

/// What else the program does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Counts together with other machines, which are sent the text to count.
    ///
    /// They may come and go at any time: what one had that left or was lost is counted by the others. Without
    /// workers of its own it waits for some.
    #[command(after_help = EXIT_CODES)]
    Serve(ServeArgs),
    /// Helps a machine that serves, until all is counted.
    ///
    /// When interrupted it leaves, and what it has not reported is counted by others.
    #[command(after_help = EXIT_CODES)]
    Work(WorkArgs),
    /// A child process of this program.
    #[command(name = crate::nodes::CHILD, hide = true)]
    Node,
}

/// What is counted, and how it is shown.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommonArgs {
    /// Files and directories to count; `.git`, `target` and binary files are skipped.
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    /// How many workers each node has; 0 counts with two plain threads and no actors, for
    /// comparison, and `serve` leaves it to others. [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    workers: Option<u16>,

    /// How many of the most frequent words to print.
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub(crate) top: usize,

    /// Print one line of JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,

    /// No progress bar.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// A count on this machine.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// How many nodes: this process and so many child processes less one.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=64))]
    nodes: u8,

    /// How the nodes are connected.
    #[arg(long, value_name = "KIND", default_value = if cfg!(unix) { "unix" } else { "tcp" })]
    transport: Transport,

    /// Make some workers, at least one, panic midway, and kill one of the child processes.
    #[arg(long)]
    pub(crate) chaos: bool,

    /// What `--chaos` draws its panics from; printed on stderr. [default: random]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
}

/// A count with other machines.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,

    /// Where to listen, such as `tcp://0.0.0.0:7000`. What is sent is not encrypted.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: String,

    /// The address to tell to others, where it is another.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) advertise: Option<String>,

    /// The secret that all nodes have: a file of 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
}

/// Help for another machine.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WorkArgs {
    /// Where the other machine listens, such as `tcp://10.0.0.1:7000`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) join: String,

    /// The secret that all nodes have: a file of 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,

    /// How many workers. [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// What this node is called, which no other may be. [default: a random name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// For how many seconds to call again when nobody answers, yet or any more.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) patience: u16,
}

/// How the nodes of one machine are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// A socket in a directory of its own.
    Unix,
    /// The loopback device.
    Tcp,
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// Two plain threads.
    Threads,
    /// A coordinator and workers, on so many nodes.
    Actors(Nodes),
}

/// The nodes of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nodes {
    /// How many there are, this process included.
    pub(crate) nodes: u8,
    /// How many workers each has.
    pub(crate) workers: u16,
    pub(crate) transport: Transport,
}

impl CommonArgs {
    /// How many workers each node has.
    pub(crate) fn workers(&self) -> u16 {
        self.workers.unwrap_or_else(processors)
    }
}

impl WorkArgs {
    /// How many workers there are to be.
    pub(crate) fn workers(&self) -> u16 {
        self.workers.unwrap_or_else(processors)
    }
}

impl CountArgs {
    /// The engine asked for.
    ///
    /// # Errors
    ///
    /// A message when the options contradict each other.
    pub(crate) fn engine(&self) -> Result<Engine, String> {
        match self.common.workers() {
            0 if self.chaos => {
                Err("--chaos needs actors: nobody replaces the plain threads of --workers 0".to_owned())
            }
            0 => Ok(Engine::Threads),
            workers => Ok(Engine::Actors(Nodes { nodes: self.nodes, workers, transport: self.transport })),
        }
    }
}

fn processors() -> u16 {
    u16::try_from(crate::runtime::processors()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("wordcount").chain(line.split_whitespace()))
    }

    fn engine(line: &str) -> Result<Engine, String> {
        parse(line).unwrap().count.engine()
    }

    #[test]
    fn the_command_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_arguments_the_current_directory_is_counted_by_three_nodes() {
        let args = parse("").unwrap();
        assert_eq!(args.count.common.paths, [PathBuf::from(".")]);
        assert_eq!(args.count.common.top, 20);
        assert!(
            matches!(args.count.engine(), Ok(Engine::Actors(Nodes { nodes: 3, workers, .. })) if workers > 0)
        );
    }

    #[test]
    fn zero_workers_are_plain_threads_and_know_no_chaos() {
        assert_eq!(engine("--workers 0 a b"), Ok(Engine::Threads));
        assert!(engine("--workers 0 --chaos").is_err());
        let nodes = Nodes { nodes: 2, workers: 3, transport: Transport::Tcp };
        assert_eq!(engine("--workers 3 --chaos --nodes 2 --transport tcp"), Ok(Engine::Actors(nodes)));
    }

    #[test]
    fn other_machines_need_an_address_and_a_key() {
        let serve = parse("serve --listen tcp://[::1]:0 --key-file k --workers 0 a b").unwrap();
        let Some(Command::Serve(serve)) = serve.command else { panic!("{serve:?}") };
        assert_eq!((serve.common.workers(), serve.common.paths.len()), (0, 2));
        let work = parse("work --join tcp://[::1]:1 --key-file k").unwrap();
        assert!(matches!(work.command, Some(Command::Work(work)) if work.workers() > 0));
        for line in
            ["serve", "work", "serve --listen x", "work --join x", "--json work --join x --key-file k"]
        {
            assert!(parse(line).is_err() || parse(line).unwrap().command.is_none(), "{line}");
        }
        // A directory of such a name can still be meant.
        assert!(parse("./serve").unwrap().command.is_none());
    }

    #[test]
    fn nonsense_is_refused() {
        let lines = "--workers -1,--workers many,--workers 1025,--top x,--seed,--no-such,--nodes 0,--nodes 65,\
                     --transport pigeon,work --workers 0 --join x --key-file k";
        for line in lines.split(',') {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
