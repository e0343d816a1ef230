//! Finds the files under the paths, in a fixed order, lazily and in bounded memory.

use std::collections::{BinaryHeap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::wire;

/// Entries with these names are passed over inside directories, whatever they are.
const SKIPPED: [&str; 2] = [".git", "target"];

/// How many names of one directory are held at a time. A larger directory is read once for each
/// such window, which is the price of a sorted order in bounded memory.
const WINDOW: usize = 16_384;

/// A regular file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was found.
    pub(crate) size: u64,
}

/// A file or directory that could not be read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unreadable {
    #[serde(with = "wire::path")]
    pub(crate) path: PathBuf,
    #[serde(with = "wire::error")]
    pub(crate) error: io::Error,
}

/// The files under some paths: arguments in the order given, directories depth first in the byte
/// order of their names. Symbolic links are followed only when they are arguments; what is neither
/// file nor directory is passed over, except that an argument of that kind is unreadable.
#[derive(Debug)]
pub(crate) struct Walk {
    arguments: VecDeque<PathBuf>,
    open: Vec<Listing>,
    window: usize,
}

impl Walk {
    /// A walk over `paths`.
    ///
    /// # Errors
    ///
    /// All the paths that do not exist, if there are any.
    pub(crate) fn new(paths: &[PathBuf]) -> Result<Self, Vec<Unreadable>> {
        Self::with_window(paths, WINDOW)
    }

    fn with_window(paths: &[PathBuf], window: usize) -> Result<Self, Vec<Unreadable>> {
        let missing: Vec<_> = paths
            .iter()
            .filter_map(|path| match fs::metadata(path) {
                Err(error) if is_missing(&error) => Some(Unreadable { path: path.clone(), error }),
                _ => None,
            })
            .collect();
        if missing.is_empty() {
            Ok(Self { arguments: paths.iter().cloned().collect(), open: Vec::new(), window })
        } else {
            Err(missing)
        }
    }

    fn visit_argument(&mut self, path: PathBuf) -> Option<Result<Found, Unreadable>> {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                self.open.push(Listing::new(path));
                None
            }
            Ok(metadata) if metadata.is_file() => Some(Ok(found(path, &metadata))),
            Ok(_) => {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a directory");
                Some(Err(Unreadable { path, error }))
            }
            Err(error) => Some(Err(Unreadable { path, error })),
        }
    }

    fn visit_entry(&mut self, path: PathBuf, entry: &Entry) -> Option<Result<Found, Unreadable>> {
        if entry.is_dir {
            self.open.push(Listing::new(path));
            return None;
        }
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Some(Ok(found(path, &metadata))),
            // It was a file when the directory was read and is something else by now.
            Ok(_) => None,
            Err(error) => Some(Err(Unreadable { path, error })),
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Found, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let item = match self.open.last_mut() {
                None => {
                    let path = self.arguments.pop_front()?;
                    self.visit_argument(path)
                }
                Some(listing) => match listing.next(self.window) {
                    Some(Ok(entry)) => {
                        let path = listing.path.join(&entry.name);
                        self.visit_entry(path, &entry)
                    }
                    Some(Err(error)) => Some(Err(Unreadable { path: listing.path.clone(), error })),
                    None => {
                        self.open.pop();
                        None
                    }
                },
            };
            if item.is_some() {
                return item;
            }
        }
    }
}

/// One directory's entries in order, at most a window of them in memory.
#[derive(Debug)]
struct Listing {
    path: PathBuf,
    /// The next entries, the first one last.
    window: Vec<Entry>,
    /// The last name given out; what sorts up to it is done.
    after: Option<OsString>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There may be names past the window.
    More,
    /// The window is all that is left.
    Last,
    /// The directory failed once; it is not tried again.
    Failed,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: OsString,
    is_dir: bool,
}

impl Listing {
    fn new(path: PathBuf) -> Self {
        Self { path, window: Vec::new(), after: None, state: State::More }
    }

    fn next(&mut self, window: usize) -> Option<io::Result<Entry>> {
        if self.window.is_empty() && self.state == State::More {
            self.state = State::Last;
            if let Err(error) = self.refill(window) {
                self.state = State::Failed;
                return Some(Err(error));
            }
        }
        let entry = self.window.pop()?;
        if self.state == State::More {
            self.after = Some(entry.name.clone());
        }
        Some(Ok(entry))
    }

    /// Reads the directory for the first `window` names after those given out. What was read
    /// before an error stays in the window.
    fn refill(&mut self, window: usize) -> io::Result<()> {
        let mut heap = BinaryHeap::new();
        let outcome = self.read_into(&mut heap, window);
        self.window = heap.into_sorted_vec();
        self.window.reverse();
        outcome
    }

