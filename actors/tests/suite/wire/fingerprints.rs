//! What two programs must agree on.

use std::collections::HashSet;

use super::*;

/// A message type of one name in modules of their own, each declared a little otherwise.
macro_rules! versions {
    ($($module:ident { $($items:tt)* })*) => {
        $(mod $module {
            #![allow(dead_code, reason = "only its shape matters")]
            #[allow(unused_imports)]
            use super::*;
            $($items)*
        })*

        fn all() -> Vec<(&'static str, u64)> {
            vec![$((stringify!($module), wire::fingerprint::<$module::M>())),*]
        }
    };
}

versions! {
    first {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char } }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    field_of_another_type {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u16, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char } }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    field_more {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner>, c: u8 }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char } }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    last_variant_deep_inside {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: u32 } }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    variant_more_inside {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char }, Four }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    message_of_another_name {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char } }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Remove }
    }
    message_more {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char } }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take, Drop }
    }
    version_2 {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Inner> }
        #[derive(Serialize, Deserialize)] pub(super) enum Inner { One, Two(u8), Three { x: char } }
        #[derive(wharf::Wire)] #[wire(name = "m", version = 2)] pub(super) enum M { Put { inside: Inside }, Take }
    }
    recursive {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: u8, b: Vec<Self> }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    recursive_otherwise {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { b: Option<Box<Self>>, a: u8 }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    pid_and_more {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: Pid<M>, b: u8 }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    pid_and_more_behind_it {
        #[derive(Serialize, Deserialize)] pub(super) struct Inside { a: Pid<M>, b: u16 }
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Put { inside: Inside }, Take }
    }
    answer {
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Get(Reply<T>) }
        #[derive(Serialize, Deserialize)] pub(super) struct T(u8);
    }
    another_answer {
        #[derive(wharf::Wire)] #[wire(name = "m")] pub(super) enum M { Get(Reply<T>) }
        #[derive(Serialize, Deserialize)] pub(super) struct T(i8);
    }
}

#[test]
fn declarations_that_differ_have_other_fingerprints() {
    let all = all();
    let different: HashSet<_> = all.iter().map(|(_, fingerprint)| fingerprint).collect();
    assert_eq!(different.len(), all.len(), "{all:?}");
}

mod again {
    use super::*;

    #[derive(Serialize, Deserialize)]
    /// Documented.
    pub(super) struct Inside {
        /// Also.
        a: u8,
        b: Vec<Inner>,
    }

    #[derive(Serialize, Deserialize)]
    pub(super) enum Inner {
        One,
        Two(u8),
        Three { x: char },
    }

    #[derive(wharf::Wire)]
    #[wire(name = "m")]
    pub(super) enum M {
        /// Says more.
        Put {
            inside: Inside,
        },
        Take,
    }
}

#[test]
fn the_same_declaration_elsewhere_has_the_same_fingerprint() {
    assert_eq!(wire::fingerprint::<first::M>(), wire::fingerprint::<again::M>());
    assert_eq!(wire::fingerprint::<Hand>(), wire::fingerprint::<Hand>());
}

#[test]
fn types_of_one_generic_declaration_differ() {
    assert_ne!(wire::fingerprint::<Generic<u8>>(), wire::fingerprint::<Generic<u16>>());
    assert_ne!(
        wire::fingerprint::<Generic<(u8, Generous)>>(),
        wire::fingerprint::<Generic<(u8, (Generous,))>>()
    );
}

#[derive(Debug, Serialize, Deserialize)]
struct Generous<T = u8>(T);

/// What a method of a protocol is called is part of the declaration.
#[wharf::protocol(name = "p")]
#[allow(dead_code, reason = "only its messages are looked at")]
trait Adds {
    async fn add(&mut self, by: u8) -> u8;
}

#[wharf::protocol(name = "p")]
#[allow(dead_code, reason = "only its messages are looked at")]
trait Subtracts {
    async fn subtract(&mut self, by: u8) -> u8;
}

#[test]
fn methods_count_by_their_names() {
    assert_eq!(AddsMsg::NAME, SubtractsMsg::NAME);
    assert_ne!(AddsMsg::FINGERPRINT, SubtractsMsg::FINGERPRINT);
    assert_ne!(wire::fingerprint::<AddsMsg>(), wire::fingerprint::<SubtractsMsg>());
}
