//! The child processes, and what must be gone when this process ends.
//!
//! What is to be removed is told to the children before it is made: whenever this process is killed, there is
//! somebody who knows of it.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a child that was told to end may take, in steps. Nobody wants anything of it any more.
const STEPS: u32 = 50;
const STEP: Duration = Duration::from_millis(10);

/// What a child is told by the first line of its standard input. The end of the input is the end of its parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Legacy {
    /// A directory to be removed, should the parent not come to it.
    pub(crate) directory: Option<PathBuf>,
}

/// What a child is told by the second line: there nobody else reads it, as they could on its command line.
#[derive(Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The key of the nodes, in hexadecimal digits.
    pub(crate) key: String,
    /// Where the parent listens.
    pub(crate) address: String,
    /// What the child's node is called.
    pub(crate) name: String,
    pub(crate) workers: u16,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The children of this process and the directory of its socket. Nothing of it outlives it, unless this
/// process is killed; the children see to it then.
#[derive(Debug, Default)]
pub(crate) struct Fleet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    children: Vec<(String, Child)>,
    directory: Option<Directory>,
    is_over: bool,
}

/// A directory that is removed with this.
#[derive(Debug)]
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        clean_up(Some(&self.0));
    }
}

impl Fleet {
    /// Makes a directory that nobody else can look into.
    ///
    /// # Errors
    ///
    /// If it can't be made, or is there.
    pub(crate) fn make_directory(&self, path: &Path) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let mut state = self.lock()?;
        builder.create(path)?;
        state.directory = Some(Directory(path.to_owned()));
        Ok(())
    }

    /// Starts a child, which waits to be told what to do.
    ///
    /// # Errors
    ///
    /// If it can't be started.
    pub(crate) fn start(&self, command: &str, name: &str, legacy: &Legacy) -> io::Result<()> {
        let mut child = Command::new(std::env::current_exe()?);
        child.arg(command).stdin(Stdio::piped()).stdout(Stdio::null());
        // An interrupt from the terminal is for this process, which decides about its children.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut child, 0);
        let mut state = self.lock()?;
        let mut child = child.spawn()?;
        let told = tell(&mut child, legacy);
        state.children.push((name.to_owned(), child));
        told
    }

    /// Tells a child what to do.
    ///
    /// # Errors
    ///
    /// If there is no such child, or it has ended.
    pub(crate) fn tell(&self, setup: &Setup) -> io::Result<()> {
        let mut state = self.lock()?;
        let child = state.find(&setup.name).ok_or_else(|| io::Error::other("there is no such child"))?;
        tell(child, setup)
    }

    /// Those children that have ended.
    pub(crate) fn ended(&self) -> Vec<String> {
        let Ok(mut state) = self.lock() else { return Vec::new() };
        let ended = |child: &mut Child| !matches!(child.try_wait(), Ok(None));
        state.children.iter_mut().filter_map(|(name, child)| ended(child).then(|| name.clone())).collect()
    }

    /// Kills a child, as the system might; gives its process id.
    pub(crate) fn kill(&self, name: &str) -> Option<u32> {
        let mut state = self.lock().ok()?;
        let child = state.find(name)?;
        child.kill().ok()?;
        Some(child.id())
    }

    /// Lets the children end by themselves, and kills those who don't.
    pub(crate) fn end(&self) {
        let mut state = self.take();
        for (_, child) in &mut state.children {
            drop(child.stdin.take());
        }
        for _ in 0..STEPS {
            state.children.retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
            if state.children.is_empty() {
                break;
            }
            pause();
        }
        state.kill();
    }

    /// Kills all children at once.
    pub(crate) fn abort(&self) {
        self.take().kill();
    }

    /// What there is; nothing comes after.
    fn take(&self) -> State {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *state, State { is_over: true, ..State::default() })
    }

    fn lock(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_over { Err(io::Error::other("the program ends")) } else { Ok(state) }
    }
}

fn tell(child: &mut Child, what: &impl Serialize) -> io::Result<()> {
    let input = child.stdin.as_mut().ok_or_else(|| io::Error::other("the child has no standard input"))?;
    writeln!(input, "{}", serde_json::to_string(what)?)
}

impl State {
    fn find(&mut self, name: &str) -> Option<&mut Child> {
        self.children.iter_mut().find(|(child, _)| child == name).map(|(_, child)| child)
    }

    fn kill(&mut self) {
        for (_, child) in &mut self.children {
            // One that has ended can't be killed, and is waited for all the same.
            _ = child.kill();
            _ = child.wait();
        }
        self.children.clear();
        self.directory = None;
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Removes the directory of a parent that could not do it.
pub(crate) fn clean_up(directory: Option<&Path>) {
    if let Some(directory) = directory {
        // Another child may have been faster.
        _ = std::fs::remove_dir_all(directory);
    }
}

/// Lets a child come to its end.
#[allow(
    clippy::disallowed_methods,
    reason = "a plain thread waits here, for at most some hundred milliseconds"
)]
fn pause() {
    thread::sleep(STEP);
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_is_private_and_gone_with_its_fleet() {
        let (fleet, place) = (Fleet::default(), tempfile::tempdir().unwrap());
        let path = place.path().join("new");
        fleet.make_directory(&path).unwrap();
        std::fs::write(path.join("file"), "x").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(fleet.make_directory(&path).is_err(), "somebody else's");
        fleet.end();
        assert!(!path.exists());
        assert!(fleet.make_directory(&path).is_err(), "made after the end");
    }

    #[test]
    fn a_setup_shows_nobody_its_key() {
        let setup =
            Setup { key: "5ec2e7".to_owned(), address: String::new(), name: "x".to_owned(), workers: 1 };
        assert!(!format!("{setup:?}").contains("5ec2e7"));
    }
}
