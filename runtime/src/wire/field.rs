//! Parts of a message: data, and replies.

use std::any::Any;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::error::{DecodeError, EncodeError};
use super::shape::{self, Tracer};

/// Data that can travel: whatever `serde` can write and read back, and owns itself.
///
/// Nothing implements it by hand. It is what a generic parameter of a message that travels needs.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another node",
    label = "can't be written as bytes and read back",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` on `{Self}`, if it is a type of yours"
)]
pub trait Data: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Data for T {}

/// A part of a message that can travel: [`Data`], a `Pid<M>` of messages that can travel among it,
/// or a `Reply<T>` of such parts.
///
/// A reply is handed over, not copied. So it may be a part of a message, and not be inside of
/// another part, such as an `Option` or a struct with `derive(Serialize)`.
///
/// Nothing implements it by hand. Its methods are what the code of `#[derive(Wire)]` calls, each
/// for all parts in one order.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel to another node",
    label = "can't be written as bytes and read back",
    note = "write `#[derive(serde::Serialize, serde::Deserialize)]` on `{Self}`, if it is a type of yours",
    note = "a `Reply` travels as a part of a message by itself, and not inside of another type"
)]
pub trait Field: Sized + Send + 'static {
    /// Writes it. A reply gets a place, and stays where it is.
    ///
    /// # Errors
    /// [`EncodeError`]; nothing has left.
    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError>;

    /// Lets it go, once all is written: a reply to its place with the connection.
    fn hand_over(self, encoder: &mut Encoder<'_>);

    /// Reads it.
    ///
    /// # Errors
    /// [`DecodeError`]; what was read is dropped.
    fn read(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError>;

    /// Notes what it looks like.
    fn trace(tracer: &mut Tracer);
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Field for T {
    #[inline]
    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        // `serde` knows bytes as a sequence of numbers like any other. What is written is the same.
        match (self as &dyn Any).downcast_ref::<Vec<u8>>() {
            Some(bytes) => encoder.put_bytes(bytes),
            None => self.serialize(encoder),
        }
    }

    #[inline]
    fn hand_over(self, _: &mut Encoder<'_>) {}

    #[inline]
    fn read(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError> {
        let mut read: Option<Self> = None;
        if let Some(bytes) = (&mut read as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
            *bytes = Some(decoder.get_bytes()?);
        }
        match read {
            Some(bytes) => Ok(bytes),
            None => Self::deserialize(decoder),
        }
    }

    fn trace(tracer: &mut Tracer) {
        tracer.note(&shape::of::<Self>());
    }
}
