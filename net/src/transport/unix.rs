//! Between processes of one machine: Unix sockets, for programs of one user.

use super::{Address, BoxFuture, Duplex, Listener, Transport, TransportError};

/// The transport of addresses `unix:PATH`.
///
/// The socket's file is its owner's alone from the first moment, and is removed with the listener. One that a
/// program left behind which is dead is replaced; a live one never is, nor any other file. Only programs of
/// the same user, and of root, are let in.
///
/// A path has 107 bytes at most, and that of its directory 97: for a moment there is a directory beside the
/// file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unix;

#[cfg(unix)]
mod socket {
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    use tokio::net::{UnixListener, UnixStream};
    use tokio::time::sleep;

    use super::*;
    use crate::transport::error::is_about_caller;
    use crate::transport::socket_file::{Nest, PlaceError, SocketFile};

    /// Longest path of a socket on Linux, without the closing zero.
    const PATH_BYTES: usize = 107;
    /// How long a caller waits for room among those who wait to be taken.
    const PAUSE: Duration = Duration::from_millis(5);

    struct Taker {
        // Removed before the listener is closed: see `socket_file.rs`.
        file: SocketFile,
        listener: UnixListener,
        address: Address,
    }

    impl Taker {
        async fn take(&self) -> Result<Duplex, TransportError> {
            loop {
                let stream = match self.listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) if is_about_caller(&error) => {
                        tracing::debug!(target: "wharf::net", address = %self.address, %error, "a caller has gone");
                        continue;
                    }
                    Err(source) => return Err(TransportError::Io { address: self.address.clone(), source }),
                };
                match stream.peer_cred() {
                    Ok(who) if who.uid() == self.file.owner() || who.uid() == 0 => return Ok(duplex(stream)),
                    Ok(who) => {
                        tracing::warn!(target: "wharf::net", address = %self.address, uid = who.uid(), "a program of another user called: it is not let in");
                    }
                    Err(error) => {
                        tracing::debug!(target: "wharf::net", address = %self.address, %error, "nobody knows who called");
                    }
                }
            }
        }
    }

    impl Listener for Taker {
        fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>> {
            Box::pin(self.take())
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

    fn bad(of: &Address, reason: impl Into<String>) -> TransportError {
        TransportError::BadAddress { address: of.clone(), reason: reason.into() }
    }

    fn path(of: &Address) -> Result<&Path, TransportError> {
        let text = of.rest();
        if text.len() > PATH_BYTES {
            return Err(bad(
                of,
                format!("a socket's path has {PATH_BYTES} bytes at most, this {}", text.len()),
            ));
        }
        if text.contains('\0') {
            return Err(bad(of, "a path has no zero bytes"));
        }
        Ok(Path::new(text))
    }

    pub(super) async fn listen(at: &Address) -> Result<Box<dyn Listener>, TransportError> {
        let path = path(at)?;
        let failed = |error| TransportError::from_io(at, error);
        let most = PATH_BYTES - Nest::MORE_BYTES;
        if Nest::directory_of(path).as_os_str().len() > most {
            return Err(bad(at, format!("the path of a socket's directory has {most} bytes at most")));
        }
        let nest = Nest::beside(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => bad(at, "its directory is not there"),
            _ => failed(error),
        })?;
        let listener = UnixListener::bind(nest.socket()).map_err(failed)?;
        let placed = SocketFile::place(&nest, path).await;
        let file = placed.map_err(|error| match error {
            PlaceError::InUse(source) => TransportError::InUse { address: at.clone(), source },
            PlaceError::Foreign => bad(at, "there is a file of another kind"),
            PlaceError::Io(error) => failed(error),
        })?;
        Ok(Box::new(Taker { file, listener, address: at.clone() }))
    }

    pub(super) async fn dial(to: &Address) -> Result<Duplex, TransportError> {
        let path = path(to)?;
        loop {
            match UnixStream::connect(path).await {
                Ok(stream) => return Ok(duplex(stream)),
                // As many as may wait to be taken.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(PAUSE).await,
                Err(error) => return Err(TransportError::from_io(to, error)),
            }
        }
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
