//! Canonical variable-length numbers: little-endian base 128 (LEB128), shortest form only.
//!
//! One number has one encoding, so that equal frames are equal bytes and nothing can be hidden in
//! padding.

/// Bytes of the longest number, `u64::MAX`.
pub(crate) const MAX_BYTES: usize = 10;

/// Why some bytes are not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They stop inside it.
    Ended,
    /// There is a shorter form of it.
    Overlong,
    /// It needs more than 64 bits.
    TooLong,
}

/// Appends `value`.
#[inline]
pub(crate) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// The number that `bytes` begin with, and how many of them it takes.
#[inline]
pub(crate) fn get(bytes: &[u8]) -> Result<(u64, usize), Fault> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return match byte {
                0 if index > 0 => Err(Fault::Overlong),
                // Nine bytes hold 63 bits, so the tenth has room for one.
                2.. if index == MAX_BYTES - 1 => Err(Fault::TooLong),
                _ => Ok((value, index + 1)),
            };
        }
    }
    Err(if bytes.len() < MAX_BYTES { Fault::Ended } else { Fault::TooLong })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        put(value, &mut out);
        out
    }

    #[test]
    fn the_length_grows_by_one_byte_every_seven_bits() {
        for bits in 0..64 {
            let value = 1_u64 << bits;
            assert_eq!(encoded(value).len(), bits / 7 + 1, "{value}");
            assert_eq!(encoded(value - 1).len(), (bits.max(1) - 1) / 7 + 1, "{value} - 1");
        }
        assert_eq!(encoded(u64::MAX).len(), MAX_BYTES);
    }

    #[test]
    fn padding_with_zeros_is_refused() {
        assert_eq!(get(&[0x80, 0x00]), Err(Fault::Overlong));
        assert_eq!(get(&[0xff, 0x80, 0x00]), Err(Fault::Overlong));
        assert_eq!(get(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(Fault::Overlong));
    }

    #[test]
    fn more_than_sixty_four_bits_are_refused() {
        assert_eq!(
            get(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            Ok((u64::MAX, MAX_BYTES))
        );
        assert_eq!(get(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), Err(Fault::TooLong));
        assert_eq!(get(&[0x80; 10]), Err(Fault::TooLong));
        assert_eq!(get(&[0x80; 9]), Err(Fault::Ended));
    }

    proptest! {
        #[test]
        fn a_number_survives_and_every_prefix_of_it_is_unfinished(value: u64, shift in 0_u32..64, tail: u8) {
            let value = value >> shift;
            let mut bytes = encoded(value);
            for cut in 0..bytes.len() {
                prop_assert_eq!(get(&bytes[..cut]), Err(Fault::Ended));
            }
            let length = bytes.len();
            bytes.push(tail);
            prop_assert_eq!(get(&bytes), Ok((value, length)));
        }

        #[test]
        fn what_is_accepted_is_the_one_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok((value, length)) = get(&bytes) {
                prop_assert_eq!(encoded(value), &bytes[..length]);
            }
        }
    }
}
