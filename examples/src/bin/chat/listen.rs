//! The sockets guests come in by.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use wharf::prelude::*;

use crate::member;
use crate::room::RoomMsg;

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// The TCP address is taken, or none of ours.
    #[error("can't listen on {address}: {error}")]
    Tcp { address: String, error: io::Error },
    /// The path is taken, or can't be made.
    #[error("can't listen on {}: {error}", path.display())]
    Unix { path: PathBuf, error: io::Error },
}

/// The open sockets.
pub(crate) struct Listeners {
    tcp: TcpListener,
    unix: Option<(UnixListener, SocketFile)>,
}

/// Removes the file of a Unix socket when the server ends.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Someone may have removed it before.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listeners {
    pub(crate) async fn open(tcp: &str, unix: Option<&Path>) -> Result<Self, ListenError> {
        let refused = |error| ListenError::Tcp { address: tcp.to_owned(), error };
        let tcp = TcpListener::bind(tcp).await.map_err(refused)?;
        let unix = match unix {
            None => None,
            Some(path) => {
                let refused = |error| ListenError::Unix { path: path.to_owned(), error };
                let listener = UnixListener::bind(path).map_err(refused)?;
                Some((listener, SocketFile(path.to_owned())))
            }
        };
        Ok(Self { tcp, unix })
    }

    /// Where guests can come in, for people.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let tcp = self.tcp.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string());
        let unix = self.unix.as_ref().map(|(_, file)| file.0.display().to_string());
        std::iter::once(tcp).chain(unix).collect()
    }

    /// Lets guests in, for ever.
    pub(crate) async fn serve(&self, room: &Pid<RoomMsg>) {
        tokio::join!(self.serve_tcp(room), self.serve_unix(room));
    }

    async fn serve_tcp(&self, room: &Pid<RoomMsg>) {
        loop {
            match self.tcp.accept().await {
                Ok((socket, _)) => {
                    let (read, write) = socket.into_split();
                    member::spawn(room.clone(), read, write);
                }
                Err(error) => let_it_rest(&error).await,
            }
        }
    }

    async fn serve_unix(&self, room: &Pid<RoomMsg>) {
        let Some((unix, _)) = &self.unix else { return std::future::pending().await };
        loop {
            match unix.accept().await {
                Ok((socket, _)) => {
                    let (read, write) = socket.into_split();
                    member::spawn(room.clone(), read, write);
                }
                Err(error) => let_it_rest(&error).await,
            }
        }
    }
}

/// An `accept` fails for a guest who left at once, or for want of descriptors: then it fails again
/// until some are free.
async fn let_it_rest(error: &io::Error) {
    tracing::warn!("a guest could not come in: {error}");
    wharf::sleep(std::time::Duration::from_millis(50)).await;
}

/// What a member says, shared by all who hear it.
pub(crate) type Line = Arc<str>;
