use super::*;

const NEAR: NearId = NearId { slot: 1, generation: 1 };
const TO: FarPid = FarPid { id: FarId { slot: 2, generation: 1 }, authenticator: 9 };
const START: Duration = Duration::from_secs(100);

fn purses() -> Purses {
    Purses::new(10, 10)
}

fn wait(purses: &mut Purses, bytes: u64) -> Ticket {
    match purses.queue(TO, bytes, true).unwrap() {
        (Admission::Wait(ticket), Some(want)) => {
            assert_eq!(want, Want { messages: 1, bytes });
            ticket
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn those_who_wait_go_in_the_order_they_came_though_a_later_one_would_fit() {
    let mut purses = purses();
    let (large, small) = (wait(&mut purses, 100), wait(&mut purses, 1));
    purses.handle_credit(TO, 5, 50).unwrap();
    assert_eq!(purses.next(TO), None, "the first does not fit, and the second waits behind it");
    assert!(purses.take_now(TO, 1).is_err(), "nor does anyone overtake");
    purses.handle_credit(TO, 0, 51).unwrap();
    assert_eq!((purses.next(TO), purses.next(TO), purses.next(TO)), (Some(large), Some(small), None));
    assert_eq!(purses.held(TO), (3, 0));
}

#[test]
fn a_ticket_given_up_leaves_its_credit_to_the_next() {
    let mut purses = purses();
    let (first, second, third) = (wait(&mut purses, 10), wait(&mut purses, 10), wait(&mut purses, 10));
    purses.handle_credit(TO, 1, 10).unwrap();
    assert_eq!(purses.next(TO), Some(first));
    assert_eq!(purses.give_up(second), Some(TO), "one that waits");
    assert_eq!(purses.give_up(first), Some(TO), "one that may go");
    assert_eq!(purses.next(TO), Some(third));
    assert_eq!(purses.give_up(first), None);
    assert_eq!(purses.check_ticket(first, TO, 1), Err(CommandError::NoTicket { number: 1 }));
    assert_eq!(purses.check_ticket(third, TO, 11), Err(CommandError::WrongTicket { number: 3 }));
    assert_eq!(purses.check_ticket(third, TO, 4), Ok(()));
    purses.use_up(third, 4);
    assert_eq!(purses.held(TO), (0, 6), "bytes not needed are credit again");
}

#[test]
fn an_attempt_that_does_not_wait_asks_once() {
    let mut purses = purses();
    assert_eq!(purses.take_now(TO, 8), Err(Some(Want { messages: 1, bytes: 8 })));
    assert_eq!(purses.take_now(TO, 8), Err(None));
    purses.handle_credit(TO, 1, 8).unwrap();
    assert_eq!(purses.take_now(TO, 8), Ok(()));
    assert_eq!(purses.held(TO), (0, 0));
}

#[test]
fn a_ticket_that_is_had_now_or_not_at_all_asks_once_and_leaves_nobody_in_line() {
    let mut purses = Purses::new(1, 10);
    assert_eq!(purses.take_ticket(TO, 8), Err(Some(Want { messages: 1, bytes: 8 })));
    assert_eq!(purses.take_ticket(TO, 8), Err(None));
    assert!(purses.with_waiters().is_empty() && purses.has_room().is_ok());
    purses.handle_credit(TO, 1, 10).unwrap();
    let ticket = purses.take_ticket(TO, 8).unwrap();
    assert_eq!((purses.held(TO), purses.check_ticket(ticket, TO, 8)), ((0, 2), Ok(())));
    assert!(purses.has_room().is_err(), "it counts as one that waits");
    assert_eq!(purses.give_up(ticket), Some(TO));
    assert_eq!(purses.held(TO), (1, 10));
}

#[test]
fn a_recall_takes_what_is_idle_and_nothing_that_somebody_waits_for() {
    let mut purses = purses();
    purses.handle_credit(TO, 3, 30).unwrap();
    assert_eq!(purses.handle_recall(TO), (3, 30));
    assert_eq!(purses.handle_recall(TO), (0, 0));
    let _waits = wait(&mut purses, 10);
    purses.handle_credit(TO, 1, 5).unwrap();
    assert_eq!(purses.handle_recall(TO), (0, 0));
    assert_eq!(purses.held(TO), (1, 5));
}

#[test]
fn a_mailbox_that_is_gone_and_a_cut_send_everyone_away_once() {
    let mut purses = purses();
    let first = wait(&mut purses, 1);
    assert_eq!((purses.end(TO), purses.end(TO)), (vec![first], vec![]));
    let second = wait(&mut purses, 1);
    assert_eq!((purses.end_all(), purses.end_all()), (vec![second], vec![]));
    assert!(purses.with_waiters().is_empty());
}

#[test]
fn the_number_who_wait_and_the_number_of_mailboxes_are_bounded() {
    let mut purses = Purses::new(1, 1);
    let _waits = wait(&mut purses, 1);
    assert!(matches!(purses.queue(TO, 1, true), Err(CommandError::TooMany { .. })));
    let other = FarPid { authenticator: 10, ..TO };
    assert!(matches!(purses.handle_credit(other, 1, 1), Err(Violation::TooMany { .. })));
}

#[test]
fn a_peer_can_spend_and_give_back_what_it_was_granted_and_no_more() {
    let mut grants = Grants::new(10, Duration::from_secs(1));
    let overdrawn = Err(Violation::Overdrawn { mailbox: NEAR });
    assert_eq!(grants.spend(START, NEAR, 0), overdrawn);
    grants.grant(START, NEAR, 9, 2, 10).unwrap();
    assert_eq!(grants.spend(START, NEAR, 11), overdrawn);
    assert_eq!(grants.spend(START, NEAR, 4), Ok(()));
    assert_eq!(grants.outstanding(NEAR), (1, 6));
    assert_eq!(grants.take_back(START, NEAR, 2, 6), overdrawn);
    assert_eq!(grants.take_back(START, NEAR, 1, 7), overdrawn);
    assert_eq!(grants.take_back(START, NEAR, 1, 6), Ok(()));
    assert_eq!(grants.take_back(START, NEAR, 0, 0), Ok(()), "an answer to a recall that found nothing");
    assert!(grants.end_all().is_empty());
}

#[test]
fn idle_credit_is_recalled_once_and_comes_home_at_a_cut() {
    let mut grants = Grants::new(10, Duration::from_secs(1));
    grants.grant(START, NEAR, 9, 2, 10).unwrap();
    let idle = START + Duration::from_secs(1);
    assert_eq!(grants.timeout(), Some(idle));
    assert!(grants.recall_idle(START).is_empty());
    assert_eq!(grants.recall_idle(idle), [(NEAR, 9)]);
    assert_eq!(grants.timeout(), None);
    assert!(grants.recall_idle(idle * 2).is_empty());
    assert_eq!(grants.end_all(), [(NEAR, 2, 10)]);
}
