//! Nodes joined by the driver, over real transports: near and far behave alike.

#[path = "driver/asks.rs"]
mod asks;
#[path = "driver/common.rs"]
mod common;
#[path = "driver/connecting.rs"]
mod connecting;
#[path = "driver/exports.rs"]
mod exports;
#[path = "driver/order.rs"]
mod order;
#[path = "driver/signals.rs"]
mod signals;
