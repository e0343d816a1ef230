//! Thread-local caches of raw memory, for blocks and reply cells.
//!
//! Each piece is an allocation of its own, of its class's layout, so any thread may take it and any
//! other give it back. A list holds at most [`KEPT`] pieces; what exceeds it goes back to the
//! allocator in batches. `--cfg wharf_no_pool` turns the caches off, so that valgrind sees each use
//! after free; so does `wharf_loom`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Takes memory of this layout.
#[inline(always)]
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    #[cfg(not(any(wharf_loom, wharf_no_pool)))]
    if let Some(class) = cache::Class::of(layout) {
        return cache::take(class);
    }
    fresh(layout)
}

/// Gives memory back.
///
/// # Safety
/// It was taken with this layout, and is given back once.
#[inline(always)]
pub(crate) unsafe fn give(memory: NonNull<u8>, layout: Layout) {
    #[cfg(not(any(wharf_loom, wharf_no_pool)))]
    if let Some(class) = cache::Class::of(layout) {
        // SAFETY: by contract; the class follows from the layout.
        return unsafe { cache::give(memory, class) };
    }
    #[cfg(wharf_loom)]
    let Some((memory, layout)) = quarantine::exchange(memory, layout) else { return };
    // SAFETY: by contract: it came from `fresh`.
    unsafe { dealloc(memory.as_ptr(), layout) };
}

/// Keeps given memory for a while, so that a broken model uses it after it was given, and is told,
/// without harm to the process.
#[cfg(wharf_loom)]
mod quarantine {
    use std::alloc::Layout;
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::ptr::NonNull;

    /// Pieces kept: more than one run of a model gives.
    const KEPT: usize = 64;

    std::thread_local! {
        static PIECES: RefCell<VecDeque<(NonNull<u8>, Layout)>> = const { RefCell::new(VecDeque::new()) };
    }

    /// Takes a piece in; gives the one to be freed in its place.
    pub(super) fn exchange(memory: NonNull<u8>, layout: Layout) -> Option<(NonNull<u8>, Layout)> {
        PIECES.with_borrow_mut(|pieces| {
            pieces.push_back((memory, layout));
            if pieces.len() > KEPT { pieces.pop_front() } else { None }
        })
    }
}

fn fresh(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: no block or reply cell is empty.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(not(any(wharf_loom, wharf_no_pool)))]
mod cache {
    use std::alloc::{Layout, dealloc};
    use std::cell::{Cell, UnsafeCell};
    use std::ptr::{NonNull, null_mut};

    /// Sizes are multiples of this, up to [`CLASSES`] times it.
    const GRAIN: usize = 64;
    const CLASSES: usize = 36;
    const ALIGN: usize = 16;
    /// Pieces that a list keeps.
    const KEPT: u32 = 128;

    /// A size class.
    #[derive(Clone, Copy)]
    pub(super) struct Class(usize);

    impl Class {
        /// The class for this layout, if there is one. A constant where the layout is one.
        #[inline(always)]
        pub(super) const fn of(layout: Layout) -> Option<Self> {
            if layout.align() > ALIGN || layout.size() > CLASSES * GRAIN || layout.size() == 0 {
                return None;
            }
            Some(Self(layout.size().div_ceil(GRAIN) - 1))
        }

        fn layout(self) -> Layout {
            // SAFETY: a small multiple of the grain, and a power of two.
            unsafe { Layout::from_size_align_unchecked((self.0 + 1) * GRAIN, ALIGN) }
        }
    }

    #[derive(Clone, Copy)]
    struct List {
        first: *mut Piece,
        length: u32,
    }

    struct Piece {
        next: *mut Piece,
    }

    struct Lists([List; CLASSES]);

    thread_local! {
        // Without a destructor, so that access is a plain offset from the thread's register.
        static LISTS: UnsafeCell<Lists> =
            const { UnsafeCell::new(Lists([List { first: null_mut(), length: 0 }; CLASSES])) };
        static STATE: Cell<State> = const { Cell::new(State::Unused) };
        static AT_EXIT: AtExit = const { AtExit };
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum State {
        /// Nothing was given on this thread yet.
        Unused,
        /// The lists are freed when the thread ends.
        Open,
        /// The thread is ending: nothing is kept any more.
        Closed,
    }

    struct AtExit;

    impl Drop for AtExit {
        fn drop(&mut self) {
            STATE.set(State::Closed);
            for class in 0..CLASSES {
                shorten(Class(class), 0);
            }
        }
    }

    #[inline(always)]
    pub(super) fn take(class: Class) -> NonNull<u8> {
        let piece = LISTS.with(|lists| {
            // SAFETY: this thread's own lists, and no reference to them is held elsewhere.
            let list = unsafe { &mut (*lists.get()).0[class.0] };
            let piece = NonNull::new(list.first)?;
            // SAFETY: a kept piece holds the link that `give` wrote.
            list.first = unsafe { piece.as_ref() }.next;
            list.length -= 1;
            Some(piece.cast())
        });
        piece.unwrap_or_else(|| fresh(class))
    }

    #[cold]
    #[inline(never)]
    fn fresh(class: Class) -> NonNull<u8> {
        super::fresh(class.layout())
    }

    /// # Safety
    /// The memory is of this class, and nobody else's.
    #[inline(always)]
    pub(super) unsafe fn give(memory: NonNull<u8>, class: Class) {
        let piece = memory.cast::<Piece>();
        let full = LISTS.with(|lists| {
            // SAFETY: this thread's own lists, and no reference to them is held elsewhere.
            let list = unsafe { &mut (*lists.get()).0[class.0] };
            // SAFETY: the memory is free, aligned and large enough for a link.
            unsafe { piece.write(Piece { next: list.first }) };
            list.first = piece.as_ptr();
            list.length += 1;
            list.length > KEPT
        });
        if full || STATE.get() != State::Open {
            settle(class);
        }
    }

    #[cold]
    #[inline(never)]
    fn settle(class: Class) {
        match STATE.get() {
            State::Unused => {
                STATE.set(State::Open);
                // Touching it registers its destructor.
                AT_EXIT.with(|_| {});
            }
            State::Open => shorten(class, KEPT / 2),
            State::Closed => shorten(class, 0),
        }
    }

    fn shorten(class: Class, to: u32) {
        LISTS.with(|lists| {
            // SAFETY: as in `take`.
            let list = unsafe { &mut (*lists.get()).0[class.0] };
            while list.length > to
                && let Some(piece) = NonNull::new(list.first)
            {
                // SAFETY: as in `take`.
                list.first = unsafe { piece.as_ref() }.next;
                list.length -= 1;
                // SAFETY: allocated with the class's layout.
                unsafe { dealloc(piece.as_ptr().cast(), class.layout()) };
            }
        });
    }
}

#[cfg(all(test, not(wharf_loom)))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_usable_whatever_its_size_and_thread() {
        for size in [1, 64, 65, 500, 2304, 2305, 9000] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let memory: Vec<usize> = (0..300).map(|_| take(layout).as_ptr().expose_provenance()).collect();
            std::thread::spawn(move || {
                for at in memory {
                    let at = NonNull::new(std::ptr::with_exposed_provenance_mut::<u8>(at)).unwrap();
                    // SAFETY: taken above with this layout.
                    unsafe { at.write_bytes(7, size) };
                    // SAFETY: as above, and given once.
                    unsafe { give(at, layout) };
                }
            })
            .join()
            .unwrap();
        }
    }
}
