//! What runs beside an actor for it: tasks, blocking work, streams; and what it keeps for later:
//! stashed messages, continuations, timers by name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::stream;
use tokio::sync::oneshot;
use wharf::prelude::*;
use wharf::{StashFull, Task, TaskError};

use crate::until_alone;

/// Notes what it is told, and gives the notes to whoever asks.
struct Notebook {
    notes: Vec<String>,
    open: bool,
}

type Act = dyn FnOnce(&mut Notebook, &mut Context<Note>) + Send;

enum Note {
    Write(String),
    Do(Box<Act>),
    Read(Reply<Vec<String>>),
    /// Can be handled only while the book is open.
    Late(u32),
    Open,
    /// Waits for the sign, then cancels the timer `t`.
    HoldThenCancel(oneshot::Receiver<()>, Reply<bool>),
}

impl Actor for Notebook {
    type Msg = Note;

    async fn handle(&mut self, note: Note, cx: &mut Context<Note>) -> Result<(), ExitReason> {
        match note {
            Note::Write(text) => self.notes.push(text),
            Note::Do(act) => act(self, cx),
            Note::Read(reply) => drop(reply.send(self.notes.clone())),
            Note::Late(n) if self.open => self.notes.push(format!("late {n}")),
            Note::Late(n) => cx.stash(Note::Late(n))?,
            Note::Open => {
                self.open = true;
                cx.unstash_all();
            }
            Note::HoldThenCancel(sign, reply) => {
                let _ = sign.await;
                let _ = reply.send(cx.cancel_timer("t"));
            }
        }
        Ok(())
    }
}

fn notebook() -> Pid<Note> {
    spawn(Notebook { notes: Vec::new(), open: false })
}

/// Lets the notebook do something, and gives what came of it.
async fn act<T: Send + 'static>(
    book: &Pid<Note>,
    act: impl FnOnce(&mut Notebook, &mut Context<Note>) -> T + Send + 'static,
) -> T {
    let done = book.ask(|reply| {
        Note::Do(Box::new(move |book, cx| {
            let _ = reply.send(act(book, cx));
        }))
    });
    done.await.unwrap()
}

async fn notes(book: &Pid<Note>) -> Vec<String> {
    book.ask(Note::Read).await.unwrap()
}

/// Reads until there are as many notes.
async fn until_notes(book: &Pid<Note>, count: usize) -> Vec<String> {
    for _ in 0..1_000_000_u32 {
        let notes = notes(book).await;
        if notes.len() >= count {
            return notes;
        }
        tokio::task::yield_now().await;
    }
    panic!("never {count} notes");
}

