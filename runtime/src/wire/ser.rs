//! `serde` for [`Encoder`]: values go to postcard, structure is counted here.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use super::encoder::Encoder;
use super::error::EncodeError;

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Value { reason: reason.to_string() }
    }
}

/// The inside of something that has parts.
#[derive(Debug)]
pub struct Level<'s, 'a>(&'s mut Encoder<'a>);

impl<'s, 'a> Level<'s, 'a> {
    fn enter(encoder: &'s mut Encoder<'a>) -> Result<Self, EncodeError> {
        encoder.enter()?;
        Ok(Self(encoder))
    }

    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut *self.0)
    }

    fn only<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), EncodeError> {
        self.part(value)
    }
}

impl Drop for Level<'_, '_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

macro_rules! plain {
    ($($name:ident $ty:ty),*) => {
        $(fn $name(self, value: $ty) -> Result<(), EncodeError> {
            self.put(&value)
        })*
    };
}

impl<'s, 'a> Serializer for &'s mut Encoder<'a> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Level<'s, 'a>;
    type SerializeTuple = Level<'s, 'a>;
    type SerializeTupleStruct = Level<'s, 'a>;
    type SerializeTupleVariant = Level<'s, 'a>;
    type SerializeMap = Level<'s, 'a>;
    type SerializeStruct = Level<'s, 'a>;
    type SerializeStructVariant = Level<'s, 'a>;

    plain! {
        serialize_bool bool,
        serialize_i8 i8,
        serialize_i16 i16,
        serialize_i32 i32,
        serialize_i64 i64,
        serialize_i128 i128,
        serialize_u8 u8,
        serialize_u16 u16,
        serialize_u32 u32,
        serialize_u64 u64,
        serialize_u128 u128,
        serialize_f32 f32,
        serialize_f64 f64,
        serialize_char char,
        serialize_str &str
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.put(&value.len())?;
        self.put_raw(value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.put(&false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.put(&true)?;
        Level::enter(self)?.only(value)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), EncodeError> {
        self.put(&index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        Level::enter(self)?.only(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.put(&index)?;
        Level::enter(self)?.only(value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Level<'s, 'a>, EncodeError> {
        self.put_len(len.ok_or(EncodeError::UnknownLength)?)?;
        Level::enter(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Level<'s, 'a>, EncodeError> {
        Level::enter(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Level<'s, 'a>, EncodeError> {
        Level::enter(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Level<'s, 'a>, EncodeError> {
        self.put(&index)?;
        Level::enter(self)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Level<'s, 'a>, EncodeError> {
        self.serialize_seq(len)
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Level<'s, 'a>, EncodeError> {
        self.serialize_tuple_struct(name, len)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Level<'s, 'a>, EncodeError> {
        self.serialize_tuple_variant(name, index, variant, len)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! parts {
    ($($of:ident $name:ident),*) => {
        $(impl ser::$of for Level<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn $name<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.part(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        })*
    };
}

parts!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! named_parts {
    ($($of:ident),*) => {
        $(impl ser::$of for Level<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.part(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        })*
    };
}

named_parts!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Level<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.part(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.part(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}
