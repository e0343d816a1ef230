//! Memory of cells: pages that are at the same time the generational table of all actors.
//!
//! A page holds 64 cells of one size. A cell's slot number is `page * 64 + index` and never
//! changes; its generation counts its tenants. Pages are given back only when the node is gone and
//! no reference to any of its cells is left.
//!
//! Free cells lie in caches of the workers (see [`Cache`]) and, under a lock, in the arena.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::primitive::Mutex;

use super::header::Header;
use super::state::{Code, Entry, Tenancy};

const CELLS_A_PAGE: usize = 64;
const LINE: usize = 64;
/// Sizes are multiples of this.
const GRAIN: usize = 16;
/// Up to this many.
const CLASSES: usize = 64;
/// How many free cells of a class move between a cache and the arena at once.
const BATCH: usize = 64;

/// A size class: its cells take `(class + 1) * 16` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class(u8);

impl Class {
    /// The class of the largest cells.
    #[allow(clippy::cast_possible_truncation, reason = "a small constant")]
    pub const LARGEST: Self = Self(CLASSES as u8 - 1);

    /// The class for cells of this layout, if they fit.
    pub const fn of(layout: Layout) -> Option<Self> {
        if layout.align() > GRAIN || layout.size() > CLASSES * GRAIN {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, reason = "below CLASSES")]
        let class = layout.size().div_ceil(GRAIN).saturating_sub(1) as u8;
        Some(Self(class))
    }

    const fn stride(self) -> usize {
        (self.0 as usize + 1) * GRAIN
    }
}

struct Page {
    memory: NonNull<u8>,
    class: Class,
}

impl Page {
    fn layout(class: Class) -> Layout {
        // SAFETY: the alignment is a power of two and the size far below the limit.
        unsafe { Layout::from_size_align_unchecked(class.stride() * CELLS_A_PAGE, LINE) }
    }

    fn new(class: Class, number: usize) -> Self {
        let layout = Self::layout(class);
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let page = Self { memory, class };
        for index in 0..CELLS_A_PAGE {
            let slot = u32::try_from(number * CELLS_A_PAGE + index).unwrap_or(u32::MAX);
            // SAFETY: the cell lies in the page's memory; only the tenancy becomes initialised.
            unsafe { Header::tenancy_of(page.cell(index)).write(Tenancy::vacant(slot)) };
        }
        page
    }

    fn cell(&self, index: usize) -> NonNull<Header> {
        debug_assert!(index < CELLS_A_PAGE);
        // SAFETY: inside the page.
        unsafe { self.memory.byte_add(index * self.class.stride()).cast() }
    }
}

struct Inner {
    pages: Vec<Page>,
    free: [Vec<NonNull<Header>>; CLASSES],
    /// Cells in use, less what caches have not reported yet.
    in_use: i64,
    /// Caches are gone for good, so that `in_use` is exact.
    retired: bool,
}

// SAFETY: pages and free cells are raw memory owned by the arena.
unsafe impl Send for Inner {}

/// All cells of a node.
pub struct Arena(Mutex<Inner>);

impl Arena {
    /// An arena without pages.
    pub fn new() -> Self {
        Self(Mutex::new(Inner {
            pages: Vec::new(),
            free: [const { Vec::new() }; CLASSES],
            in_use: 0,
            retired: false,
        }))
    }

    /// A free cell for whoever has no cache. True when it is the first in use of a retired arena:
    /// then the caller takes what the cells hold together anew.
    #[must_use]
    pub fn take(&self, class: Class) -> (NonNull<Header>, bool) {
        let mut inner = self.0.lock();
        let first = inner.retired && inner.in_use == 0;
        inner.in_use += 1;
        (inner.take(class), first)
    }

    /// Takes a cell back from whoever has no cache. True when it was the last of a retired arena:
    /// then the caller gives up what the cells held together.
    #[must_use]
    pub fn give(&self, class: Class, cell: NonNull<Header>) -> bool {
        let mut inner = self.0.lock();
        inner.in_use -= 1;
        inner.free[class.0 as usize].push(cell);
        inner.retired && inner.in_use == 0
    }

    /// Says that all caches are flushed and no worker will have one again. True when no cell is in
    /// use: then the caller gives up what the cells held together.
    #[must_use]
    pub fn retire(&self) -> bool {
        let mut inner = self.0.lock();
        let first = !std::mem::replace(&mut inner.retired, true);
        first && inner.in_use == 0
    }

