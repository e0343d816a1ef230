use proptest::prelude::*;

use super::*;
use crate::proto::{NodeName, Reason};

const NOW: Duration = Duration::from_secs(9);

fn identity(name: &str, incarnation: u128) -> Identity {
    Identity { name: NodeName::new(name).unwrap(), incarnation, number: 1 }
}

fn peer() -> Peer {
    Peer::new(&Config::default())
}

const CALL: ConnId = ConnId(1);
const CAME: ConnId = ConnId(2);
const ACCEPT: Verdict = Verdict::ACCEPT;

#[test]
fn when_both_call_the_greater_names_call_goes_on_at_both_ends() {
    let (a, b) = (identity("a", 1), identity("b", 2));
    let (mut at_a, mut at_b) = (peer(), peer());
    for at in [&mut at_a, &mut at_b] {
        assert!(at.want() && !at.want() && at.opened(CALL));
    }
    assert_eq!(at_a.judge_theirs(&a, &b), Verdict::Accept { replaces: None, abandons: Some(CALL) });
    assert_eq!(at_b.judge_theirs(&b, &a), Verdict::Refuse(Refusal::BothDialled));
    assert_eq!(at_b.judge_ours(&a, CALL), ACCEPT);
    assert!(!at_a.call_failed(NOW, Some(CALL), true, 0), "what waits goes on waiting for their call");
    assert_eq!(at_a.judge_theirs(&a, &b), ACCEPT);
    assert_eq!(at_a.handle_timeout(NOW + Duration::from_secs(5), 0), Due::GiveUp);
}

#[test]
fn a_second_connection_of_one_incarnation_is_refused_and_a_new_incarnation_replaces_the_old() {
    let me = identity("a", 1);
    let mut at_a = peer();
    at_a.connected(CALL, 2);
    let again = at_a.judge_theirs(&me, &identity("b", 2));
    assert_eq!(again, Verdict::Refuse(Refusal::AlreadyConnected));
    let reborn = at_a.judge_theirs(&me, &identity("b", 3));
    assert_eq!(reborn, Verdict::Accept { replaces: Some(CALL), abandons: None });
    at_a.connected(CAME, 3);
    let late = at_a.judge_theirs(&me, &identity("b", 2));
    assert_eq!(late, Verdict::Refuse(Refusal::Superseded));
    assert!(!at_a.lost(NOW, CALL, 0) && at_a.lost(NOW, CAME, 0));
}

#[test]
fn a_call_that_failed_waits_and_only_who_is_kept_is_called_again() {
    let mut at = peer();
    assert!(at.want());
    assert!(at.call_failed(NOW, None, false, 0) && !at.call_failed(NOW, None, false, 0));
    assert_eq!((at.state(), at.want()), (PeerState::Backoff, false));
    let over = at.timeout().unwrap();
    assert_eq!(at.handle_timeout(over - Duration::from_nanos(1), 0), Due::Nothing);
    assert_eq!((at.handle_timeout(over, 0), at.state()), (Due::Nothing, PeerState::Idle));
    at.keep = true;
    assert!(at.want() && at.call_failed(NOW, None, false, 0));
    assert_eq!((at.handle_timeout(NOW * 2, 0), at.state()), (Due::Dial, PeerState::Connecting));
}

#[test]
fn a_call_to_an_address_goes_on_unless_there_is_a_connection_or_another_call() {
    let b = identity("b", 2);
    let mut at_a = peer();
    assert_eq!(at_a.judge_unnamed(&b), ACCEPT);
    assert!(at_a.want());
    assert_eq!(at_a.judge_unnamed(&b), Verdict::Refuse(Refusal::BothDialled));
    assert!(!at_a.opened(CALL) || !at_a.call_failed(NOW, Some(CALL), true, 0));
    assert_eq!(at_a.judge_unnamed(&b), Verdict::Refuse(Refusal::BothDialled), "their call will come");
    at_a.connected(CAME, 2);
    assert_eq!(at_a.judge_unnamed(&b), Verdict::Refuse(Refusal::AlreadyConnected));
    let reborn = at_a.judge_unnamed(&identity("b", 3));
    assert_eq!(reborn, Verdict::Accept { replaces: Some(CAME), abandons: None });
    assert!(at_a.lost(NOW, CAME, 0));
    assert_eq!(at_a.judge_unnamed(&b), ACCEPT, "a wait before the next call is over when somebody calls");
}

