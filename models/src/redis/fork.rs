//! What a child that saves costs its parent: the fork, page tables, and pages copied on write.
//!
//! The child sees the dataset as it was. Each page that the parent then writes to is copied once,
//! so after `n` touches of a region of `P` pages, at random, `P (1 - exp(-n/P))` of them exist
//! twice. One overwrite of a string touches
//!
//! ```text
//! the key's entry        1   the pointer to the new value
//! objects                2   the new one, and the old one's count of references
//! a freed value's place  1 + (bytes - 1) / page   the new value is written where one was freed
//! the allocator's books  2   of the slab that gains a free place, and of the one that loses it
//! ```
//!
//! and not the names of keys nor the tables (rehashing waits while a child saves). A page is 4 KiB,
//! or 2 MiB if the kernel backs the heap with huge pages (Redis switches them off for itself by
//! default since 6.2: `disable-thp`). Left out: new keys, which go to fresh pages, and reads, which
//! write the time of the last access beside the object.

use sim::SimDuration;

/// Bytes of an ordinary page.
pub const PAGE: f64 = 4096.0;

/// Bytes of a huge page.
pub const HUGE_PAGE: f64 = 2_097_152.0;

/// What a child takes for itself even if nothing is written: measured, 1.1 MB.
const CHILD: f64 = 1.1e6;

/// Time that `fork` blocks the single thread.
pub fn fork_time(resident: f64, per_gib: SimDuration) -> SimDuration {
    per_gib.scaled(resident / (1u64 << 30) as f64)
}

/// What a server does when it forks: commands per second, the share of them that write, and the
/// time that each takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Busy {
    /// Commands per second.
    pub commands: f64,
    /// Writes per second, of those.
    pub writes: f64,
    /// Seconds for one command.
    pub takes: f64,
}

/// How long after a fork of so much resident memory the single thread does nothing but copy huge
/// pages, `copy` seconds each, for the writes that wait: each write goes to a page at random.
///
/// With a share `u` of the pages not yet copied a command takes `takes + w u copy`, where `w` is
/// the share of writes; as long as commands times that is above 1 the thread is never free, and
/// copies `w u` pages a command. So the share falls from 1 to `u*`, at which it keeps up, in
///
/// ```text
/// pages x ( takes/w x ln(1/u*) + copy x (1 - u*) ), u* = (1 - commands x takes) / (writes x copy)
/// ```
pub fn copies_pages_for(resident: f64, busy: Busy, copy: f64) -> SimDuration {
    let Busy {
        commands,
        writes,
        takes,
    } = busy;
    if writes <= 0.0 || copy <= 0.0 {
        return SimDuration::ZERO;
    }
    // A server that could not keep up without any fork is another matter.
    let keeps_up = ((1.0 - commands * takes).max(0.01) / (writes * copy)).min(1.0);
    let pages = resident / HUGE_PAGE;
    let each = takes * commands / writes * -keeps_up.ln() + copy * (1.0 - keeps_up);
    SimDuration::from_secs_f64(pages * each)
}

/// Bytes that jemalloc keeps for each slab, with the map of its free places (edata.h: edata_t).
const SLAB_RECORD: f64 = 128.0;

/// Bytes of the page tables of so much resident memory: 8 for each page.
pub fn page_tables(resident: f64) -> f64 {
    resident / PAGE * 8.0
}

/// The strings that are overwritten, as regions of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overwritten {
    /// How many keys there are.
    pub keys: f64,
    /// Bytes of an entry of the main table.
    pub entry: f64,
    /// Bytes of an object.
    pub object: f64,
    /// Bytes of a value's string.
    pub value: f64,
}

impl Overwritten {
    /// Bytes copied by `writes` overwrites of keys drawn at random since the fork.
    pub fn copied(&self, writes: f64, page: f64) -> f64 {
        let region = |bytes: f64, touches: f64| {
            let pages = bytes / page;
            if pages > 0.0 {
                pages * (1.0 - (-touches / pages).exp()) * page
            } else {
                0.0
            }
        };
        let spanned = 1.0 + (self.value - 1.0).max(0.0) / page;
        let records = |each: f64| self.keys * each / slab(each) * SLAB_RECORD;
        CHILD
            + region(self.keys * self.entry, writes)
            + region(self.keys * self.object, 2.0 * writes)
            + region(records(self.object), 2.0 * writes)
            + region(self.keys * self.value, spanned * writes)
            + region(records(self.value), 2.0 * writes)
    }
}

/// Bytes of a slab of places of this size: whole pages that they fill without a rest (sc.c:
/// slab_size).
fn slab(place: f64) -> f64 {
    let place = (place as u64).max(1);
    let page = PAGE as u64;
    (page.max(place) / gcd(page, place) * page.min(place)) as f64
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRINGS: Overwritten = Overwritten {
        keys: 1e6,
        entry: 32.0,
        object: 16.0,
        value: 1024.0,
    };

    #[test]
    fn copies_grow_with_writes_up_to_the_dataset() {
        let few = STRINGS.copied(10.0, PAGE) - CHILD;
        // Ten writes hit different pages of everything: seven or eight pages each.
        assert!(few > 70.0 * PAGE && few < 81.0 * PAGE, "{few}");
        let all = STRINGS.copied(1e9, PAGE);
        let held = STRINGS.keys * (STRINGS.entry + STRINGS.object + STRINGS.value);
        assert!(all > held && all < 1.05 * held, "{all} of {held}");
    }

    #[test]
    fn huge_pages_copy_nearly_all_at_a_low_rate() {
        let writes = 10_000.0;
        assert!(STRINGS.copied(writes, HUGE_PAGE) > 0.9 * 1072e6);
        assert!(STRINGS.copied(writes, PAGE) < 0.2 * 1072e6);
    }

    #[test]
    fn a_thread_that_copies_huge_pages_is_busy_until_it_keeps_up() {
        let (busy, copy) = (
            Busy {
                commands: 40_000.0,
                writes: 20_000.0,
                takes: 10e-6,
            },
            125e-6,
        );
        let resident = 1000.0 * HUGE_PAGE;
        let formula = copies_pages_for(resident, busy, copy).as_secs_f64();
        // Command by command: half of them write, and the page is still shared with chance `u`.
        let (mut left, mut at, mut done) = (1000.0_f64, 0.0, 0.0);
        while done <= at * busy.commands {
            let u = left / 1000.0;
            at += busy.takes + 0.5 * u * copy;
            left -= 0.5 * u;
            done += 1.0;
            // The thread keeps up from here on; what has piled up is another matter.
            if busy.commands * (busy.takes + 0.5 * u * copy) < 1.0 {
                break;
            }
        }
        assert!((at / formula - 1.0).abs() < 0.01, "{at} and {formula}");
        let calm = Busy {
            writes: 1000.0,
            commands: 2000.0,
            ..busy
        };
        assert_eq!(copies_pages_for(resident, calm, copy), SimDuration::ZERO);
    }

    #[test]
    fn a_slab_holds_whole_places() {
        assert_eq!(slab(1280.0), 20_480.0);
        assert_eq!(slab(1024.0), 4096.0);
        assert_eq!(slab(16.0), 4096.0);
    }
}
