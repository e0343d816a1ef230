//! A JSON object, written field by field (RFC 8259). Numbers are integers.

use std::fmt::{Display, Write};

/// An object under way.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    /// A string, or `null`.
    pub(super) fn text(mut self, key: &str, value: Option<impl Display>) -> Self {
        self.key(key);
        match value {
            Some(value) => push_string(&mut self.0, &value.to_string()),
            None => self.0.push_str("null"),
        }
        self
    }

    /// A number.
    pub(super) fn number(mut self, key: &str, value: u64) -> Self {
        self.key(key);
        self.0.push_str(&value.to_string());
        self
    }

    /// `true` or `false`.
    pub(super) fn truth(mut self, key: &str, value: bool) -> Self {
        self.key(key);
        self.0.push_str(if value { "true" } else { "false" });
        self
    }

    /// An array of strings.
    pub(super) fn texts<T: Display>(self, key: &str, values: impl IntoIterator<Item = T>) -> Self {
        self.array(key, values, |out, value| push_string(out, &value.to_string()))
    }

    /// An array of objects.
    pub(super) fn objects(self, key: &str, values: impl IntoIterator<Item = Self>) -> Self {
        self.array(key, values, |out, value| out.push_str(&value.finish()))
    }

    /// The text of the whole object.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn array<T>(
        mut self,
        key: &str,
        values: impl IntoIterator<Item = T>,
        push: impl Fn(&mut String, T),
    ) -> Self {
        self.key(key);
        self.0.push('[');
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            push(&mut self.0, value);
        }
        self.0.push(']');
        self
    }

    fn key(&mut self, key: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_string(&mut self.0, key);
        self.0.push(':');
    }
}

fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_json_wants_it() {
        let text = Object::new().text("q\"", Some("a\"b\\c\nd\re\tf\u{1}g\u{1f}é\u{7f}😀/")).finish();
        assert_eq!(text, r#"{"q\"":"a\"b\\c\nd\re\tf\u0001g\u001fé"#.to_owned() + "\u{7f}😀/\"}");
    }

    #[test]
    fn all_kinds_of_values_are_written() {
        let inner = || Object::new().number("n", u64::MAX);
        let text = Object::new()
            .text("nothing", None::<&str>)
            .truth("yes", true)
            .truth("no", false)
            .texts("texts", ["a", "b"])
            .texts("none", None::<&str>)
            .objects("objects", [inner(), inner()])
            .finish();
        let n = u64::MAX;
        let expected = format!(
            "{{\"nothing\":null,\"yes\":true,\"no\":false,\"texts\":[\"a\",\"b\"],\"none\":[],\
             \"objects\":[{{\"n\":{n}}},{{\"n\":{n}}}]}}"
        );
        assert_eq!(text, expected);
        assert_eq!(Object::new().finish(), "{}");
    }
}
