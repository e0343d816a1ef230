//! Between machines: TCP, as it is. What goes over it can be read and changed on the way.

use tokio::net::{TcpListener, TcpStream};

use super::error::is_about_caller;
use super::{Address, AddressError, BoxFuture, Duplex, Listener, Transport, TransportError};
use crate::proto::Origin;

/// The transport of addresses `tcp://HOST:PORT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

struct Taker {
    listener: TcpListener,
    address: Address,
}

impl Taker {
    async fn take(&self) -> Result<Duplex, TransportError> {
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let mut taken = duplex(stream, &from.to_string());
                    taken.origin = Origin::of(from.ip());
                    return Ok(taken);
                }
                Err(error) if is_about_caller(&error) => {
                    tracing::debug!(target: "wharf::net", address = %self.address, %error, "a caller has gone");
                }
                Err(source) => return Err(TransportError::Io { address: self.address.clone(), source }),
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

fn duplex(stream: TcpStream, remote: &str) -> Duplex {
    // The driver coalesces; a small frame must not wait for an acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        // It is slower so, or already over: whoever reads will find that out.
        tracing::debug!(target: "wharf::net", remote, %error, "small frames may be delayed");
    }
    let (reader, writer) = stream.into_split();
    Duplex::new(reader, writer, format!("tcp {remote}"))
}

async fn listen(at: &Address) -> Result<Box<dyn Listener>, TransportError> {
    let failed = |error| TransportError::from_io(at, error);
    let listener = TcpListener::bind(at.rest()).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    // The host stays as it was written: others know it by that.
    let host = at.rest().rsplit_once(':').map_or("", |(host, _)| host);
    let address = format!("tcp://{host}:{}", bound.port());
    let address = address.parse().map_err(|error: AddressError| TransportError::BadAddress {
        address: at.clone(),
        reason: error.to_string(),
    })?;
    Ok(Box::new(Taker { listener, address }))
}

impl Transport for Tcp {
    fn scheme(&self) -> &'static str {
        "tcp"
    }

    fn listen<'a>(&'a self, at: &'a Address) -> BoxFuture<'a, Result<Box<dyn Listener>, TransportError>> {
        Box::pin(listen(at))
    }

    fn dial<'a>(&'a self, to: &'a Address) -> BoxFuture<'a, Result<Duplex, TransportError>> {
        Box::pin(async {
            let stream = TcpStream::connect(to.rest()).await;
            let stream = stream.map_err(|error| TransportError::from_io(to, error))?;
            Ok(duplex(stream, to.rest()))
        })
    }
}
