//! Nodes joined with each other: near and far behave alike.

mod asks;
mod common;
mod connecting;
mod exports;
mod handing_over;
mod order;
mod signals;
mod thirds;
