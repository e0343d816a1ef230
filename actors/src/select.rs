//! `select!`: the first of several futures.

/// Waits for the first of several futures, and goes on with its branch. The others are dropped.
///
/// A branch is `pattern = future => body`, or `pattern = future, if condition => body`. Bodies that
/// are blocks need no comma after them. There may be a last branch `else => body`.
///
/// - A branch whose condition is false is left out; its future is not even made.
/// - When a future is ready with what its pattern does not match, its branch is left out from then on
///   and the others are waited for.
/// - When all branches are left out, the `else` branch is taken.
/// - Futures are dropped before the body runs, so a body may use what they have borrowed.
///
/// # Fairness
/// When several futures are ready, each is as likely to be taken: the one that is looked at first is
/// drawn from the [seed](crate::Builder::seed) of the node. Under [`explore`](crate::explore) the draw
/// is a choice like all others, so that a run is repeated by its seed and all orders can be explored.
/// `biased;` before the first branch makes the order that of the branches.
///
/// # Cancel safety
/// What the futures of other branches have done by then is done. With [`receive`] and its like,
/// [`reserve`], [`sleep`](crate::sleep) and [`stopped`] nothing is lost. A [`send`] may have been
/// delivered though another branch is taken: use [`reserve`]. An [`ask`] gives its answer up.
///
/// [`receive`]: crate::Mailbox::receive
/// [`reserve`]: crate::Pid::reserve
/// [`send`]: crate::Pid::send
/// [`ask`]: crate::Pid::ask
/// [`stopped`]: crate::Pid::stopped
///
/// # Panics
/// When all branches are left out and there is no `else`.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use wharf::prelude::*;
///
/// wharf::block_on(async {
///     let batcher = wharf::spawn_fn(async |mut mailbox: Mailbox<Result<u32, Reply<Vec<u32>>>>| {
///         let (mut batch, mut asker) = (Vec::new(), None);
///         loop {
///             wharf::select! {
///                 Some(message) = mailbox.receive() => match message {
///                     Ok(n) => batch.push(n),
///                     Err(reply) => asker = Some(reply),
///                 },
///                 () = wharf::sleep(Duration::from_millis(5)), if asker.is_some() => {
///                     let reply: Reply<_> = asker.take().unwrap();
///                     let _ = reply.send(std::mem::take(&mut batch));
///                 }
///                 else => break,
///             }
///         }
///     });
///     for n in [1, 2, 3] {
///         batcher.send(Ok(n)).await.unwrap();
///     }
///     assert_eq!(batcher.ask(Err).await, Ok(vec![1, 2, 3]));
/// });
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($branches:tt)+) => {
        $crate::__select!(@start [::core::option::Option::Some(0)] $($branches)+)
    };
    ($($branches:tt)+) => {
        $crate::__select!(@start [::core::option::Option::None] $($branches)+)
    };
}

