//! One transport connection: a task that reads and one that writes.
//!
//! The writer is the only one that coalesces: it takes all that waits into one buffer, writes it at once,
//! and sleeps when nothing is left.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::core::{Core, Line, Shared};
use crate::proto::ConnId;
use crate::transport::Duplex;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// With so much told and not yet acted on, the reader waits.
const MOST_EVENTS: usize = 4096;
/// How long the last bytes of a connection have to leave: whoever does not read them loses them.
const LAST_BYTES: Duration = Duration::from_secs(1);
/// Bytes that are written at once, about.
const WRITE_BYTES: usize = 256 * 1024;

impl Shared {
    /// Carries bytes of a new transport. The protocol has just been told of it, under the same lock.
    pub(super) fn carry(&self, core: &mut Core, conn: ConnId, duplex: Duplex) {
        let notify = Arc::new(Notify::new());
        core.lines.insert(
            conn,
            Line { notify: Arc::clone(&notify), idle: false, closing: false, remote: duplex.remote },
        );
        let over = Arc::new(Notify::new());
        let Some(this) = self.this.upgrade() else { return };
        let (reader, writer) = (duplex.reader, duplex.writer);
        self.tokio.spawn(write(Arc::clone(&this), conn, writer, Arc::clone(&notify), Arc::clone(&over)));
        self.tokio.spawn(async move {
            tokio::select! {
                () = read(&this, conn, reader) => {}
                () = over.notified() => {}
            }
            let mut core = this.lock();
            let now = this.now();
            core.proto.handle_closed(now, conn);
            if let Some(line) = core.lines.get_mut(&conn) {
                line.closing = true;
                line.notify.notify_one();
            }
            drop(core);
            this.pump();
        });
        notify.notify_one();
    }
}

async fn read(this: &Shared, conn: ConnId, mut reader: Box<dyn AsyncRead + Send + Unpin>) {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = match reader.read(&mut buffer).await {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) => {
                tracing::debug!(target: "wharf::net", node = %this.me.name, ?conn, %error, "read failed");
                return;
            }
        };
        let mut input = &buffer[..count];
        while !input.is_empty() {
            while this.lock().proto.event_count() > MOST_EVENTS {
                this.pump();
                // Another thread acts on what came: no more is read than it gets done.
                tokio::task::yield_now().await;
            }
            let mut core = this.lock();
            let now = this.now();
            core.proto.handle_bytes(now, conn, &mut input);
            core.kick_line(conn);
            drop(core);
            this.pump();
        }
    }
}

async fn write(
    this: Arc<Shared>,
    conn: ConnId,
    mut writer: Box<dyn AsyncWrite + Send + Unpin>,
    notify: Arc<Notify>,
    over: Arc<Notify>,
) {
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let (closing, told) = {
            let mut core = this.lock();
            while buffer.len() < WRITE_BYTES && core.proto.poll_transmit(conn, &mut buffer) {}
            if let Some(line) = core.lines.get_mut(&conn) {
                line.idle = buffer.is_empty();
            }
            (core.is_closing(conn), core.proto.event_count() > 0)
        };
        if told {
            this.pump();
        }
        if buffer.is_empty() {
            if closing {
                break;
            }
            notify.notified().await;
            continue;
        }
        let written = write_out(&this, conn, &mut writer, &buffer, &notify).await;
        if let Err(error) = written {
            tracing::debug!(target: "wharf::net", node = %this.me.name, ?conn, %error, "write failed");
            break;
        }
        if buffer.capacity() > 2 * WRITE_BYTES {
            buffer = Vec::new();
        }
    }
    // The other end reads to the end of what was written; whether this works does not matter any more.
    _ = timeout(LAST_BYTES, writer.shutdown()).await;
    over.notify_one();
    let mut core = this.lock();
    core.lines.remove(&conn);
    drop(core);
    this.clock.notify_one();
}

/// Writes all of `buffer`. Once the connection is to be closed, what does not leave soon is given up.
async fn write_out(
    this: &Shared,
    conn: ConnId,
    writer: &mut (dyn AsyncWrite + Send + Unpin),
    buffer: &[u8],
    notify: &Notify,
) -> io::Result<()> {
    let write = writer.write_all(buffer);
    tokio::pin!(write);
    while !this.lock().is_closing(conn) {
        tokio::select! {
            written = &mut write => return written,
            () = notify.notified() => {}
        }
    }
    timeout(LAST_BYTES, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

impl Core {
    /// Whether nothing more is to be carried over a transport than what waits to be written.
    fn is_closing(&self, conn: ConnId) -> bool {
        self.lines.get(&conn).is_none_or(|line| line.closing)
    }
}
