use super::*;
use crate::proto::NodeName;

const NOW: Duration = Duration::from_secs(9);

fn identity(name: &str, incarnation: u128) -> Identity {
    Identity { name: NodeName::new(name).unwrap(), incarnation, number: 1 }
}

fn peer() -> Peer {
    Peer::new(&Config::default())
}

const CALL: ConnId = ConnId(1);
const CAME: ConnId = ConnId(2);
const ACCEPT: Verdict = Verdict::Accept { replaces: None, abandons: None };

#[test]
fn when_both_call_the_greater_names_call_goes_on_at_both_ends() {
    let (a, b) = (identity("a", 1), identity("b", 2));
    let (mut at_a, mut at_b) = (peer(), peer());
    for at in [&mut at_a, &mut at_b] {
        assert!(at.want() && !at.want() && at.opened(CALL));
    }
    assert_eq!(at_a.judge(&a, &b, CAME, false), Verdict::Accept { replaces: None, abandons: Some(CALL) });
    assert_eq!(at_b.judge(&b, &a, CAME, false), Verdict::Refuse(Refusal::BothDialled));
    assert_eq!(at_b.judge(&b, &a, CALL, true), ACCEPT);
    assert!(!at_a.call_failed(NOW, Some(CALL), true, 0), "what waits goes on waiting for their call");
    assert_eq!(at_a.judge(&a, &b, CAME, false), ACCEPT);
    assert_eq!(at_a.handle_timeout(NOW + Duration::from_secs(5), 0), Due::GiveUp);
}

#[test]
fn a_second_connection_of_one_incarnation_is_refused_and_a_new_incarnation_replaces_the_old() {
    let me = identity("a", 1);
    let mut at_a = peer();
    at_a.connected(CALL, 2);
    let again = at_a.judge(&me, &identity("b", 2), CAME, false);
    assert_eq!(again, Verdict::Refuse(Refusal::AlreadyConnected));
    let reborn = at_a.judge(&me, &identity("b", 3), CAME, false);
    assert_eq!(reborn, Verdict::Accept { replaces: Some(CALL), abandons: None });
    at_a.connected(CAME, 3);
    let late = at_a.judge(&me, &identity("b", 2), ConnId(3), false);
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
fn so_many_commands_wait_and_no_more() {
    let mut at = peer();
    at.most_commands = 1;
    let command = |token| {
        let name: Box<str> = "x".into();
        Command::Request { token, request: NodeRequest::Lookup { name: name.clone(), type_name: name } }
    };
    at.queue(command(1)).unwrap();
    assert_eq!(at.queue(command(2)), Err(command(2)));
    assert_eq!(at.take_queue().len(), 1);
    at.most_bytes = 10;
    assert!(at.queue(command(3)).is_err());
}
