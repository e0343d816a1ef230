//! A guest of the server: an actor that owns a socket.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use wharf::prelude::*;

use crate::listen::Line;
use crate::room::RoomMsg;

/// Longest line that is taken, in bytes.
const LONGEST: u64 = 4 * 1024;

/// How many lines may wait for a guest who does not read.
const BACKLOG: u32 = 256;

/// Spawns the actor of a guest. It ends when the guest hangs up, or the node stops.
pub(crate) fn spawn<R, W>(room: Pid<RoomMsg>, read: R, write: W)
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    Spawn::new().label("member").capacity(Capacity::Bounded(BACKLOG)).spawn_fn(
        async move |mut mailbox: Mailbox<Line>| {
            let mut guest = Guest { lines: BufReader::new(read), write, line: Vec::new() };
            // A guest who hangs up, and a room that has closed, are no failures.
            let _ = guest.attend(&room, &mut mailbox).await;
        },
    );
}

/// The guest has hung up, or the room has closed.
struct Goodbye;

impl From<io::Error> for Goodbye {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl<M> From<SendError<M>> for Goodbye {
    fn from(_: SendError<M>) -> Self {
        Self
    }
}

impl From<AskError> for Goodbye {
    fn from(_: AskError) -> Self {
        Self
    }
}

struct Guest<R, W> {
    lines: BufReader<R>,
    write: W,
    /// What has come of the next line.
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Guest<R, W> {
    async fn attend(&mut self, room: &Pid<RoomMsg>, mailbox: &mut Mailbox<Line>) -> Result<(), Goodbye> {
        let Some(name) = self.come_in(room, mailbox).await? else { return Ok(()) };
        loop {
            tokio::select! {
                said = self.next_line() => {
                    let Some(text) = said? else { return Ok(()) };
                    let say = RoomMsg::Say { name: name.clone(), text };
                    room.send(say).await?;
                }
                heard = mailbox.receive() => {
                    let Some(line) = heard else { return self.say("* the server closes").await };
                    self.say(&line).await?;
                }
            }
        }
    }

    /// Asks for a name until one is free. `None`: the guest left.
    async fn come_in(
        &mut self,
        room: &Pid<RoomMsg>,
        mailbox: &Mailbox<Line>,
    ) -> Result<Option<Line>, Goodbye> {
        self.say("your name?").await?;
        loop {
            let Some(name) = self.next_line().await? else { return Ok(None) };
            if name.is_empty() {
                self.say("please say a name").await?;
                continue;
            }
            let name: Line = name.into();
            let entered = room.ask(|reply| {
                let (name, member) = (name.clone(), mailbox.pid().clone());
                RoomMsg::Enter { name, member, reply }
            });
            match entered.await? {
                Ok(present) => {
                    let present: Vec<&str> = present.iter().map(|name| &**name).collect();
                    self.say(&format!("* here: {}", present.join(", "))).await?;
                    return Ok(Some(name));
                }
                Err(_) => self.say("that name is taken; another?").await?,
            }
        }
    }

    async fn say(&mut self, line: &str) -> Result<(), Goodbye> {
        self.write.write_all(format!("{line}\r\n").as_bytes()).await?;
        Ok(())
    }

    /// The next line, without its end; `None` when the guest has hung up.
    ///
    /// # Cancel safety
    /// Nothing is lost: what has come is kept for the next call.
    async fn next_line(&mut self) -> io::Result<Option<String>> {
        let room = LONGEST.saturating_sub(self.line.len() as u64);
        (&mut self.lines).take(room).read_until(b'\n', &mut self.line).await?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        // Nobody is to write on other people's terminals what is no text.
        Ok(Some(line.trim().chars().filter(|c| !c.is_control()).collect()))
    }
}
