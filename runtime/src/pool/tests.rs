//! What a cache keeps, and what becomes of it when its thread ends.

use super::*;

/// Memory that may be sent: nobody else has it.
struct Owned(NonNull<u8>, Layout);

// SAFETY: raw memory belongs to no thread.
unsafe impl Send for Owned {}

impl Owned {
    fn take(size: usize, align: usize) -> Self {
        let layout = Layout::from_size_align(size, align).expect("a valid layout");
        let memory = take(layout);
        assert!(memory.addr().get().is_multiple_of(align));
        // SAFETY: taken with room for `size` bytes.
        unsafe { memory.write_bytes(0xa5, size) };
        Self(memory, layout)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: taken with this layout, and dropped once.
        unsafe { give(self.0, self.1) };
    }
}

#[test]
fn memory_is_usable_whatever_its_size_alignment_and_thread() {
    for (size, align) in
        [(0, 1), (1, 1), (64, 8), (65, 16), (512, 8), (513, 8), (4096, 16), (4097, 8), (64, 64)]
    {
        let taken: Vec<Owned> = (0..300).map(|_| Owned::take(size, align)).collect();
        std::thread::spawn(move || drop(taken)).join().unwrap();
    }
}

/// Uses the pool in a destructor that runs while the thread is ending.
struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        drop([Owned::take(100, 8), Owned::take(100, 8)]);
    }
}

thread_local! {
    static BEFORE: Late = const { Late };
    static AFTER: Late = const { Late };
}

#[test]
fn an_ending_thread_may_still_take_and_give() {
    let end = || {
        BEFORE.with(|_| {});
        drop(Owned::take(100, 8));
        AFTER.with(|_| {});
    };
    std::thread::spawn(end).join().unwrap();
    // Here the first gift comes from a destructor.
    std::thread::spawn(|| BEFORE.with(|_| {})).join().unwrap();
}

#[cfg(not(wharf_no_pool))]
#[test]
fn a_class_is_the_smallest_that_holds_its_sizes() {
    let size_for = |size| imp::Class::of(Layout::from_size_align(size, 8).unwrap()).map(imp::Class::size);
    let mut class = 32;
    for size in 1..=4096 {
        if size > class {
            class = size_for(size).unwrap();
            assert!(class > size && (class - size) * 5 <= class || class - size < 32, "{class} for {size}");
        }
        assert_eq!(size_for(size), Some(class));
    }
    assert_eq!((size_for(0), size_for(4096), size_for(4097)), (Some(32), Some(4096), None));
    assert!(imp::Class::of(Layout::from_size_align(64, 32).unwrap()).is_none());
}

#[cfg(not(wharf_no_pool))]
#[test]
fn what_was_given_last_is_taken_next() {
    let [first, second] = [Owned::take(200, 8), Owned::take(200, 8)];
    let [at_first, at_second] = [first.0, second.0];
    drop(first);
    drop(second);
    assert_eq!([Owned::take(193, 16)].each_ref().map(|owned| owned.0), [at_second]);
    let both = [Owned::take(200, 8), Owned::take(200, 8)];
    assert_eq!(both.each_ref().map(|owned| owned.0), [at_second, at_first]);
}

#[cfg(not(wharf_no_pool))]
#[test]
fn a_cache_that_is_full_gives_half_back() {
    let fill = |size| {
        let class = imp::Class::of(Layout::from_size_align(size, 8).unwrap()).unwrap();
        let kept = class.kept();
        // One more is kept apart.
        let mut taken: Vec<Owned> = (0..kept + 2).map(|_| Owned::take(size, 8)).collect();
        let last = taken.pop();
        drop(taken);
        assert_eq!(class.count(), kept + 1);
        drop(last);
        assert_eq!(class.count(), kept - kept / 2 + 2);
    };
    // A new thread's cache is empty.
    std::thread::spawn(move || [64, 4096].map(fill)).join().unwrap();
}
