//! Models of who refers to a cell, and of what becomes of it: `cell/state.rs`.

use std::sync::atomic::{AtomicU32 as Count, Ordering};

use loom::cell::UnsafeCell;
use wharf_loom_tests::{Model, Roles, Shared};
use wharf_runtime::model::cell::state::{Code, Entry, Kind, Overflow, Tenancy};
use wharf_runtime::model::primitive::Mutex;

const TWO_THREADS: Model = Model::of_threads(2);

/// A place for a cell.
struct Slot {
    tenancy: Tenancy,
    /// The cell: the generation it belongs to, 0 while it is free.
    cell: UnsafeCell<u32>,
    births: Count,
    frees: Count,
}

// SAFETY: `cell` is what the tenancy is to guard: loom checks that it does.
unsafe impl Sync for Slot {}

impl Slot {
    fn vacant() -> Shared<Self> {
        Shared::new(Self {
            tenancy: Tenancy::vacant(7),
            cell: UnsafeCell::new(0),
            births: Count::new(0),
            frees: Count::new(0),
        })
    }

    /// Makes the slot's next cell. Only while it is free.
    fn bear(&self) -> Code {
        let code = self.tenancy.begin(Kind::Worker, Overflow::Wait);
        self.write(code.generation());
        self.tenancy.open(1);
        // Relaxed, here and below: loom runs a model on one thread.
        self.births.fetch_add(1, Ordering::Relaxed);
        code
    }

    fn write(&self, generation: u32) {
        self.cell.with_mut(|cell| {
            // SAFETY: the caller has the cell for itself: loom checks that.
            unsafe { *cell = generation };
        });
    }

    fn free(&self) {
        self.write(0);
        self.frees.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a reference back; whether the slot is free now.
    fn release(&self) -> bool {
        let last = self.tenancy.release();
        if last {
            self.free();
        }
        last
    }

    /// Looks for a cell by its code, and into it if it is there.
    fn visit(&self, code: Code) {
        match self.tenancy.try_retain_as(code) {
            Entry::Retained => {
                // SAFETY: a reference keeps the cell: loom checks that.
                let generation = self.cell.with(|cell| unsafe { *cell });
                assert_eq!(generation, code.generation(), "a stale code found another cell");
                self.release();
            }
            Entry::Stale => {}
            Entry::StaleAndLast => self.free(),
        }
    }

    fn assert_is_free_again(&self) {
        let (births, frees) = (self.births.load(Ordering::Relaxed), self.frees.load(Ordering::Relaxed));
        assert_eq!(births, frees, "a cell was lost, or freed twice");
        assert_eq!(self.tenancy.refs(), 0);
    }
}

fn end(slot: Shared<Slot>) {
    slot.assert_is_free_again();
    // SAFETY: the threads have ended.
    unsafe { slot.end() };
}

/// The slot gets another cell while somebody looks for the first.
fn reuse_against_a_stale_code(roles: Roles) {
    let slot = Slot::vacant();
    let code = slot.bear();
    let reuse = move || {
        if slot.release() {
            slot.bear();
            slot.release();
        }
    };
    roles.side_by_side(reuse, move || slot.visit(code));
    end(slot);
}

#[test]
fn a_stale_code_finds_nobody_while_its_slot_is_reused() {
    for roles in Roles::BOTH {
        TWO_THREADS
            .min_iterations(35)
            .check("cell: reuse and stale code", move || reuse_against_a_stale_code(roles));
    }
}

#[test]
#[should_panic(expected = "a stale code found another cell")]
fn a_generation_that_is_not_compared_is_found() {
    TWO_THREADS.breaks("tenancy: generation is not compared", || reuse_against_a_stale_code(Roles::Swapped));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_release_is_found() {
    TWO_THREADS.breaks("tenancy: release is relaxed", || reuse_against_a_stale_code(Roles::Swapped));
}

/// Somebody lists the cells that there are, and looks for one of them.
fn birth_against_a_listing(roles: Roles) {
    let slot = Slot::vacant();
    let live = move || {
        slot.bear();
        if slot.release() {
            slot.bear();
            slot.release();
        }
    };
    let list = move || {
        if slot.tenancy.refs() > 0 {
            slot.visit(slot.tenancy.code());
        }
    };
    roles.side_by_side(live, list);
    end(slot);
}

#[test]
fn who_gets_in_sees_the_whole_cell() {
    for roles in Roles::BOTH {
        TWO_THREADS
            .min_iterations(250)
            .check("cell: birth and listing", move || birth_against_a_listing(roles));
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_opening_is_found() {
    TWO_THREADS.breaks("tenancy: open is relaxed", || birth_against_a_listing(Roles::Swapped));
}

/// An entry for an actor in some table: its death takes it away, or it is refused. `enter` is called under the
/// table's lock, `die` says whether there may be an entry.
fn entry_against_death(
    roles: Roles,
    enter: fn(&Tenancy) -> bool,
    die: fn(&Tenancy) -> bool,
    complaint: &'static str,
) {
    let slot = Slot::vacant();
    slot.bear();
    let entries = Shared::new(Mutex::new(0_u32));
    let enter = move || {
        let mut entries = entries.lock();
        if enter(&slot.tenancy) {
            *entries += 1;
        }
    };
    let die = move || {
        if die(&slot.tenancy) {
            *entries.lock() = 0;
        }
    };
    roles.side_by_side(enter, die);
    assert_eq!(*entries.lock(), 0, "{complaint}");
    slot.release();
    end(slot);
    // SAFETY: the threads have ended.
    unsafe { entries.end() };
}

/// An actor with a name in the directory: the name is removed by its death, or refused.
fn naming_against_death(roles: Roles) {
    let die = |tenancy: &Tenancy| {
        let _before = tenancy.transition_to_dying();
        tenancy.state().is_named()
    };
    entry_against_death(roles, Tenancy::transition_to_named, die, "a dead actor kept its name");
}

#[test]
fn the_dead_keep_no_name() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(3).check("cell: name and death", move || naming_against_death(roles));
    }
}

#[test]
#[should_panic(expected = "a dead actor kept its name")]
fn a_name_for_the_dying_is_found() {
    TWO_THREADS.breaks("tenancy: the dying are named", || naming_against_death(Roles::AsWritten));
}

/// An actor that other nodes know: its end is told to whoever exported it, or the export is refused.
fn export_against_death(roles: Roles) {
    let die = |tenancy: &Tenancy| {
        let _before = tenancy.transition_to_dying();
        tenancy.transition_to_dead().is_exported()
    };
    entry_against_death(roles, Tenancy::transition_to_exported, die, "a dead actor is exported still");
}

#[test]
fn the_dead_are_not_exported() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(3).check("cell: export and death", move || export_against_death(roles));
    }
}

