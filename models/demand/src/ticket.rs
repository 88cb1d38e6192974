//! How what an attempt waits for names it.

/// An attempt at a stage: void once it has gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    /// Its slot.
    pub slot: u32,
    /// The number of its stage, or of the attempt for all stages.
    pub stage: u64,
}

impl Ticket {
    /// Of nobody.
    pub const VOID: Ticket = Ticket {
        slot: u32::MAX,
        stage: 0,
    };
}
