//! Tests of the queue alone, on one thread.
