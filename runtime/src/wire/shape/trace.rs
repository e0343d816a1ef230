//! The recording `Deserializer`.

use serde::Deserializer;
use serde::de::value::Error;
use serde::de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess};
use serde::de::{VariantAccess, Visitor};

use super::node::Node;

/// How often a name may be inside of itself before it counts as recursion: the same generic type
/// may be, with other arguments.
const SAME: usize = 2;

/// How deep values are made up for what is not recorded any more.
const DEPTH: u32 = 64;

/// One look at a type.
#[derive(Debug, Default)]
pub(super) struct Run {
    new: u32,
    /// Names of the structs and enums that the present place is inside of.
    stack: Vec<&'static str>,
    /// How deep inside of a recursion it is, where nothing is recorded.
    unseen: u32,
}

impl Run {
    pub(super) const fn found_new(&self) -> bool {
        self.new > 0
    }

    pub(super) const fn note_new(&mut self) {
        if self.unseen == 0 {
            self.new += 1;
        }
    }
}

/// Gives a value, and records what was asked for.
pub(super) struct Trace<'t> {
    node: &'t mut Node,
    run: &'t mut Run,
}

impl<'t> Trace<'t> {
    pub(super) const fn new(node: &'t mut Node, run: &'t mut Run) -> Self {
        Self { node, run }
    }

