//! The file of a Unix socket: how it comes into its place, and how it goes.
//!
//! Words: the *place* is the path that others call. A socket there is *live* if somebody listens, which is
//! tried by calling; else it is *dead*, left behind by a program that was killed.
//!
//! 1. A socket is bound, has its mode and listens in a directory that is its owner's alone, and comes into
//!    its place by `link`, which replaces nothing. So nobody else can ever call it, and one in its place that
//!    refuses is dead for good: none is there before it listens.
//! 2. Its owner takes it out of the place before it stops listening. So no owner is about to remove a dead
//!    one.
//! 3. A dead one is removed only by who has the lock of the directory, and has looked once more with it.
//!
//! Why nobody's live socket is ever removed: an owner removes its own, which is live and so replaced by
//! nobody. Whoever removes another has found it dead under the lock; until it is gone its owner does not
//! touch it (2), no other may remove it (3), and nothing takes its place while it is there (1).

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::sleep;

/// How often a name is drawn, or a place that was just freed is tried.
const TRIES: usize = 16;
/// How long others are waited for who look at the same directory, and in what steps.
const LOCK_TRIES: usize = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// A directory beside a socket's place, which its owner alone may enter. Removed with what is in it.
#[derive(Debug)]
pub(super) struct Nest(PathBuf);

impl Nest {
    /// How much longer the path of the socket in it is than that of the directory that both are in.
    pub(super) const MORE_BYTES: usize = "/.012345/s".len();

    pub(super) fn directory_of(place: &Path) -> &Path {
        match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    pub(super) fn beside(place: &Path) -> io::Result<Self> {
        let parent = Self::directory_of(place);
        let mut tried = 0;
        loop {
            let mut random = [0; 3];
            getrandom::fill(&mut random).map_err(io::Error::other)?;
            let [first, second, third] = random;
            let path = parent.join(format!(".{first:02x}{second:02x}{third:02x}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < TRIES => tried += 1,
                made => return made.map(|()| Self(path)),
            }
        }
    }

    /// Where the socket is to be bound.
    pub(super) fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Nest {
    fn drop(&mut self) {
        // What is left behind hinders nobody.
        _ = fs::remove_file(self.socket());
        _ = fs::remove_dir(&self.0);
    }
}

/// Why a socket did not come into its place.
#[derive(Debug)]
pub(super) enum PlaceError {
    /// Somebody listens there, as far as can be told.
    InUse(Option<io::Error>),
    /// There is something that is no socket.
    Foreign,
    Io(io::Error),
}

impl From<io::Error> for PlaceError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What is found in a place.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    Dead,
}

/// A socket in its place. Taken out when this is dropped, if it is still the one: then the listener must not
/// be closed yet.
#[derive(Debug)]
pub(super) struct SocketFile {
    place: PathBuf,
    /// Device and inode: no other file has these while the socket is open.
    id: (u64, u64),
    owner: u32,
}

impl SocketFile {
    /// Brings the socket that listens in `nest` into its place, and removes a dead one there.
    pub(super) async fn place(nest: &Nest, place: &Path) -> Result<Self, PlaceError> {
        let socket = nest.socket();
        fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
        let found = fs::symlink_metadata(&socket)?;
        let (id, owner) = ((found.dev(), found.ino()), found.uid());
        for _ in 0..TRIES {
            match fs::hard_link(&socket, place) {
                Ok(()) => return Ok(Self { place: place.to_owned(), id, owner }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => clear(place).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(PlaceError::InUse(None))
    }

    /// The user whose it is.
    pub(super) const fn owner(&self) -> u32 {
        self.owner
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.place).is_ok_and(|found| (found.dev(), found.ino()) == self.id) {
            // If it can't be removed, the next listener finds it dead.
            _ = fs::remove_file(&self.place);
        }
    }
}

/// Removes a dead socket.
async fn clear(place: &Path) -> Result<(), PlaceError> {
    if look(place).await? == Found::Nothing {
        return Ok(());
    }
    let _lock = lock(Nest::directory_of(place)).await?;
    match look(place).await? {
        Found::Nothing => Ok(()),
        Found::Dead => Ok(fs::remove_file(place)?),
    }
}

/// What is in a place. Anything but nothing and a dead socket is an error.
async fn look(place: &Path) -> Result<Found, PlaceError> {
    match fs::symlink_metadata(place) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(PlaceError::Foreign),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error.into()),
    }
    match UnixStream::connect(place).await {
        Ok(_) => Err(PlaceError::InUse(None)),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(Found::Dead),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
        // So many call that there is no room, or it may not be called: it can't be told that it is dead.
        Err(error) => Err(PlaceError::InUse(Some(error))),
    }
}

/// The lock of a directory, which is free again when the file is closed.
async fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another program keeps the lock of the directory"))
}
