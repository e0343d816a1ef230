//! Where a node is reached.

use std::fmt;
use std::net::SocketAddrV6;
use std::str::FromStr;

/// Where a node is reached: `tcp://HOST:PORT`, `unix:PATH`, `mem:NAME`.
///
/// Each is written in one way, so that equal places have equal texts: `mem://x` and `tcp:h:80` are refused,
/// and so are a port with a sign or with leading zeros, and an IPv6 address without brackets. What follows
/// another scheme is for the transport of that scheme to judge.
///
/// # Examples
/// ```
/// use wharf_net::transport::Address;
/// let address: Address = "tcp://127.0.0.1:4000".parse()?;
/// assert_eq!((address.scheme(), address.rest()), ("tcp", "127.0.0.1:4000"));
/// assert_eq!(address.to_string(), "tcp://127.0.0.1:4000");
/// assert!("127.0.0.1:4000".parse::<Address>().is_err());
///
/// let error = "unix:///run/a.sock".parse::<Address>().unwrap_err();
/// assert_eq!(error.to_string(), "`unix:///run/a.sock` is to be written `unix:/run/a.sock`");
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
        let (scheme, after) = text.split_once(':').ok_or_else(|| AddressError::NoScheme { text: owned() })?;
        let known = scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if scheme.is_empty() || !known {
            return Err(AddressError::NoScheme { text: owned() });
        }
        let rest = after.strip_prefix("//").unwrap_or(after);
        if rest.trim_start_matches('/').is_empty() {
            return Err(AddressError::Nowhere { text: owned() });
        }
        let slashes = rest.len() < after.len();
        match scheme {
            "mem" | "unix" if slashes => {
                // With more of them than two it is a path from the root.
                let kept = rest.trim_start_matches('/');
                let root = if scheme == "unix" && kept.len() < rest.len() { "/" } else { "" };
                let right = format!("{scheme}:{root}{kept}");
                return Err(AddressError::OtherForm { text: owned(), right });
            }
            "tcp" if !slashes => {
                check_host_and_port(rest, text)?;
                return Err(AddressError::OtherForm { text: owned(), right: format!("tcp://{rest}") });
            }
            "tcp" => check_host_and_port(rest, text)?,
            _ => {}
        }
        let (scheme, rest) = (scheme.len(), text.len() - rest.len());
        Ok(Self { text: text.into(), scheme, rest })
    }
}

/// Whether `rest` of `text` is a host and a port, written as they should be.
fn check_host_and_port(rest: &str, text: &str) -> Result<(), AddressError> {
    let Some((host, port)) = rest.rsplit_once(':') else {
        return Err(AddressError::NoPort { text: text.to_owned() });
    };
    if port.parse::<u16>().is_ok_and(|number| number.to_string() == port) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_name = !host.is_empty() && host.bytes().all(plain);
        if is_name || host.starts_with('[') && rest.parse::<SocketAddrV6>().is_ok() {
            return Ok(());
        }
        return Err(AddressError::NoHost { text: text.to_owned() });
    }
    Err(AddressError::NoPort { text: text.to_owned() })
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
    #[error("`{text}` does not say by which transport: write `tcp://HOST:PORT`, `unix:PATH` or `mem:NAME`")]
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
    /// It is clear what is meant, and addresses of this scheme are written in another way.
    #[error("`{text}` is to be written `{right}`")]
    OtherForm {
        /// The text.
        text: String,
        /// What would be right.
        right: String,
    },
    /// A TCP address without a port.
    #[error(
        "`{text}` has no port: write `tcp://HOST:PORT`, with a port from 0 to 65535 without sign or leading zeros"
    )]
    NoPort {
        /// The text.
        text: String,
    },
    /// A TCP address without a host.
    #[error(
        "`{text}` has no host: write `tcp://HOST:PORT`, with a name, an IPv4 address or an IPv6 address in brackets"
    )]
    NoHost {
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> AddressError {
        text.parse::<Address>().expect_err(text)
    }

    #[test]
    fn texts_are_addresses_or_say_what_they_lack() {
        for (text, scheme, rest) in [
            ("tcp://[::1]:80", "tcp", "[::1]:80"),
            ("tcp://[fe80::1%3]:80", "tcp", "[fe80::1%3]:80"),
            ("tcp://a-b.example:0", "tcp", "a-b.example:0"),
            ("unix:/run/a.sock", "unix", "/run/a.sock"),
            ("unix:a.sock", "unix", "a.sock"),
            ("mem:left", "mem", "left"),
            ("tls://left:1", "tls", "left:1"),
            ("shm:left", "shm", "left"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.scheme(), address.rest(), &*address.to_string()), (scheme, rest, text));
        }
        for text in ["", "left", ":x", "TCP://a:1", "127.0.0.1:80"] {
            assert!(matches!(refused(text), AddressError::NoScheme { .. }), "{text}");
        }
        for text in ["mem:", "unix://", "unix:/", "tcp://", "tls:", "tls://"] {
            assert!(matches!(refused(text), AddressError::Nowhere { .. }), "{text}");
        }
        for text in
            ["tcp://host", "tcp://h:http", "tcp://h:65536", "tcp://h:+80", "tcp://h:080", "tcp://h:", "tcp:h"]
        {
            assert!(matches!(refused(text), AddressError::NoPort { .. }), "{text}");
        }
        for text in
            ["tcp://:80", "tcp://::1:80", "tcp://[::1:80", "tcp://a/b:80", "tcp://a b:80", "tcp://[h]:80"]
        {
            assert!(matches!(refused(text), AddressError::NoHost { .. }), "{text}");
        }
    }

    #[test]
    fn another_way_to_write_an_address_is_refused_with_the_right_one() {
        for (text, right) in [
            ("tcp:host:80", "tcp://host:80"),
            ("mem://x", "mem:x"),
            ("unix://a.sock", "unix:a.sock"),
            ("unix:///run/a.sock", "unix:/run/a.sock"),
            ("unix:////run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(refused(text), AddressError::OtherForm { text: text.into(), right: right.into() });
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_is_printed_as_it_was(
            text in "(tcp|unix|mem|tls|[a-z0-9]{0,3})(:|://|:///)?[a-zA-Z0-9:./%_\\[\\]+-]{0,12}(:[0-9]{1,5})?",
        ) {
            match text.parse::<Address>() {
                Ok(address) => {
                    prop_assert_eq!(address.to_string(), text);
                    prop_assert_eq!(&address.to_string().parse::<Address>(), &Ok(address));
                }
                Err(AddressError::OtherForm { right, .. }) => {
                    prop_assert_eq!(right.parse::<Address>().map(|address| address.to_string()), Ok(right));
                }
                Err(error) => prop_assert!(error.to_string().contains(&text)),
            }
        }

        #[test]
        fn hosts_and_ports_are_addresses(ip: std::net::SocketAddr) {
            let text = format!("tcp://{ip}");
            prop_assert_eq!(text.parse::<Address>().map(|address| address.to_string()), Ok(text));
        }
    }
}
