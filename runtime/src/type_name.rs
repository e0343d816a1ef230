//! Names for people out of the compiler's names of types.

/// A type's name without its path; what stands in angle brackets stays as it is.
#[must_use]
pub fn short(name: &'static str) -> &'static str {
    let path = without_arguments(name);
    path.rfind("::").map_or(name, |at| &name[at + 2..])
}

/// The name up to its generic arguments.
#[must_use]
pub fn without_arguments(name: &'static str) -> &'static str {
    name.find('<').map_or(name, |at| &name[..at])
}

/// The type of the actor that a future runs, if that is one of the layer above: it wraps each actor
/// type in a generic function of its own, whose first argument is that type.
#[must_use]
pub fn actor_of(future: &'static str) -> Option<&'static str> {
    Some(first_argument(unboxed(future).strip_prefix("wharf::")?.split_once('<')?.1))
}

/// The name of the function that a process was written in.
pub(crate) fn function_of(future: &'static str) -> &'static str {
    let mut name = unboxed(future);
    while let Some(outer) = name.strip_suffix("::{{closure}}") {
        name = outer;
    }
    short(name)
}

fn unboxed(future: &'static str) -> &'static str {
    let boxed = future.strip_prefix("core::pin::Pin<alloc::boxed::Box<");
    boxed.and_then(|name| name.strip_suffix(">>")).unwrap_or(future)
}

/// The text up to the comma or bracket that ends a generic argument.
fn first_argument(text: &'static str) -> &'static str {
    let mut depth = 0_u32;
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            ',' | '>' if depth == 0 => return &text[..at],
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text
}
