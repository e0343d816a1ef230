//! What is told of crashes and dead letters.

/// A type's name without its path; what stands in angle brackets stays as it is.
pub(crate) fn short_name(name: &'static str) -> &'static str {
    let path = name.find('<').map_or(name, |at| &name[..at]);
    path.rfind("::").map_or(name, |at| &name[at + 2..])
}
