//! Where a node is reached.

use std::fmt;
use std::str::FromStr;

/// Where a node is reached: `tcp://HOST:PORT`, `unix:/path/to/socket`, `mem:name`.
///
/// # Examples
/// ```
/// use wharf_net::transport::Address;
/// let address: Address = "tcp://127.0.0.1:4000".parse()?;
/// assert_eq!((address.scheme(), address.rest()), ("tcp", "127.0.0.1:4000"));
/// assert_eq!(address.to_string(), "tcp://127.0.0.1:4000");
/// assert!("127.0.0.1:4000".parse::<Address>().is_err());
/// # Ok::<(), wharf_net::transport::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: Box<str>,
    /// Where the scheme ends, and where what follows it begins.
    scheme: usize,
    rest: usize,
}

impl Address {
    /// What kind of transport: `tcp`, `unix`, `mem`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.text[..self.scheme]
    }

    /// What comes after the scheme: host and port, a path, a name.
    #[must_use]
    pub fn rest(&self) -> &str {
        &self.text[self.rest..]
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let owned = || text.to_owned();
        let scheme = text.find(':').ok_or_else(|| AddressError::NoScheme { text: owned() })?;
        let known = text[..scheme].bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if scheme == 0 || !known {
            return Err(AddressError::NoScheme { text: owned() });
        }
        let after = &text[scheme + 1..];
        let rest = scheme + 1 + if after.starts_with("//") { 2 } else { 0 };
        if text[rest..].is_empty() {
            return Err(AddressError::Nowhere { text: owned() });
        }
        if &text[..scheme] == "tcp" {
            let port = text[rest..].rsplit_once(':').filter(|(host, _)| !host.is_empty());
            if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
                return Err(AddressError::NoPort { text: owned() });
            }
        }
        Ok(Self { text: text.into(), scheme, rest })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// A text is no address: whoever wrote it is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It does not say by which transport.
    #[error("`{text}` does not say by which transport: write `tcp://HOST:PORT`, `unix:/path` or `mem:name`")]
    NoScheme {
        /// The text.
        text: String,
    },
    /// There is nothing after the scheme.
    #[error("`{text}` says by which transport, and not where")]
    Nowhere {
        /// The text.
        text: String,
    },
    /// A TCP address without host or port.
    #[error("`{text}` has no host and port: write `tcp://HOST:PORT`")]
    NoPort {
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_addresses_or_say_what_they_lack() {
        for (text, scheme, rest) in [
            ("tcp://[::1]:80", "tcp", "[::1]:80"),
            ("unix:/run/a.sock", "unix", "/run/a.sock"),
            ("unix:///run/a.sock", "unix", "/run/a.sock"),
            ("mem:left", "mem", "left"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.scheme(), address.rest(), &*address.to_string()), (scheme, rest, text));
        }
        for text in ["", "left", ":x", "TCP://a:1", "127.0.0.1:80"] {
            assert!(matches!(text.parse::<Address>(), Err(AddressError::NoScheme { .. })), "{text}");
        }
        for text in ["mem:", "unix://", "tcp://"] {
            assert!(matches!(text.parse::<Address>(), Err(AddressError::Nowhere { .. })), "{text}");
        }
        for text in ["tcp://host", "tcp://:80", "tcp://host:http", "tcp://host:65536"] {
            assert!(matches!(text.parse::<Address>(), Err(AddressError::NoPort { .. })), "{text}");
        }
    }
}
