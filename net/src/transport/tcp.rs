//! Between machines: TCP, as it is. What goes over it can be read and changed on the way.

use std::io;

use tokio::net::{TcpListener, TcpStream};

use super::{Address, BoxFuture, Duplex, Listener, Transport, TransportError};

/// The transport of addresses `tcp://HOST:PORT`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

struct Taker {
    listener: TcpListener,
    address: Address,
}

impl Listener for Taker {
    fn accept(&mut self) -> BoxFuture<'_, Result<Duplex, TransportError>> {
        Box::pin(async {
            let accepted = self.listener.accept().await;
            let opened = accepted.and_then(|(stream, from)| duplex(stream, from.to_string()));
            opened.map_err(|error| TransportError::from_io(&self.address, error))
        })
    }

    fn address(&self) -> &Address {
        &self.address
    }
}

fn duplex(stream: TcpStream, remote: String) -> io::Result<Duplex> {
    // The driver coalesces; a small frame must not wait for an acknowledgement.
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok(Duplex::new(reader, writer, format!("tcp {remote}")))
}

async fn listen(at: &Address) -> Result<Box<dyn Listener>, TransportError> {
    let failed = |error| TransportError::from_io(at, error);
    let listener = TcpListener::bind(at.rest()).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    // The host stays as it was written: others know it by that.
    let host = at.rest().rsplit_once(':').map_or("", |(host, _)| host);
    let address = format!("tcp://{host}:{}", bound.port());
    let address = address.parse().map_err(|error: super::AddressError| TransportError::BadAddress {
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
            let opened = stream.and_then(|stream| duplex(stream, to.rest().to_owned()));
            opened.map_err(|error| TransportError::from_io(to, error))
        })
    }
}
