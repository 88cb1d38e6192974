//! What the allocator really hands out: jemalloc's size classes, in bytes.
//!
//! ```text
//! 8 | 16 32 48 … 128 | 160 192 224 256 | 320 384 448 512 | 640 …   four classes to a doubling
//! ```
//!
//! These are the classes of a jemalloc with a quantum of 16 bytes (the distributions' library; the
//! measurements in `models/failover/lab` were taken with it). Redis built from its own source tree
//! brings a jemalloc with a quantum of 8, whose classes below 64 bytes are twice as fine: small
//! structures then take up to 8 bytes less each. Left out: arenas, thread caches and their
//! metadata, which show in the resident set and not in `used_memory`.

/// Allocations up to here are rounded to a multiple of [`QUANTUM`].
const QUANTUM_MAX: u64 = 128;
const QUANTUM: u64 = 16;

/// The bytes that an allocation of `bytes` takes.
pub fn allocated(bytes: u64) -> u64 {
    match bytes {
        0..=8 => 8,
        9..=QUANTUM_MAX => bytes.next_multiple_of(QUANTUM),
        _ => bytes.next_multiple_of(1 << ((bytes - 1).ilog2() - 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_library() {
        for (asked, class) in [
            (1, 8),
            (9, 16),
            (24, 32),
            (128, 128),
            (129, 160),
            (257, 320),
            (1030, 1280),
            (4102, 5120),
            (16400, 20480),
            (1 << 23, 1 << 23),
        ] {
            assert_eq!(allocated(asked), class, "{asked} bytes");
        }
    }

    #[test]
    fn an_allocation_never_shrinks_and_wastes_at_most_a_fifth() {
        for bytes in 1..20_000 {
            let got = allocated(bytes);
            assert!(got >= bytes && got <= allocated(bytes + 1));
            assert!(bytes <= QUANTUM_MAX || (got - bytes) as f64 <= 0.2 * got as f64);
        }
    }
}