/// Sets a flag when it is dropped.
struct Flag(Arc<AtomicU32>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn describe(result: Result<u32, TaskError>) -> String {
    match result {
        Ok(n) => format!("got {n}"),
        Err(TaskError::Panicked(info)) => format!("panicked: {}", info.message()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_result_of_a_task_comes_as_a_message() {
    wharf::block_on(async {
        let book = notebook();
        act(&book, |_, cx| {
            cx.spawn_task(async { 5 }, |result| Note::Write(describe(result)));
        })
        .await;
        assert_eq!(until_notes(&book, 1).await, ["got 5"]);
    });
}

#[test]
fn a_task_that_panics_tells_its_owner_who_lives_on() {
    wharf::block_on(async {
        let book = notebook();
        act(&book, |_, cx| {
            cx.spawn_task(async { panic!("oh no") }, |result| Note::Write(describe(result)));
        })
        .await;
        assert_eq!(until_notes(&book, 1).await, ["panicked: oh no"]);
    });
}

#[test]
fn a_cancelled_task_is_dropped_and_sends_nothing() {
    wharf::block_on(async {
        let book = notebook();
        let dropped = Arc::new(AtomicU32::new(0));
        let flag = Flag(Arc::clone(&dropped));
        let task: Task = act(&book, |_, cx| {
            let endless = async move {
                let _flag = flag;
                std::future::pending::<u32>().await
            };
            cx.spawn_task(endless, |result| Note::Write(describe(result)))
        })
        .await;
        assert!(task.is_running());
        assert!(task.cancel());
        assert!(!task.cancel(), "once");
        until_dropped(&dropped).await;
        assert!(!task.is_running());
        assert!(notes(&book).await.is_empty());
    });
}

async fn until_dropped(dropped: &AtomicU32) {
    for _ in 0..10_000_000_u32 {
        if dropped.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never dropped");
}

#[test]
fn a_task_whose_message_was_sent_cannot_be_cancelled() {
    wharf::block_on(async {
        let book = notebook();
        let task =
            act(&book, |_, cx| cx.spawn_task(async { 1 }, |result| Note::Write(describe(result)))).await;
        until_notes(&book, 1).await;
        assert!(!task.cancel());
    });
}

#[test]
fn a_task_ends_with_its_owner_however_that_ends() {
    wharf::block_on(async {
        let node = Node::current().unwrap();
        for end in [|book: &Pid<Note>| book.stop(), |book: &Pid<Note>| book.kill()] {
            let book = notebook();
            let dropped = Arc::new(AtomicU32::new(0));
            let flag = Flag(Arc::clone(&dropped));
            act(&book, |_, cx| {
                let endless = async move {
                    let _flag = flag;
                    std::future::pending::<u32>().await
                };
                cx.spawn_task(endless, |result| Note::Write(describe(result)));
            })
            .await;
            end(&book);
            until_dropped(&dropped).await;
            until_alone(&node).await;
        }
    });
}

#[test]
fn a_panic_in_what_was_piped_ends_the_actor() {
    wharf::block_on(async {
        let book = notebook();
        act(&book, |_, cx| {
            cx.pipe_to_self(async { panic!("piped") }, |()| Note::Write(String::new()));
        })
        .await;
        let reason = book.stopped().await;
        assert!(
            matches!(&reason, ExitReason::Panicked(info) if info.message() == "piped")
                || reason == ExitReason::NoProc,
            "{reason:?}"
        );
    });
}

#[test]
fn blocking_work_gives_its_result_or_its_panic() {
    wharf::block_on(async {
        let book = notebook();
        act(&book, |_, cx| {
            cx.spawn_blocking(|| 7, |result| Note::Write(describe(result)));
        })
        .await;
        assert_eq!(until_notes(&book, 1).await, ["got 7"]);
        act(&book, |_, cx| {
            cx.spawn_blocking(|| panic!("in a thread"), |result| Note::Write(describe(result)));
        })
        .await;
        assert_eq!(until_notes(&book, 2).await[1], "panicked: in a thread");
    });
}

#[test]
fn the_items_of_a_stream_come_in_order_and_then_its_end() {
    wharf::block_on(async {
        let book = notebook();
        act(&book, |_, cx| {
            // More than the mailbox holds: the stream waits for room.
            let items = stream::iter(0..3_000);
            cx.attach_stream_to_end(items, |n| Note::Write(n.to_string()), || Note::Write("end".into()));
        })
        .await;
        let notes = until_notes(&book, 3_001).await;
        let wanted: Vec<String> = (0..3_000).map(|n| n.to_string()).chain(["end".into()]).collect();
        assert_eq!(notes, wanted);
    });
}

#[test]
fn a_stream_without_an_end_brings_items_alone() {
    wharf::block_on(async {
        let node = Node::current().unwrap();
        let book = notebook();
        act(&book, |_, cx| {
            cx.attach_stream(stream::iter([1, 2]), |n: u32| Note::Write(n.to_string()));
        })
        .await;
        until_notes(&book, 2).await;
        // The task has ended.
        for _ in 0..10_000_000_u32 {
            if node.stats().live == 1 {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(notes(&book).await, ["1", "2"]);
    });
}

#[test]
fn stashed_messages_come_back_first_and_in_order() {
    wharf::block_on(async {
        let book = notebook();
        for n in 0..3 {
            book.send(Note::Late(n)).await.unwrap();
        }
        book.send(Note::Write("early".into())).await.unwrap();
        book.send(Note::Open).await.unwrap();
        book.send(Note::Write("after".into())).await.unwrap();
        assert_eq!(notes(&book).await, ["early", "late 0", "late 1", "late 2", "after"]);
        let stats = book.node().stats();
        assert_eq!(stats.all_dead(), 0);
    });
}

#[test]
fn a_full_stash_gives_the_message_back() {
    wharf::block_on(async {
        let book = Spawn::new().save_limit(1).spawn(Notebook { notes: Vec::new(), open: false });
        let full = act(&book, |_, cx| {
            cx.stash(Note::Late(1)).unwrap();
            cx.stash(Note::Late(2))
        })
        .await;
        let error: StashFull<Note> = full.unwrap_err();
        assert_eq!(error.limit, 1);
        assert!(error.to_string().contains("holds 1 messages"), "{error}");
        assert!(matches!(error.into_message(), Note::Late(2)));
    });
}

#[test]
fn what_is_left_in_the_stash_becomes_dead_letters() {
    wharf::block_on(async {
        let book = notebook();
        book.send(Note::Late(1)).await.unwrap();
        book.stop();
        assert!(book.stopped().await.is_normal() || !book.is_alive());
        let stats = Node::current().unwrap().stats();
        assert_eq!(stats.all_dead(), 1);
    });
}

#[test]
fn a_continuation_is_handled_before_what_waits() {
    struct Careful(Vec<&'static str>);

    enum Step {
        Prepare,
        Work(Reply<Vec<&'static str>>),
    }

    impl Actor for Careful {
        type Msg = Step;

        async fn started(&mut self, cx: &mut Context<Step>) -> Result<(), ExitReason> {
            // Let the spawner send first.
            wharf::yield_now().await;
            cx.continue_with(Step::Prepare);
            Ok(())
        }

        async fn handle(&mut self, step: Step, _: &mut Context<Step>) -> Result<(), ExitReason> {
            match step {
                Step::Prepare => self.0.push("prepare"),
                Step::Work(reply) => {
                    self.0.push("work");
                    let _ = reply.send(self.0.clone());
                }
            }
            Ok(())
        }
    }

    wharf::block_on(async {
        let careful = spawn(Careful(Vec::new()));
        assert_eq!(careful.ask(Step::Work).await.unwrap(), ["prepare", "work"]);
    });
}

fn in_virtual_time(body: impl AsyncFn()) {
    let tokio =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    tokio.block_on(async {
        let node = Node::start().unwrap();
        node.run(body()).await;
        assert!(node.stop().await.is_clean());
    });
}

#[test]
fn a_timer_that_is_set_again_rings_once_and_with_the_later_message() {
    in_virtual_time(async || {
        let book = notebook();
        for n in 0..3 {
            act(&book, move |_, cx| {
                cx.set_timer("t", Duration::from_millis(10), Note::Write(format!("timer {n}")));
                assert!(cx.has_timer("t"));
            })
            .await;
            wharf::sleep(Duration::from_millis(5)).await;
        }
        wharf::sleep(Duration::from_millis(100)).await;
        assert_eq!(notes(&book).await, ["timer 2"]);
        assert!(!act(&book, |_, cx| cx.has_timer("t") || cx.cancel_timer("t")).await);
    });
}

#[test]
fn a_timer_that_has_rung_is_cancelled_before_its_message_is_handled() {
    in_virtual_time(async || {
        let book = notebook();
        let (go, gone) = oneshot::channel::<()>();
        act(&book, |_, cx| cx.set_timer("t", Duration::from_millis(1), Note::Write("stale".into()))).await;
        let held = book.ask(|reply| Note::HoldThenCancel(gone, reply));
        let rings = async {
            wharf::sleep(Duration::from_millis(50)).await;
            go.send(()).unwrap();
        };
        let (cancelled, ()) = futures::join!(held, rings);
        assert_eq!(cancelled, Ok(true), "nothing of it was handled");
        wharf::sleep(Duration::from_millis(50)).await;
        assert!(notes(&book).await.is_empty());
        assert_eq!(book.node().stats().all_dead(), 0, "what was cancelled is no dead letter");
    });
}

#[test]
fn an_interval_goes_on_until_it_is_cancelled() {
    in_virtual_time(async || {
        let book = notebook();
        act(&book, |_, cx| {
            let mut n = 0;
            cx.set_interval("i", Duration::from_millis(10), move || {
                n += 1;
                Note::Write(n.to_string())
            });
        })
        .await;
        wharf::sleep(Duration::from_millis(35)).await;
        assert_eq!(notes(&book).await, ["1", "2", "3"]);
        assert!(act(&book, |_, cx| cx.cancel_timer("i")).await);
        wharf::sleep(Duration::from_millis(100)).await;
        assert_eq!(notes(&book).await.len(), 3);
    });
}

#[test]
fn a_sink_waits_for_room_and_reports_the_end() {
    use futures::SinkExt;
    wharf::block_on(async {
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let pid = Spawn::new().capacity(Capacity::Bounded(1)).spawn_fn(async |mut mailbox: Mailbox<u32>| {
            gone.await.unwrap();
            let mut seen = Vec::new();
            while seen.len() < 3 {
                seen.extend(mailbox.receive().await);
            }
            tell.send(seen).unwrap();
        });
        let mut sink = wharf::sink(&pid);
        sink.feed(1).await.unwrap();
        sink.feed(2).await.unwrap();
        assert!(futures::poll!(sink.feed(3)).is_pending(), "no room");
        go.send(()).unwrap();
        sink.send(3).await.unwrap();
        assert_eq!(told.await.unwrap(), [1, 2, 3]);
        pid.stopped().await;
        let error = sink.send(4).await.unwrap_err();
        assert_eq!(error.into_message(), Some(4));
    });
}

#[test]
fn a_task_error_ends_an_actor_by_a_question_mark() {
    let error = TaskError::Cancelled;
    let reason = ExitReason::from(error);
    assert!(matches!(reason, ExitReason::Failed(_)), "{reason:?}");
}
