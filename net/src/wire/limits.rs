//! How much a peer may make us hold.

/// Bounds on what is encoded for a peer, and on what is accepted from one.
///
/// # Examples
/// ```
/// use wharf_net::wire::Limits;
/// let mut limits = Limits::PEER;
/// limits.message_bytes = 64 * 1024 * 1024;
/// assert!(Limits::STRANGER.frame_bytes < limits.frame_bytes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest frame, without the four bytes of its length.
    pub frame_bytes: u32,
    /// Most data in one fragment.
    pub fragment_bytes: u32,
    /// Longest message put together from fragments.
    pub message_bytes: u64,
}

impl Limits {
    /// For a peer that has shown who it is.
    pub const PEER: Self =
        Self { frame_bytes: 1024 * 1024, fragment_bytes: 64 * 1024, message_bytes: 4 * 1024 * 1024 };

    /// For whoever has connected and not yet shown who it is: short frames and no fragments.
    pub const STRANGER: Self = Self { frame_bytes: 4 * 1024, fragment_bytes: 0, message_bytes: 0 };
}

impl Default for Limits {
    /// [`Limits::PEER`].
    fn default() -> Self {
        Self::PEER
    }
}
