//! The tree of what has been seen of a type.

use std::fmt::Write as _;

use super::trace::Run;

/// One type at one place.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// What it asked for; empty while that is not known.
    kind: String,
    /// Its fields or variants, where they have names.
    names: &'static [&'static str],
    pub(super) children: Vec<Self>,
    seen: bool,
    /// It took no value the last time.
    pub(super) failed: bool,
    /// Looking again shows nothing new.
    spent: bool,
}

impl Node {
    /// Notes what it asked for, and how many parts it has.
    pub(super) fn is(&mut self, kind: &str, names: &'static [&'static str], parts: usize, run: &mut Run) {
        if self.kind.is_empty() {
            kind.clone_into(&mut self.kind);
            self.names = names;
            run.note_new();
        }
        if self.children.len() < parts {
            self.children.resize_with(parts, Self::default);
        }
    }

    /// Notes how a look at it ended.
    pub(super) fn settle(&mut self, took: bool, run: &mut Run) {
        if let Some(pid) = super::take_pid()
            && self.kind != pid
        {
            self.kind = pid;
            run.note_new();
        }
        if !self.seen || (!took && !self.failed) {
            run.note_new();
        }
        self.seen = true;
        self.failed = !took;
    }

    /// Nothing new will be seen of it.
    pub(super) fn spend(&mut self, run: &mut Run) {
        if !self.spent {
            self.spent = true;
            run.note_new();
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.spent || (self.seen && self.children.iter().all(Self::is_done))
    }

    /// Which of its variants to look at.
    pub(super) fn next_variant(&self) -> usize {
        let open = self.children.iter().position(|variant| !variant.is_done());
        open.or_else(|| self.children.iter().position(|variant| !variant.failed)).unwrap_or(0)
    }

    /// In which order to look at its parts: those that refused come last.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.children.len()).collect();
        order.sort_by_key(|&part| self.children[part].failed);
        order
    }

    pub(super) fn render(&self, text: &mut String) {
        text.push_str(if self.kind.is_empty() { "?" } else { &self.kind });
        if self.children.is_empty() {
            return;
        }
        text.push('{');
        for (part, child) in self.children.iter().enumerate() {
            if let Some(name) = self.names.get(part) {
                let _ = write!(text, "{name}:");
            }
            child.render(text);
            text.push(',');
        }
        text.push('}');
    }
}