/// Reads the branches of [`select!`] one by one: `[first to look at] [those read] [places left]`, then
/// those to be read.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@start $first:tt $($branches:tt)+) => {
        $crate::__select! {
            $first []
            [
                (0 out0 future0) (1 out1 future1) (2 out2 future2) (3 out3 future3)
                (4 out4 future4) (5 out5 future5) (6 out6 future6) (7 out7 future7)
                (8 out8 future8) (9 out9 future9) (10 out10 future10) (11 out11 future11)
                (12 out12 future12) (13 out13 future13) (14 out14 future14) (15 out15 future15)
            ]
            $($branches)+
        }
    };

    // The body of a branch whose head has been read.
    (@body $first:tt [$($read:tt)*] $places:tt [$($head:tt)+] $body:block, $($branches:tt)*) => {
        $crate::__select!($first [$($read)* [$($head)+ ($body)]] $places $($branches)*)
    };
    (@body $first:tt [$($read:tt)*] $places:tt [$($head:tt)+] $body:block $($branches:tt)*) => {
        $crate::__select!($first [$($read)* [$($head)+ ($body)]] $places $($branches)*)
    };
    (@body $first:tt [$($read:tt)*] $places:tt [$($head:tt)+] $body:expr, $($branches:tt)*) => {
        $crate::__select!($first [$($read)* [$($head)+ ($body)]] $places $($branches)*)
    };
    (@body $first:tt [$($read:tt)*] $places:tt [$($head:tt)+] $body:expr) => {
        $crate::__select!($first [$($read)* [$($head)+ ($body)]] $places)
    };

    (@run
        [$first:expr]
        [$([($at:tt $out:ident $future:ident) ($pattern:pat) ($make:expr) ($condition:expr) ($body:expr)])+]
        ($otherwise:expr)
    ) => {{
        let ($($out,)+) = {
            $(let mut $future = ::core::pin::pin!(if $condition {
                ::core::option::Option::Some(::core::future::IntoFuture::into_future($make))
            } else {
                ::core::option::Option::None
            });)+
            let mut first: ::core::option::Option<usize> = $first;
            ::core::future::poll_fn(|cx| {
                const COUNT: usize = [$($at),+].len();
                $(let mut $out = ::core::option::Option::None;)+
                let first = match first {
                    ::core::option::Option::Some(first) => first,
                    ::core::option::Option::None => match $crate::__private::poll_choice(COUNT, cx) {
                        ::core::task::Poll::Ready(drawn) => *first.insert(drawn),
                        ::core::task::Poll::Pending => return ::core::task::Poll::Pending,
                    },
                };
                let mut waiting = false;
                let over = 'look: {
                    for turn in 0..COUNT {
                        match $crate::__private::place(first, turn, COUNT) {
                            $($at => {
                                let ::core::option::Option::Some(future) = $future.as_mut().as_pin_mut() else {
                                    continue;
                                };
                                let ::core::task::Poll::Ready(out) = ::core::future::Future::poll(future, cx)
                                else {
                                    waiting = true;
                                    continue;
                                };
                                $future.set(::core::option::Option::None);
                                // The guard sees the bindings and moves nothing.
                                let mut matches = false;
                                match out {
                                    #[allow(unused_variables, unused_mut)]
                                    $pattern if { matches = true; false } => ::core::unreachable!(),
                                    _ => {}
                                }
                                if matches {
                                    $out = ::core::option::Option::Some(out);
                                    break 'look true;
                                }
                            })+
                            _ => ::core::unreachable!(),
                        }
                    }
                    !waiting
                };
                if over { ::core::task::Poll::Ready(($($out,)+)) } else { ::core::task::Poll::Pending }
            })
            .await
        };
        $(if let ::core::option::Option::Some(out) = $out {
            match out {
                $pattern => $body,
                #[allow(unreachable_patterns)]
                _ => ::core::unreachable!(),
            }
        } else)+ {
            $otherwise
        }
    }};

    // All have been read.
    ($first:tt [$($read:tt)+] $places:tt) => {
        $crate::__select!(
            @run $first [$($read)+]
            (::core::panic!("all branches of a `select!` are left out, and it has no `else`"))
        )
    };
    ($first:tt [$($read:tt)+] $places:tt else => $otherwise:expr $(,)?) => {
        $crate::__select!(@run $first [$($read)+] ($otherwise))
    };

    ($first:tt $read:tt [] $($branches:tt)+) => {
        ::core::compile_error!("`select!` takes 16 branches and an `else`")
    };

    // The head of a branch.
    ($first:tt $read:tt [$place:tt $($places:tt)*]
        $pattern:pat = $make:expr, if $condition:expr => $($branches:tt)+
    ) => {
        $crate::__select!(
            @body $first $read [$($places)*] [$place ($pattern) ($make) ($condition)] $($branches)+
        )
    };
    ($first:tt $read:tt [$place:tt $($places:tt)*] $pattern:pat = $make:expr => $($branches:tt)+) => {
        $crate::__select!(@body $first $read [$($places)*] [$place ($pattern) ($make) (true)] $($branches)+)
    };
}

/// The place of the branch that is looked at in this turn.
#[must_use]
pub const fn place(first: usize, turn: usize, count: usize) -> usize {
    (first + turn) % count
}