    /// Cells in use, less what caches have not reported yet.
    pub fn in_use(&self) -> i64 {
        self.0.lock().in_use
    }

    /// A reference to the cell with this code, if that incarnation still has one. `free` is called
    /// for a cell that a race left to us.
    pub fn find(&self, code: Code, free: impl FnOnce(NonNull<Header>)) -> Option<NonNull<Header>> {
        let slot = code.slot() as usize;
        let inner = self.0.lock();
        let cell = inner.pages.get(slot / CELLS_A_PAGE)?.cell(slot % CELLS_A_PAGE);
        drop(inner);
        // SAFETY: a page's tenancies are initialised and stay while the node's arena does.
        let tenancy = unsafe { &*Header::tenancy_of(cell) };
        match tenancy.try_retain_as(code) {
            Entry::Retained => Some(cell),
            Entry::Stale => None,
            Entry::StaleAndLast => {
                free(cell);
                None
            }
        }
    }

    /// The codes of all cells that have references now. A listing, not a snapshot.
    pub fn codes(&self) -> Vec<Code> {
        let inner = self.0.lock();
        let mut codes = Vec::new();
        for page in &inner.pages {
            for index in 0..CELLS_A_PAGE {
                // SAFETY: as in `find`.
                let tenancy = unsafe { &*Header::tenancy_of(page.cell(index)) };
                if tenancy.refs() > 0 {
                    codes.push(tenancy.code());
                }
            }
        }
        codes
    }
}

impl Inner {
    fn take(&mut self, class: Class) -> NonNull<Header> {
        let free = &mut self.free[class.0 as usize];
        if let Some(cell) = free.pop() {
            return cell;
        }
        let page = Page::new(class, self.pages.len());
        let first = page.cell(0);
        // In reverse, so that slots are used in rising order.
        free.extend((1..CELLS_A_PAGE).rev().map(|index| page.cell(index)));
        self.pages.push(page);
        first
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for page in self.0.get_mut().pages.drain(..) {
            // SAFETY: the arena goes only when no reference to a cell is left.
            unsafe { dealloc(page.memory.as_ptr(), Page::layout(page.class)) };
        }
    }
}

/// A worker's own free cells: no lock, no atomic operation.
#[derive(Default)]
pub struct Cache {
    /// By class; empty until the first cell.
    free: Vec<Vec<NonNull<Header>>>,
    taken: i64,
}

impl Cache {
    /// A free cell.
    #[inline]
    pub fn take(&mut self, arena: &Arena, class: Class) -> NonNull<Header> {
        self.taken += 1;
        match self.free.get_mut(class.0 as usize).and_then(Vec::pop) {
            Some(cell) => cell,
            None => self.refill(arena, class),
        }
    }

    #[cold]
    fn refill(&mut self, arena: &Arena, class: Class) -> NonNull<Header> {
        let mut inner = arena.0.lock();
        let cells = std::array::from_fn::<_, BATCH, _>(|_| inner.take(class));
        drop(inner);
        let [first, rest @ ..] = cells;
        self.list(class).extend(rest.iter().rev());
        first
    }

    fn list(&mut self, class: Class) -> &mut Vec<NonNull<Header>> {
        if self.free.is_empty() {
            self.free.resize_with(CLASSES, Vec::new);
        }
        &mut self.free[class.0 as usize]
    }

    /// Takes a cell back.
    #[inline]
    pub fn give(&mut self, arena: &Arena, class: Class, cell: NonNull<Header>) {
        self.taken -= 1;
        let free = self.list(class);
        free.push(cell);
        if free.len() >= 4 * BATCH {
            let surplus = free.split_off(2 * BATCH);
            arena.0.lock().free[class.0 as usize].extend(surplus);
        }
    }

    /// Hands everything to the arena, when the worker ends.
    pub fn flush(&mut self, arena: &Arena) {
        let mut inner = arena.0.lock();
        inner.in_use += std::mem::take(&mut self.taken);
        for (free, mine) in inner.free.iter_mut().zip(&mut self.free) {
            free.append(mine);
        }
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena").field("in_use", &self.in_use()).finish()
    }
}
