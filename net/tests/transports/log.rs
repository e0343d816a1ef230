//! What a node logs.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps what is logged on this thread, until it is dropped.
pub(crate) struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

type Lines = Arc<Mutex<Vec<String>>>;

impl Log {
    pub(crate) fn keep() -> Self {
        // While somebody wants what is logged, no thread finds it switched off because another's log has just
        // ended.
        static SINK: Once = Once::new();
        SINK.call_once(|| _ = tracing::subscriber::set_global_default(Keeper(None)));
        let lines = Lines::default();
        let guard = tracing::subscriber::set_default(Keeper(Some(Arc::clone(&lines))));
        Self { lines, _guard: guard }
    }

    /// How many events at this level or a worse one have all these words in their message and fields.
    pub(crate) fn count(&self, level: Level, words: &[&str]) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let worse = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG];
        let fits = |line: &&String| {
            worse.iter().any(|found| *found <= level && line.starts_with(found.as_str()))
                && words.iter().all(|word| line.contains(word))
        };
        lines.iter().filter(fits).count()
    }
}

struct Keeper(Option<Lines>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::DEBUG && metadata.target() == "wharf::net"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let Some(lines) = &self.0 else { return };
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        lines.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