    fn is(&mut self, kind: &str, names: &'static [&'static str], parts: usize) {
        self.node.is(kind, names, parts, self.run);
    }

    /// The parts in turn.
    fn parts(self) -> Parts<'t> {
        let order = (0..self.node.children.len()).collect();
        Parts { node: self.node, order, at: 0, run: self.run }
    }

    /// No parts.
    fn no_parts(self) -> Parts<'t> {
        Parts { node: self.node, order: Vec::new(), at: 0, run: self.run }
    }

    /// The first part, given as `give` does.
    fn only<T>(self, give: impl FnOnce(Trace<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.part(0, give)
    }

    fn part<T>(self, part: usize, give: impl FnOnce(Trace<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let Some(child) = self.node.children.get_mut(part) else { return Err(refused()) };
        let value = give(Trace { node: &mut *child, run: &mut *self.run });
        child.settle(value.is_ok(), self.run);
        value
    }

    /// Runs `inside` within something that has a name. In a recursion only the name is recorded.
    fn named<T>(
        self,
        name: &'static str,
        inside: impl FnOnce(Trace<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let recursive =
            self.run.unseen > 0 || self.run.stack.iter().filter(|&&outer| outer == name).count() >= SAME;
        if !recursive {
            self.run.stack.push(name);
            let value = inside(Trace { node: self.node, run: &mut *self.run });
            self.run.stack.pop();
            return value;
        }
        self.node.is(&format!("^{name}"), &[], 0, self.run);
        if self.run.unseen == DEPTH {
            return Err(refused());
        }
        self.run.unseen += 1;
        let value = inside(Trace { node: &mut Node::default(), run: &mut *self.run });
        self.run.unseen -= 1;
        value
    }

    fn fields<'de, V: Visitor<'de>>(
        mut self,
        kind: &str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.is(kind, fields, fields.len());
        if self.node.children.iter().any(|part| part.failed) {
            let order = self.node.order();
            return visitor
                .visit_map(Fields { fields, parts: Parts { node: self.node, order, at: 0, run: self.run } });
        }
        visitor.visit_seq(self.parts())
    }
}

fn refused() -> Error {
    Error::custom("no value to be had")
}

macro_rules! plain {
    ($($name:ident $visit:ident $kind:literal $value:expr),*) => {
        $(fn $name<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            self.is($kind, &[], 0);
            visitor.$visit($value)
        })*
    };
}

impl<'de> Deserializer<'de> for Trace<'_> {
    type Error = Error;

    // Not zero, which `NonZero` refuses.
    plain! {
        deserialize_bool visit_bool "bool" true,
        deserialize_i8 visit_i8 "i8" 1,
        deserialize_i16 visit_i16 "i16" 1,
        deserialize_i32 visit_i32 "i32" 1,
        deserialize_i64 visit_i64 "i64" 1,
        deserialize_i128 visit_i128 "i128" 1,
        deserialize_u8 visit_u8 "u8" 1,
        deserialize_u16 visit_u16 "u16" 1,
        deserialize_u32 visit_u32 "u32" 1,
        deserialize_u64 visit_u64 "u64" 1,
        deserialize_u128 visit_u128 "u128" 1,
        deserialize_f32 visit_f32 "f32" 1.0,
        deserialize_f64 visit_f64 "f64" 1.0,
        deserialize_char visit_char "char" 'a',
        deserialize_str visit_str "str" "1",
        deserialize_string visit_str "str" "1",
        deserialize_bytes visit_bytes "bytes" &[1],
        deserialize_byte_buf visit_bytes "bytes" &[1],
        deserialize_identifier visit_str "identifier" "1"
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, _: V) -> Result<V::Value, Error> {
        self.is("any", &[], 0);
        Err(refused())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        self.is("unit", &[], 0);
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.is(&format!("struct {name}"), &[], 0);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.run.unseen > 0 {
            return visitor.visit_none();
        }
        self.is("option", &[], 1);
        self.only(|inside| visitor.visit_some(inside))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.named(name, |mut this| {
            this.is(&format!("struct {name}"), &[], 1);
            this.only(|inside| visitor.visit_newtype_struct(inside))
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.run.unseen > 0 {
            return visitor.visit_seq(self.no_parts());
        }
        self.is("seq", &[], 1);
        visitor.visit_seq(self.parts())
    }

    fn deserialize_tuple<V: Visitor<'de>>(mut self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.is("tuple", &[], len);
        visitor.visit_seq(self.parts())
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.named(name, |mut this| {
            this.is(&format!("struct {name}"), &[], len);
            visitor.visit_seq(this.parts())
        })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        if self.run.unseen > 0 {
            return visitor.visit_map(self.no_parts());
        }
        self.is("map", &[], 2);
        visitor.visit_map(self.parts())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.named(name, |this| this.fields(&format!("struct {name}"), fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.named(name, |mut this| {
            this.is(&format!("enum {name}"), variants, variants.len());
            let Some(count) = u32::try_from(variants.len()).ok().filter(|&count| count > 0) else {
                return Err(refused());
            };
            let index = match this.run.unseen {
                0 => u32::try_from(this.node.next_variant()).unwrap_or_default(),
                // Another at each level, so that one that ends the recursion is met.
                depth => (depth - 1) % count,
            };
            let before = this.run.new;
            let at = index as usize;
            let value = visitor.visit_enum(Variant { index, trace: Trace::new(this.node, this.run) });
            if this.run.new == before
                && let Some(variant) = this.node.children.get_mut(at)
            {
                variant.spend(this.run);
            }
            value
        })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Parts of a node, in an order.
struct Parts<'t> {
    node: &'t mut Node,
    order: Vec<usize>,
    at: usize,
    run: &'t mut Run,
}

impl Parts<'_> {
    fn give<'de, S: DeserializeSeed<'de>>(&mut self, part: usize, seed: S) -> Result<S::Value, Error> {
        Trace::new(self.node, self.run).part(part, |part| seed.deserialize(part))
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(&part) = self.order.get(self.at) else { return Ok(None) };
        self.at += 1;
        self.give(part, seed).map(Some)
    }
}

/// A map of one entry: the first part is its key, the second its value.
impl<'de> MapAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        if self.order.is_empty() || self.at > 0 {
            return Ok(None);
        }
        self.at = 1;
        self.give(0, seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        self.give(1, seed)
    }
}

/// Fields by their names, so that their order is free.
struct Fields<'t> {
    fields: &'static [&'static str],
    parts: Parts<'t>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(name) = self.parts.order.get(self.parts.at).and_then(|&part| self.fields.get(part)) else {
            return Ok(None);
        };
        seed.deserialize(IntoDeserializer::<Error>::into_deserializer(*name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some(&part) = self.parts.order.get(self.parts.at) else { return Err(refused()) };
        self.parts.at += 1;
        self.parts.give(part, seed)
    }
}

/// One variant of an enum.
struct Variant<'t> {
    index: u32,
    trace: Trace<'t>,
}

impl Variant<'_> {
    fn inside<T>(self, give: impl FnOnce(Trace<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.trace.part(self.index as usize, give)
    }
}

impl<'de, 't> EnumAccess<'de> for Variant<'t> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let variant = seed.deserialize(IntoDeserializer::<Error>::into_deserializer(self.index))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.inside(|mut inside| {
            inside.is("unit", &[], 0);
            Ok(())
        })
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.inside(|mut inside| {
            inside.is("newtype", &[], 1);
            inside.only(|inside| seed.deserialize(inside))
        })
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.inside(|mut inside| {
            inside.is("tuple", &[], len);
            visitor.visit_seq(inside.parts())
        })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.inside(|inside| inside.fields("struct", fields, visitor))
    }
}
