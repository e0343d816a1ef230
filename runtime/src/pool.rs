//! Thread-local caches of raw memory, for blocks and reply cells.
//!
//! Each piece is an allocation of its own, of its class's layout, so any thread may give back what
//! another took: the piece changes caches. A cache keeps a bounded number of pieces of each class,
//! in the order last in, first out, and frees them when its thread ends.
//!
//! `--cfg wharf_no_pool` turns the caches off, so that valgrind sees each use after free. Under
//! `wharf_loom` they are off too, and loom sees each leak and each piece given back twice.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Takes memory of this layout; its content is anything.
#[inline(always)]
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    imp::take(layout)
}

/// Gives memory back.
///
/// # Safety
/// It was taken with this layout, on whatever thread; it is given back once and not used after.
#[inline(always)]
pub(crate) unsafe fn give(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: by contract.
    unsafe { imp::give(memory, layout) };
}

/// Asks the allocator.
fn fresh(layout: Layout) -> NonNull<u8> {
    let layout = never_empty(layout);
    // SAFETY: the layout is not empty.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// # Safety
/// The memory came from `fresh` with this layout, and is released once.
unsafe fn release(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: by contract.
    unsafe { dealloc(memory.as_ptr(), never_empty(layout)) };
}

/// The allocator takes no request for zero bytes.
const fn never_empty(layout: Layout) -> Layout {
    if layout.size() == 0 { Layout::new::<u8>() } else { layout }
}

#[cfg(all(wharf_no_pool, not(wharf_loom)))]
mod imp {
    pub(super) use super::{fresh as take, release as give};
}

#[cfg(not(any(wharf_loom, wharf_no_pool)))]
mod imp {
    use std::alloc::Layout;
    use std::cell::Cell;
    use std::ptr::{NonNull, null_mut, without_provenance_mut};

    use super::{fresh, release};

    const ALIGN: usize = 16;
    /// Up to `SMALL`, the sizes of the classes are the multiples of `GRAIN`; above, each doubling
    /// has `STEPS` classes, and there are `DOUBLINGS`.
    const GRAIN: usize = 32;
    const SMALL: usize = 512;
    const STEPS: usize = 4;
    const DOUBLINGS: usize = 3;
    const SMALL_CLASSES: usize = SMALL / GRAIN;
    const CLASSES: usize = SMALL_CLASSES + STEPS * DOUBLINGS;
    const LARGEST: usize = SMALL << DOUBLINGS;

    /// A size class.
    #[derive(Clone, Copy)]
    pub(super) struct Class(usize);

    impl Class {
        /// The smallest class that holds this layout. A constant where the layout is one.
        #[inline(always)]
        pub(super) const fn of(layout: Layout) -> Option<Self> {
            let size = layout.size();
            if layout.align() > ALIGN || size > LARGEST {
                None
            } else if size <= SMALL {
                Some(Self(size.saturating_sub(1) / GRAIN))
            } else {
                let last = size - 1;
                let doubling = (last / SMALL).ilog2();
                let step = (last >> doubling) / (SMALL / STEPS) - STEPS;
                Some(Self(SMALL_CLASSES + doubling as usize * STEPS + step))
            }
        }

        pub(super) const fn size(self) -> usize {
            match self.0.checked_sub(SMALL_CLASSES) {
                None => (self.0 + 1) * GRAIN,
                Some(above) => (SMALL + (above % STEPS + 1) * (SMALL / STEPS)) << (above / STEPS),
            }
        }

        const fn layout(self) -> Layout {
            // SAFETY: a power of two, and a size that is nowhere near the largest.
            unsafe { Layout::from_size_align_unchecked(self.size(), ALIGN) }
        }

        /// Pieces that a cache keeps: 64 KiB of them, or 64 where that is more.
        pub(super) const fn kept(self) -> usize {
            let count = (64 << 10) / self.size();
            if count < 64 { 64 } else { count }
        }
    }

    /// Free pieces of one class.
    struct List {
        /// The piece given back last, outside the list: what takes and gives in turn, as handlers
        /// do, touches nothing else. Null when there is none; [`SHUT`] while none may be kept.
        hot: Cell<*mut Piece>,
        first: Cell<*mut Piece>,
        /// How many more it keeps: 0 also before the thread's first gift, and when it is ending, so
        /// that the usual gift has one thing to check.
        room: Cell<usize>,
    }

    /// No piece.
    const SHUT: *mut Piece = without_provenance_mut(1);

    /// What a free piece holds.
    struct Piece {
        next: *mut Self,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        /// Nothing was given on this thread yet.
        Unused,
        /// The lists keep pieces, and are emptied when the thread ends.
        Open,
        /// The thread is ending: nothing is kept any more.
        Closed,
    }

    thread_local! {
        // These have no destructor: access is a plain offset from the thread's register, and stays
        // possible while the thread is ending.
        static LISTS: [List; CLASSES] = const { [const { List::new() }; CLASSES] };
        static STATE: Cell<State> = const { Cell::new(State::Unused) };
        static AT_EXIT: AtExit = const { AtExit };
    }

    struct AtExit;

    impl Drop for AtExit {
        fn drop(&mut self) {
            STATE.set(State::Closed);
            for class in (0..CLASSES).map(Class) {
                let hot = class.with_list(|list| {
                    list.room.set(0);
                    list.take_hot(SHUT)
                });
                let next = || class.with_list(List::pop);
                for memory in hot.into_iter().chain(std::iter::from_fn(next)) {
                    // SAFETY: a kept piece is free, and was allocated with its class's layout.
                    unsafe { release(memory, class.layout()) };
                }
            }
        }
    }

    #[inline(always)]
    pub(super) fn take(layout: Layout) -> NonNull<u8> {
        let Some(class) = Class::of(layout) else { return fresh(layout) };
        let hot = class.with_list(|list| {
            let hot = list.hot.get();
            if hot.addr() <= SHUT.addr() {
                return None;
            }
            list.hot.set(null_mut());
            NonNull::new(hot).map(NonNull::cast)
        });
        hot.unwrap_or_else(|| take_cold(class))
    }

    #[inline(never)]
    fn take_cold(class: Class) -> NonNull<u8> {
        let kept = class.with_list(|list| {
            let memory = list.pop()?;
            list.room.set(list.room.get() + 1);
            Some(memory)
        });
        kept.unwrap_or_else(|| fresh(class.layout()))
    }

    /// # Safety
    /// As for [`super::give`].
    #[inline(always)]
    pub(super) unsafe fn give(memory: NonNull<u8>, layout: Layout) {
        let Some(class) = Class::of(layout) else {
            // SAFETY: by contract; without a class it was taken from `fresh` as it is.
            return unsafe { release(memory, layout) };
        };
        let is_hot = class.with_list(|list| {
            let is_free = list.hot.get().is_null();
            if is_free {
                list.hot.set(memory.cast().as_ptr());
            }
            is_free
        });
        if !is_hot {
            // SAFETY: by contract; the class follows from the layout.
            unsafe { give_cold(memory, class) };
        }
    }

    /// # Safety
    /// The memory is of this class, free, and given back once.
    #[inline(never)]
    unsafe fn give_cold(memory: NonNull<u8>, class: Class) {
        // What was hot makes way: the last piece in is the first out.
        let hot = class.with_list(|list| {
            if list.hot.get() == SHUT { None } else { list.take_hot(memory.cast().as_ptr()) }
        });
        let memory = hot.unwrap_or(memory);
        let has_room = class.with_list(|list| {
            let room = list.room.get();
            if room == 0 {
                return false;
            }
            list.room.set(room - 1);
            // SAFETY: by contract the memory is free, and any class holds a piece.
            unsafe { list.push(memory) };
            true
        });
        if !has_room {
            // SAFETY: by contract.
            unsafe { give_without_room(memory, class) };
        }
    }

    /// # Safety
    /// The memory is of this class, free, and given back once.
    #[cold]
    #[inline(never)]
    unsafe fn give_without_room(memory: NonNull<u8>, class: Class) {
        match STATE.get() {
            State::Unused => open(),
            State::Open => give_half_back(class),
            State::Closed => {}
        }
        let keep = STATE.get() == State::Open;
        if keep {
            class.with_list(|list| {
                list.room.set(list.room.get() - 1);
                // SAFETY: by contract.
                unsafe { list.push(memory) };
            });
        } else {
            // SAFETY: by contract.
            unsafe { release(memory, class.layout()) };
        }
    }

    fn open() {
        // Touching it registers its destructor.
        if AT_EXIT.try_with(|_| {}).is_err() {
            return STATE.set(State::Closed);
        }
        for class in (0..CLASSES).map(Class) {
            class.with_list(|list| {
                list.room.set(class.kept());
                list.hot.set(null_mut());
            });
        }
        STATE.set(State::Open);
    }

    fn give_half_back(class: Class) {
        for _ in 0..class.kept() / 2 {
            let Some(memory) = class.with_list(List::pop) else { return };
            class.with_list(|list| list.room.set(list.room.get() + 1));
            // SAFETY: a kept piece is free, and was allocated with its class's layout.
            unsafe { release(memory, class.layout()) };
        }
    }

    impl Class {
        #[inline(always)]
        fn with_list<R>(self, f: impl FnOnce(&List) -> R) -> R {
            LISTS.with(|lists| f(&lists[self.0]))
        }

        #[cfg(test)]
        pub(super) fn count(self) -> usize {
            let piece = |piece: *mut Piece| NonNull::new(piece);
            // SAFETY: the pieces of a list are free and hold their links.
            let next = |at: &NonNull<Piece>| piece(unsafe { at.as_ref() }.next);
            self.with_list(|list| {
                let hot = usize::from(list.hot.get().addr() > SHUT.addr());
                hot + std::iter::successors(piece(list.first.get()), next).count()
            })
        }
    }

    impl List {
        const fn new() -> Self {
            Self { hot: Cell::new(SHUT), first: Cell::new(null_mut()), room: Cell::new(0) }
        }

        /// The hot piece, if there is one, and what comes in its place.
        fn take_hot(&self, then: *mut Piece) -> Option<NonNull<u8>> {
            let hot = self.hot.replace(then);
            if hot == SHUT { None } else { NonNull::new(hot).map(NonNull::cast) }
        }

        #[inline(always)]
        fn pop(&self) -> Option<NonNull<u8>> {
            let piece = NonNull::new(self.first.get())?;
            // SAFETY: a piece in the list is free memory that holds the link written by `push`.
            self.first.set(unsafe { piece.as_ref() }.next);
            Some(piece.cast())
        }

        /// # Safety
        /// The memory is free, aligned for a piece and large enough for one.
        #[inline(always)]
        unsafe fn push(&self, memory: NonNull<u8>) {
            let piece = memory.cast::<Piece>();
            // SAFETY: by contract.
            unsafe { piece.write(Piece { next: self.first.get() }) };
            self.first.set(piece.as_ptr());
        }
    }
}

#[cfg(wharf_loom)]
mod imp {
    use std::alloc::Layout;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::ptr::NonNull;

    use loom::alloc::Track;

    use super::{fresh, release};

    /// Pieces given back stay readable for so many more: a model of a broken protocol is to fail
    /// in loom's own check, not by a fault.
    const HELD: usize = 256;

    thread_local! {
        // loom runs all threads of a model on one.
        static GIVEN: RefCell<VecDeque<(NonNull<u8>, Layout)>> = const { RefCell::new(VecDeque::new()) };
    }

    /// The layout with loom's record of the piece in front, and where the piece then begins.
    fn tracked(layout: Layout) -> (Layout, usize) {
        Layout::new::<Track<()>>().extend(layout).expect("a record adds a few bytes")
    }

    pub(super) fn take(layout: Layout) -> NonNull<u8> {
        let (whole, offset) = tracked(layout);
        let start = fresh(whole);
        // SAFETY: the record is the first part of the layout.
        unsafe { start.cast::<Track<()>>().write(Track::new(())) };
        // SAFETY: the piece is the second part.
        unsafe { start.add(offset) }
    }

    /// # Safety
    /// As for [`super::give`].
    pub(super) unsafe fn give(memory: NonNull<u8>, layout: Layout) {
        let (whole, offset) = tracked(layout);
        // SAFETY: by contract it came from `take`, which added as much.
        let start = unsafe { memory.sub(offset) };
        let is_given = GIVEN.with_borrow(|given| given.iter().any(|(at, _)| *at == start));
        assert!(!is_given, "memory was given back twice");
        // SAFETY: `take` wrote the record, and it has not been dropped.
        unsafe { start.cast::<Track<()>>().drop_in_place() };
        let oldest = GIVEN.with_borrow_mut(|given| {
            given.push_back((start, whole));
            if given.len() > HELD { given.pop_front() } else { None }
        });
        if let Some((start, whole)) = oldest {
            // SAFETY: given back, and left the queue just now.
            unsafe { release(start, whole) };
        }
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests;