fn lookup(token: u64) -> Command {
    let name: Box<str> = "x".into();
    Command::Request { token, request: NodeRequest::Lookup { name: name.clone(), type_name: name } }
}

fn signal(from: u32, signal: Signal) -> Command {
    let to = FarPid { id: FarId { slot: 7, generation: 1 }, authenticator: 9 };
    Command::Signal { from: NearId { slot: from, generation: 1 }, incarnation: 2, to, signal }
}

#[test]
fn so_many_commands_wait_and_no_more() {
    let mut at = peer();
    at.most_commands = 1;
    assert!(at.queue(lookup(1)).is_empty());
    assert_eq!(at.queue(lookup(2)), [lookup(2)]);
    assert_eq!(at.take_queue().len(), 1);
    at.most_bytes = size_of::<Command>() + 10;
    let exit =
        |detail: &[u8]| Signal::Exit { cause: ExitCause::Request, reason: Reason::Failed(detail.into()) };
    assert_eq!(at.queue(signal(1, exit(&[0; 11]))).len(), 1, "what goes with a reason counts");
    _ = at.take_queue();
    assert!(at.queue(signal(1, exit(&[0; 10]))).is_empty());
}

#[test]
fn one_that_finds_no_room_takes_those_of_its_pair_with_it_and_nobody_is_linked_alone() {
    let mut at = peer();
    at.most_commands = 2;
    assert!(at.queue(signal(1, Signal::Link)).is_empty() && at.queue(signal(2, Signal::Link)).is_empty());
    let unlink = signal(1, Signal::Unlink { number: 1 });
    assert_eq!(at.queue(unlink.clone()), [signal(1, Signal::Link), unlink]);
    // There is room again, but what comes later may not overtake what was refused.
    assert_eq!(at.queue(signal(3, Signal::Link)), [signal(3, Signal::Link)]);
    assert_eq!(at.take_queue(), [signal(2, Signal::Link)]);
    assert!(at.queue(signal(1, Signal::Link)).is_empty(), "it begins anew");
}

#[test]
fn what_would_end_a_relation_that_ended_with_the_connection_does_not_wait() {
    let mut at = peer();
    let down = Signal::Down { number: 1, reason: Reason::Normal };
    let exit = Signal::Exit { cause: ExitCause::Link, reason: Reason::Normal };
    for moot in [Signal::Demonitor { number: 1 }, Signal::UnlinkAck { number: 1 }, down, exit.clone()] {
        assert!(at.is_moot(&signal(1, moot)));
    }
    assert!(at.queue(signal(3, Signal::Link)).is_empty() && !at.is_moot(&signal(3, exit)));
    assert!(at.queue(signal(1, Signal::Monitor { number: 4 })).is_empty());
    assert!(at.queue(signal(2, Signal::Monitor { number: 4 })).is_empty());
    assert!(at.is_moot(&signal(1, Signal::Demonitor { number: 4 })));
    assert_eq!(at.take_queue(), [signal(3, Signal::Link), signal(2, Signal::Monitor { number: 4 })]);
}

proptest! {
    /// Between two times that the queue is emptied, what one actor asks of another is done in its order
    /// and whole, or not at all.
    #[test]
    fn what_waits_between_two_actors_is_done_whole_or_not_at_all(
        asked in proptest::collection::vec((0_u32..4, any::<bool>()), 0..40),
        room in 0_usize..20,
    ) {
        let mut at = peer();
        at.most_commands = room;
        let mut undone: Vec<Command> = Vec::new();
        let mut all: Vec<Command> = Vec::new();
        for (number, (from, link)) in (0..).zip(asked) {
            let what = if link { Signal::Link } else { Signal::Unlink { number } };
            all.push(signal(from, what.clone()));
            undone.extend(at.queue(signal(from, what)));
        }
        let done = Vec::from(at.take_queue());
        for from in 0..4 {
            let of = |commands: &[Command]| -> Vec<Command> {
                let pair = pair_of(&signal(from, Signal::Link));
                commands.iter().filter(|command| pair_of(command) == pair).cloned().collect()
            };
            let (done, undone, all) = (of(&done), of(&undone), of(&all));
            prop_assert!(done.is_empty() || undone.is_empty());
            prop_assert_eq!([done, undone].concat(), all);
        }
    }
}