    fn read_into(&mut self, heap: &mut BinaryHeap<Entry>, window: usize) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            if self.after.as_ref().is_some_and(|after| name <= *after) || is_skipped(Path::new(&name)) {
                continue;
            }
            let kind = entry.file_type()?;
            if !kind.is_dir() && !kind.is_file() {
                continue;
            }
            heap.push(Entry { name, is_dir: kind.is_dir() });
            if heap.len() > window {
                heap.pop();
                self.state = State::More;
            }
        }
        Ok(())
    }
}

fn found(path: PathBuf, metadata: &Metadata) -> Found {
    Found { path, size: metadata.len() }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_skipped(name: &Path) -> bool {
    SKIPPED.iter().any(|skipped| name == Path::new(skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files, each holding its own name.
    fn tree(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        root
    }

    fn names(walk: Walk, root: &Path) -> Vec<String> {
        walk.map(|item| item.unwrap().path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
    }

    fn walk(root: &Path, window: usize) -> Walk {
        Walk::with_window(&[root.to_path_buf()], window).unwrap()
    }

    #[test]
    fn files_come_depth_first_in_name_order_whatever_the_window() {
        let root = tree(&["b", "a/z", "a/b/c", "c/1", "a.txt", "d", "e", "f"]);
        let expected = ["a/b/c", "a/z", "a.txt", "b", "c/1", "d", "e", "f"];
        for window in [1, 2, 3, 7, 8, 9, 100] {
            assert_eq!(names(walk(root.path(), window), root.path()), expected, "window {window}");
        }
    }

    #[test]
    fn a_listing_never_holds_more_than_its_window() {
        let files: Vec<String> = (0..50).map(|n| format!("{n:02}")).collect();
        let root = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        let mut listing = Listing::new(root.path().to_path_buf());
        let mut seen = Vec::new();
        while let Some(entry) = listing.next(7) {
            assert!(listing.window.capacity() <= 16 && listing.window.len() < 7);
            seen.push(entry.unwrap().name.into_string().unwrap());
        }
        assert_eq!(seen, files);
    }

    #[test]
    fn git_and_target_are_skipped_inside_directories_but_not_as_arguments() {
        let root = tree(&["target/x", ".git/y", "src/target", "src/targets", "src/.gitignore"]);
        assert_eq!(names(walk(root.path(), 9), root.path()), ["src/.gitignore", "src/targets"]);
        let argument = root.path().join("target");
        assert_eq!(names(walk(&argument, 9), root.path()), ["target/x"]);
    }

    #[test]
    fn all_missing_paths_are_reported_up_front() {
        let root = tree(&["a"]);
        let paths = ["a", "no", "a/under-a-file"].map(|name| root.path().join(name));
        let missing = Walk::new(&paths).unwrap_err();
        assert_eq!(missing.iter().map(|m| m.path.clone()).collect::<Vec<_>>(), paths[1..]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_only_as_arguments() {
        let root = tree(&["dir/file", "other"]);
        std::os::unix::fs::symlink(root.path().join("other"), root.path().join("dir/link")).unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("dir/loop")).unwrap();
        assert_eq!(names(walk(&root.path().join("dir"), 9), root.path()), ["dir/file"]);
        assert_eq!(names(walk(&root.path().join("dir/link"), 9), root.path()), ["dir/link"]);
        assert_eq!(names(walk(&root.path().join("dir/loop/dir"), 9), root.path()), ["dir/loop/dir/file"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_socket_is_passed_over_in_a_directory_and_unreadable_as_an_argument() {
        let root = tree(&["file"]);
        let socket = root.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(names(walk(root.path(), 9), root.path()), ["file"]);
        let items: Vec<_> = walk(&socket, 9).collect();
        assert!(matches!(&items[..], [Err(unreadable)] if unreadable.path == socket));
    }

    #[test]
    fn a_directory_that_vanished_is_unreadable_once_and_the_rest_is_walked() {
        let root = tree(&["a/1", "b/2", "c/3"]);
        let mut walk = walk(root.path(), 9);
        assert!(walk.next().unwrap().is_ok());
        fs::remove_dir_all(root.path().join("b")).unwrap();
        let rest: Vec<_> = walk.collect();
        assert!(matches!(&rest[0], Err(unreadable) if unreadable.path == root.path().join("b")));
        assert!(matches!(&rest[1], Ok(found) if found.path == root.path().join("c/3") && found.size == 3));
        assert_eq!(rest.len(), 2);
    }
}
