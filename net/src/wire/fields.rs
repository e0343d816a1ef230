//! Reads the fields of a body from the front; allocates nothing and looks into no payload.

use super::error::DecodeError;
use super::frame::{
    Answer, ExitCause, Fragment, Frame, GoodbyeCause, Outcome, Pair, Payload, Request, Signal, TypeVerdict,
    WirePid, WireReason, WireRight,
};
use super::greeting::{Greeting, Proof, Refusal, WireIdentity};
use super::{code, varint};

/// What is left to read of a body, and where in the stream that is.
pub(crate) struct Fields<'a> {
    left: &'a [u8],
    offset: u64,
}

impl<'a> Fields<'a> {
    /// All of `body`, which begins at `offset`.
    pub(crate) const fn new(body: &'a [u8], offset: u64) -> Self {
        Self { left: body, offset }
    }

    /// Reads a frame.
    pub(crate) fn frame(&mut self) -> Result<Frame<'a>, DecodeError> {
        Ok(match self.code("frame kind")? {
            (code::SEND, _) => Frame::Send {
                pair: self.pair()?,
                type_number: self.number_u32("type number")?,
                payload: self.payload()?,
            },
            (code::SIGNAL, _) => Frame::Signal { pair: self.pair()?, signal: self.signal()? },
            (code::REPLY, _) => {
                Frame::Reply { pair: self.pair()?, right: self.right()?, answer: self.answer()? }
            }
            (code::CREDIT, _) => Frame::Credit {
                mailbox: self.pid()?,
                messages: self.number_u32("credit in messages")?,
                bytes: self.number("credit in bytes")?,
            },
            (code::HEARTBEAT, _) => Frame::Heartbeat {
                number: self.number("heartbeat number")?,
                seen: self.number("heartbeat seen")?,
            },
            (code::FRAGMENT, _) => Frame::Fragment(Fragment {
                message: self.number("fragment's message")?,
                start: self.number("fragment's start")?,
                total: self.number("fragment's total")?,
                data: self.payload()?,
            }),
            (code::GOODBYE, _) => Frame::Goodbye { cause: self.goodbye_cause()? },
            (code::WANT, _) => Frame::Want {
                mailbox: self.pid()?,
                messages: self.number_u32("wanted messages")?,
                bytes: self.number("wanted bytes")?,
            },
            (code::RECALL, _) => Frame::Recall { mailbox: self.pid()? },
            (code::RETURNED, _) => Frame::Returned {
                mailbox: self.pid()?,
                messages: self.number_u32("returned messages")?,
                bytes: self.number("returned bytes")?,
            },
            (code::TYPE_OFFER, _) => Frame::TypeOffer {
                number: self.number_u32("type number")?,
                name: self.payload()?,
                versions: self.payload()?,
            },
            (code::TYPE_ANSWER, _) => {
                Frame::TypeAnswer { number: self.number_u32("type number")?, verdict: self.verdict()? }
            }
            (code::REQUEST, _) => {
                Frame::Request { number: self.number("request's number")?, request: self.request()? }
            }
            (code::OUTCOME, _) => {
                Frame::Outcome { number: self.number("request's number")?, outcome: self.outcome()? }
            }
            (code::GONE, _) => {
                Frame::Gone { slot: self.number_u32("slot")?, generation: self.number_u32("generation")? }
            }
            (code::HAND_OVER, _) => {
                Frame::HandOver { mailbox: self.pid()?, bytes: self.number("bytes to hand over")? }
            }
            (code::TAKEN, _) => Frame::Taken {
                mailbox: self.pid()?,
                lost: match self.code("what became of a message")? {
                    (code::taken::HANDED_OVER, _) => false,
                    (code::taken::LOST, _) => true,
                    unknown => return Err(unknown_code("what became of a message", unknown)),
                },
            },
            (code::NODE, _) => Frame::Node {
                number: self.number_u32("number of a node")?,
                name: self.payload()?,
                incarnation: u128::from_le_bytes(self.fixed("incarnation")?),
                own_number: self.number_u32("node number")?,
                addresses: self.payload()?,
            },
            (kind @ code::HELLO..=code::REFUSE, _) => Frame::Greeting(self.greeting(kind)?),
            unknown => return Err(unknown_code("frame kind", unknown)),
        })
    }

    /// Requires that nothing is left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        match self.left.len() as u64 {
            0 => Ok(()),
            got => Err(DecodeError::TrailingBytes { offset: self.offset, got }),
        }
    }

    fn pair(&mut self) -> Result<Pair, DecodeError> {
        Ok(Pair { sequence: self.number("pair sequence number")?, from: self.pid()?, to: self.pid()? })
    }

    fn pid(&mut self) -> Result<WirePid, DecodeError> {
        Ok(WirePid {
            node: self.number_u32("node index")?,
            slot: self.number_u32("slot")?,
            generation: self.number_u32("generation")?,
            authenticator: self.authenticator()?,
        })
    }

    fn right(&mut self) -> Result<WireRight, DecodeError> {
        Ok(WireRight { number: self.number("right's number")?, authenticator: self.authenticator()? })
    }

    fn signal(&mut self) -> Result<Signal<WireReason<'a>>, DecodeError> {
        Ok(match self.code("signal")? {
            (code::signal::EXIT, _) => Signal::Exit { cause: self.exit_cause()?, reason: self.reason()? },
            (code::signal::DOWN, _) => {
                Signal::Down { number: self.number("monitor's number")?, reason: self.reason()? }
            }
            (code::signal::LINK, _) => Signal::Link,
            (code::signal::UNLINK, _) => Signal::Unlink { number: self.number("unlinking's number")? },
            (code::signal::UNLINK_ACK, _) => Signal::UnlinkAck { number: self.number("unlinking's number")? },
            (code::signal::MONITOR, _) => Signal::Monitor { number: self.number("monitor's number")? },
            (code::signal::DEMONITOR, _) => Signal::Demonitor { number: self.number("monitor's number")? },
            (code::signal::STOP, _) => Signal::Stop,
            unknown => return Err(unknown_code("signal", unknown)),
        })
    }

    fn exit_cause(&mut self) -> Result<ExitCause, DecodeError> {
        match self.code("exit cause")? {
            (code::cause::LINK, _) => Ok(ExitCause::Link),
            (code::cause::REQUEST, _) => Ok(ExitCause::Request),
            unknown => Err(unknown_code("exit cause", unknown)),
        }
    }

    fn reason(&mut self) -> Result<WireReason<'a>, DecodeError> {
        Ok(match self.code("exit reason")? {
            (code::reason::NORMAL, _) => WireReason::Normal,
            (code::reason::SHUTDOWN, _) => WireReason::Shutdown,
            (code::reason::SHUTDOWN_WITH, _) => WireReason::ShutdownWith(self.payload()?),
            (code::reason::KILL, _) => WireReason::Kill,
            (code::reason::KILLED, _) => WireReason::Killed,
            (code::reason::PANICKED, _) => WireReason::Panicked(self.payload()?),
            (code::reason::FAILED, _) => WireReason::Failed(self.payload()?),
            (code::reason::CUSTOM, _) => WireReason::Custom(self.payload()?),
            (code::reason::NO_PROC, _) => WireReason::NoProc,
            (code::reason::NO_CONNECTION, _) => WireReason::NoConnection,
            unknown => return Err(unknown_code("exit reason", unknown)),
        })
    }

    fn answer(&mut self) -> Result<Answer<'a>, DecodeError> {
        match self.code("answer")? {
            (code::answer::VALUE, _) => Ok(Answer::Value(self.payload()?)),
            (code::answer::DROPPED, _) => Ok(Answer::Dropped),
            (code::answer::DOWN, _) => Ok(Answer::Down(self.reason()?)),
            unknown => Err(unknown_code("answer", unknown)),
        }
    }

    fn goodbye_cause(&mut self) -> Result<GoodbyeCause, DecodeError> {
        match self.code("goodbye cause")? {
            (code::goodbye::STOPPING, _) => Ok(GoodbyeCause::Stopping),
            (code::goodbye::BROKEN_PROTOCOL, _) => Ok(GoodbyeCause::BrokenProtocol),
            (code::goodbye::SILENT, _) => Ok(GoodbyeCause::Silent),
            (code::goodbye::SUPERSEDED, _) => Ok(GoodbyeCause::Superseded),
            (code::goodbye::OVERLOADED, _) => Ok(GoodbyeCause::Overloaded),
            unknown => Err(unknown_code("goodbye cause", unknown)),
        }
    }

    fn verdict(&mut self) -> Result<TypeVerdict, DecodeError> {
        match self.code("verdict on a type")? {
            (code::verdict::AGREED, _) => Ok(TypeVerdict::Agreed { version: self.number_u16("version")? }),
            (code::verdict::UNKNOWN, _) => Ok(TypeVerdict::Unknown),
            (code::verdict::NO_COMMON_VERSION, _) => Ok(TypeVerdict::NoCommonVersion),
            (code::verdict::DIFFERS, _) => Ok(TypeVerdict::Differs {
                version: self.number_u16("version")?,
                fingerprint: u64::from_le_bytes(self.fixed("fingerprint")?),
            }),
            unknown => Err(unknown_code("verdict on a type", unknown)),
        }
    }

    fn request(&mut self) -> Result<Request<'a>, DecodeError> {
        match self.code("request")? {
            (code::request::LOOKUP, _) => {
                Ok(Request::Lookup { name: self.payload()?, type_name: self.payload()? })
            }
            (code::request::SPAWN, _) => {
                Ok(Request::Spawn { factory: self.payload()?, args: self.payload()? })
            }
            unknown => Err(unknown_code("request", unknown)),
        }
    }

    fn outcome(&mut self) -> Result<Outcome<'a>, DecodeError> {
        match self.code("outcome")? {
            (code::outcome::FOUND, _) => Ok(Outcome::Found(self.pid()?)),
            (code::outcome::ABSENT, _) => Ok(Outcome::Absent),
            (code::outcome::DENIED, _) => Ok(Outcome::Denied),
            (code::outcome::FAILED, _) => Ok(Outcome::Failed(self.payload()?)),
            unknown => Err(unknown_code("outcome", unknown)),
        }
    }

    /// `kind` is one of the handshake's.
    fn greeting(&mut self, kind: u8) -> Result<Greeting<'a>, DecodeError> {
        Ok(match kind {
            code::HELLO => Greeting::Hello {
                lowest: self.number_u16("lowest version")?,
                highest: self.number_u16("highest version")?,
                nonce: self.fixed("nonce")?,
            },
            code::CHALLENGE => {
                Greeting::Challenge { version: self.number_u16("version")?, nonce: self.fixed("nonce")? }
            }
            code::PROOF => Greeting::Proof(self.proof()?),
            code::WELCOME => Greeting::Welcome { proof: self.proof()?, identity: self.identity()? },
            code::INTRODUCE => Greeting::Introduce { proof: self.proof()?, identity: self.identity()? },
            code::ACCEPT => Greeting::Accept(self.proof()?),
            _ => {
                let proof = self.proof()?;
                Greeting::Refuse { refusal: self.refusal()?, proof }
            }
        })
    }

    fn proof(&mut self) -> Result<Proof, DecodeError> {
        Ok(Proof(self.fixed("proof")?))
    }

    fn identity(&mut self) -> Result<WireIdentity<'a>, DecodeError> {
        Ok(WireIdentity {
            name: self.payload()?,
            incarnation: u128::from_le_bytes(self.fixed("incarnation")?),
            number: self.number_u32("node number")?,
            frame_bytes: self.number_u32("longest frame")?,
            silence_millis: self.number_u32("silence")?,
        })
    }

    fn refusal(&mut self) -> Result<Refusal, DecodeError> {
        Ok(match self.code("refusal")? {
            (code::refusal::VERSION, _) => Refusal::Version {
                lowest: self.number_u16("lowest version")?,
                highest: self.number_u16("highest version")?,
            },
            (code::refusal::WRONG_KEY, _) => Refusal::WrongKey,
            (code::refusal::ONESELF, _) => Refusal::Oneself,
            (code::refusal::SAME_NAME, _) => Refusal::SameName,
            (code::refusal::UNEXPECTED_NAME, _) => Refusal::UnexpectedName,
            (code::refusal::ALREADY_CONNECTED, _) => Refusal::AlreadyConnected,
            (code::refusal::BOTH_DIALLED, _) => Refusal::BothDialled,
            (code::refusal::SUPERSEDED, _) => Refusal::Superseded,
            (code::refusal::BUSY, _) => Refusal::Busy,
            unknown => return Err(unknown_code("refusal", unknown)),
        })
    }

    fn authenticator(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.fixed("authenticator")?))
    }

    fn fixed<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((bytes, left)) = self.left.split_first_chunk() else {
            return Err(self.ended(field, N as u64));
        };
        self.left = left;
        self.offset += N as u64;
        Ok(*bytes)
    }

    fn payload(&mut self) -> Result<Payload<'a>, DecodeError> {
        let wanted = self.number("payload length")?;
        let whole = usize::try_from(wanted).ok().and_then(|length| self.left.split_at_checked(length));
        let Some((bytes, left)) = whole else {
            return Err(self.ended("payload", wanted));
        };
        self.left = left;
        self.offset += wanted;
        Ok(Payload(bytes))
    }

    /// A number that stands for a kind, and where it stood.
    fn code(&mut self, field: &'static str) -> Result<(u8, u64), DecodeError> {
        let Some((&code, left)) = self.left.split_first() else {
            return Err(self.ended(field, 1));
        };
        let offset = self.offset;
        self.left = left;
        self.offset += 1;
        Ok((code, offset))
    }

    fn number_u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        let offset = self.offset;
        let got = self.number(field)?;
        u16::try_from(got).map_err(|_| DecodeError::NumberTooLarge {
            field,
            offset,
            got,
            limit: u16::MAX.into(),
        })
    }

    fn number_u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let offset = self.offset;
        let got = self.number(field)?;
        u32::try_from(got).map_err(|_| DecodeError::NumberTooLarge {
            field,
            offset,
            got,
            limit: u32::MAX.into(),
        })
    }

    fn number(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let offset = self.offset;
        match varint::get(self.left) {
            Ok((number, length)) => {
                self.left = &self.left[length..];
                self.offset += length as u64;
                Ok(number)
            }
            Err(varint::Fault::Ended) => Err(self.ended(field, self.left.len() as u64 + 1)),
            Err(varint::Fault::Overlong) => Err(DecodeError::OverlongNumber { field, offset }),
            Err(varint::Fault::TooLong) => Err(DecodeError::NumberTooLong { field, offset }),
        }
    }

    fn ended(&self, field: &'static str, wanted: u64) -> DecodeError {
        DecodeError::Ended { field, offset: self.offset, wanted, left: self.left.len() as u64 }
    }
}

const fn unknown_code(field: &'static str, (got, offset): (u8, u64)) -> DecodeError {
    DecodeError::UnknownCode { field, offset, got }
}
