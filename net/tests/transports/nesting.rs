//! A message that is nested too deep: four mebibytes of it.

use serde::{Deserialize, Serialize};
use wharf_net::proto::{EndCause, Violation};
use wharf_runtime::wire::{DecodeError, Decoder, EncodeError, Encoder, Field, Tracer, Wire};
use wharf_runtime::{Mailbox, Pid};

use crate::grounds::{Ground, InMem, OverTcp, run};
use crate::house::{House, KEY, join, patient};

/// As much as fits beside the envelope into the longest message.
const BYTES: usize = (4 << 20) - 4096;
const NAME: &str = "Deep";

#[derive(Debug, Serialize, Deserialize)]
struct Nested(Option<Box<Self>>);

/// What the house's actor takes.
#[derive(Debug)]
struct Deep(Nested);

impl Wire for Deep {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u64 = 1;
    const MAX_BYTES: usize = BYTES;

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        Field::write(&self.0, encoder)
    }

    fn hand_over(self, encoder: &mut Encoder<'_>) {
        Field::hand_over(self.0, encoder);
    }

    fn decode(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError> {
        Ok(Self(Field::read(decoder)?))
    }

    fn trace(tracer: &mut Tracer) {
        <Nested as Field>::trace(tracer);
    }
}

/// The same to look at, and of as many levels as it has bytes.
#[derive(Debug)]
struct Deeper;

impl Wire for Deeper {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u64 = 1;
    const MAX_BYTES: usize = BYTES;

    fn write(&self, encoder: &mut Encoder<'_>) -> Result<(), EncodeError> {
        // Each says that there is one more inside.
        (0..BYTES).try_for_each(|_| encoder.variant(1))
    }

    fn hand_over(self, _: &mut Encoder<'_>) {}

    fn decode(decoder: &mut Decoder<'_, '_>) -> Result<Self, DecodeError> {
        decoder.variant().map(|_| Self)
    }

    fn trace(tracer: &mut Tracer) {
        Deep::trace(tracer);
    }
}

/// Ends when it is sent something that can be read.
async fn until_sent(mut mailbox: Mailbox<Deep>) {
    mailbox.receive().await;
}

async fn four_mebibytes_of_nesting_end_their_senders_connection<G: Ground>(ground: G) {
    let mut config = patient();
    config.frame_bytes = 8 << 20;
    let house = House::open(ground, config.clone()).await;
    let actor: Pid<Deep> = house.net.node().spawn_fn(until_sent);
    house.net.export("deep", &actor).unwrap();
    let sender = join(&house.ground, "sender", KEY, config.clone());
    sender.connect(&house.at.to_string()).await.unwrap();
    let far = sender.lookup::<Deeper>("deep@house").await.unwrap();
    let (down, accused) = (house.net.monitor_node("sender"), sender.monitor_node("house"));
    far.send(Deeper).await.unwrap();
    let cause = down.await.cause;
    assert!(matches!(cause, Some(EndCause::Violation(Violation::Nonsense { .. }))), "{cause:?}");
    assert_eq!(accused.await.cause, Some(EndCause::Accused));
    sender.node().stop().await;

    // What is not so deep arrives.
    house.is_well().await;
    assert!(actor.is_alive());
    let honest = join(&house.ground, "honest", KEY, config);
    honest.connect(&house.at.to_string()).await.unwrap();
    let far = honest.lookup::<Deep>("deep@house").await.unwrap();
    far.send(Deep(Nested(Some(Box::new(Nested(None)))))).await.unwrap();
    actor.stopped().await;
    honest.node().stop().await;
    house.is_unharmed().await;
    house.close().await;
}

#[test]
fn in_a_message_inside_the_process() {
    run(four_mebibytes_of_nesting_end_their_senders_connection(InMem::default()));
}

#[test]
fn in_a_message_over_tcp() {
    run(four_mebibytes_of_nesting_end_their_senders_connection(OverTcp::default()));
}