#[test]
#[should_panic(expected = "a dead actor is exported still")]
fn an_export_of_the_dead_is_found() {
    TWO_THREADS.breaks("tenancy: the dead are exported", || export_against_death(Roles::AsWritten));
}

/// Two want to end an actor while it comes into being.
fn two_claims_against_birth(roles: Roles) {
    let slot = Slot::vacant();
    slot.bear();
    let claim = move || {
        let claimed = slot.tenancy.transition_to_claimed();
        if claimed {
            // SAFETY: it was claimed once, after the birth: loom checks that.
            let generation = slot.cell.with(|cell| unsafe { *cell });
            assert_eq!(generation, 9, "claimed before it was born");
        }
        u32::from(claimed)
    };
    let live = move || {
        // The body is put in after the cell was opened.
        slot.write(9);
        slot.tenancy.transition_to_born();
        claim()
    };
    let (one, other) = roles.side_by_side(live, claim);
    assert_eq!(one + other, 1, "the end was not claimed once");
    slot.release();
    end(slot);
}

#[test]
fn the_end_is_claimed_once() {
    for roles in Roles::BOTH {
        TWO_THREADS.min_iterations(10).check("cell: two claims", move || two_claims_against_birth(roles));
    }
}

#[test]
#[should_panic(expected = "the end was not claimed once")]
fn a_claim_that_looks_before_it_acts_is_found() {
    TWO_THREADS.breaks("tenancy: claim looks before it acts", || two_claims_against_birth(Roles::AsWritten));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_relaxed_birth_is_found() {
    TWO_THREADS.breaks("tenancy: birth is relaxed", || two_claims_against_birth(Roles::AsWritten));
}
