//! Between processes of one machine: Unix sockets, for programs of one user.

use super::{Address, BoxFuture, Duplex, Listener, Transport, TransportError};

/// The transport of addresses `unix:/path/to/socket`.
///
/// The socket's file is made for its owner alone, and removed with the listener. Only programs of the same
/// user, and of root, are let in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unix;

#[cfg(unix)]
mod socket {
    use std::fs;
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};

    use tokio::net::{UnixListener, UnixStream};

    use super::*;

    /// Longest path of a socket on Linux, without the closing zero.
    const PATH_BYTES: usize = 107;

    struct Taker {
        listener: UnixListener,
        address: Address,
        file: File,
    }

    /// The socket's file, removed if it is still ours.
    struct File {
        path: PathBuf,
        inode: u64,
        owner: u32,
    }

    impl Drop for File {
        fn drop(&mut self) {
            if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
                // If it can't be removed, the next listener finds it stale.
                _ = fs::remove_file(&self.path);
            }
        }
    }

    impl Listener for Taker {
        fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>> {
            Box::pin(async {
                let failed = |error| TransportError::from_io(&self.address, error);
                let (stream, _) = self.listener.accept().await.map_err(failed)?;
                let who = stream.peer_cred().map_err(failed)?;
                if who.uid() != self.file.owner && who.uid() != 0 {
                    let reason = format!("a program of user {} called", who.uid());
                    return Err(TransportError::Denied { address: self.address.clone(), reason });
                }
                Ok(duplex(stream))
            })
        }

        fn address(&self) -> &Address {
            &self.address
        }
    }

    fn duplex(stream: UnixStream) -> Duplex {
        let who = stream.peer_cred().ok();
        let remote = match who {
            Some(who) => match who.pid() {
                Some(pid) => format!("unix pid {pid} uid {}", who.uid()),
                None => format!("unix uid {}", who.uid()),
            },
            None => "unix".to_owned(),
        };
        let (reader, writer) = stream.into_split();
        Duplex::new(reader, writer, remote)
    }

    fn path(of: &Address) -> Result<&Path, TransportError> {
        let bad = |reason: String| TransportError::BadAddress { address: of.clone(), reason };
        let text = of.rest();
        if text.len() > PATH_BYTES {
            return Err(bad(format!("a socket's path has {PATH_BYTES} bytes at most, this {}", text.len())));
        }
        if text.contains('\0') {
            return Err(bad("a path has no zero bytes".to_owned()));
        }
        Ok(Path::new(text))
    }

    pub(super) async fn listen(at: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let path = path(at)?;
        let failed = |error| TransportError::from_io(at, error);
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                // Left behind by one that is dead, or in use.
                match UnixStream::connect(path).await {
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        fs::remove_file(path).map_err(failed)?;
                        UnixListener::bind(path).map_err(failed)?
                    }
                    _ => return Err(TransportError::InUse { address: at.clone() }),
                }
            }
            bound => bound.map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => TransportError::BadAddress {
                    address: at.clone(),
                    reason: "its directory is not there".to_owned(),
                },
                _ => failed(error),
            })?,
        };
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let found = fs::symlink_metadata(path).map_err(failed)?;
        let file = File { path: path.to_owned(), inode: found.ino(), owner: found.uid() };
        Ok(Box::new(Taker { listener, address: at.clone(), file }))
    }

    pub(super) async fn dial(to: &Address) -> Result<Duplex, TransportError> {
        let stream = UnixStream::connect(path(to)?).await;
        stream.map(duplex).map_err(|error| TransportError::from_io(to, error))
    }
}

impl Transport for Unix {
    fn scheme(&self) -> &'static str {
        "unix"
    }

    #[cfg(unix)]
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(socket::listen(at))
    }

    #[cfg(unix)]
    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
        Box::pin(socket::dial(to))
    }

    #[cfg(not(unix))]
    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(async { Err(TransportError::unsupported(at.clone())) })
    }

    #[cfg(not(unix))]
    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
        Box::pin(async { Err(TransportError::unsupported(to.clone())) })
    }
}
