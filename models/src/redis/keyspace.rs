//! What one key and its value take in memory, structure by structure.
//!
//! ```text
//! main table        dictEntry ──► key (sds)
//!                       └───────► robj ──► value (sds)     the value is in the robj up to 44 bytes
//! expires table     dictEntry ──► (the same key)           only keys with a TTL
//! ```
//!
//! Every box is an allocation of its own, rounded to the allocator's classes. Values are strings;
//! hashes, lists and sets with the same bytes take less while they are packed and more when they
//! are not. The tables themselves are in `table.rs`.

use sim::quantity::Bytes;

use super::allocator::allocated;
use crate::spec::WorkloadSpec;

/// Bytes of a `dictEntry`: key, value, next (dict.h).
const DICT_ENTRY: u64 = 24;

/// Cluster mode adds the links of the list of a slot's keys to each entry of the main table
/// (cluster.h: clusterDictEntryMetadata). They take the entry into the next class.
pub const SLOT_LINKS: u64 = 16;

/// Bytes of a `robj` (server.h).
pub const OBJECT: u64 = 16;

/// Up to this length a string stands in the same allocation as its object (object.c:
/// OBJ_ENCODING_EMBSTR_SIZE_LIMIT).
const EMBEDDED_MAX: u64 = 44;

/// What a key of one workload looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyShape {
    /// Bytes of the key's name.
    pub key_length: u64,
    /// Does the node run in cluster mode?
    pub cluster: bool,
    /// Does the key carry a TTL?
    pub expires: bool,
}

impl KeyShape {
    /// Bytes of a key with a value of this length, without its share of the tables.
    pub fn bytes(self, value_length: u64) -> u64 {
        self.overhead() + value(value_length)
    }

    /// Bytes of a key, whatever its value.
    pub fn overhead(self) -> u64 {
        let timer = if self.expires {
            allocated(DICT_ENTRY)
        } else {
            0
        };
        entry(self.cluster) + string(self.key_length) + timer
    }

    /// Mean bytes of a key whose value lengths are Gamma distributed with this mean and shape: the
    /// allocator's rounding averaged over the lengths, to the whole byte.
    pub fn mean_bytes(self, value_length: f64, shape: f64) -> u64 {
        // The density needs no constant factor: the weights are divided by their own sum.
        let spread = 8.0 / shape.sqrt();
        let (from, to) = ((1.0 - spread).max(0.0), 1.0 + spread);
        let (mut weights, mut bytes) = (0.0, 0.0);
        for step in 0..STEPS {
            let part = from + (f64::from(step) + 0.5) * (to - from) / f64::from(STEPS);
            let x = part * value_length;
            let weight = ((shape - 1.0) * part.ln() - shape * (part - 1.0)).exp();
            weights += weight;
            bytes += weight * value(x.round() as u64) as f64;
        }
        self.overhead() + (bytes / weights).round() as u64
    }
}

impl WorkloadSpec {
    /// Mean bytes of one of its keys in memory with a value of this mean length, in cluster mode or
    /// not.
    pub fn bytes_per_key(&self, value_size: Bytes, cluster: bool) -> u64 {
        let shape = KeyShape {
            key_length: self.key_length.get(),
            cluster,
            expires: self.expires,
        };
        shape.mean_bytes(value_size.as_f64(), self.value_size_shape.get())
    }
}

/// Points at which [`KeyShape::mean_bytes`] looks: enough for the mean to settle within 0.5 %.
const STEPS: u32 = 256;

/// Bytes of a key's entry in the main table, in cluster mode or not.
pub fn entry(cluster: bool) -> u64 {
    allocated(DICT_ENTRY + if cluster { SLOT_LINKS } else { 0 })
}

/// Bytes of a string value and its object (object.c: createStringObject).
pub fn value(length: u64) -> u64 {
    if length <= EMBEDDED_MAX {
        // The header of a short string and the byte that ends it.
        allocated(OBJECT + 3 + length + 1)
    } else {
        allocated(OBJECT) + string(length)
    }
}

/// Bytes of a dynamic string of this length (sds.c: sdsReqType, sdsHdrSize).
pub fn string(length: u64) -> u64 {
    let header = match length {
        0 => 3,
        1..32 => 1,
        32..256 => 3,
        256..65_536 => 5,
        65_536..4_294_967_296 => 9,
        _ => 17,
    };
    allocated(header + length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: KeyShape = KeyShape {
        key_length: 16,
        cluster: false,
        expires: false,
    };

    #[test]
    fn a_key_is_the_sum_of_its_structures() {
        // Entry 32, key 32, object 16, and the value with its header in the next class.
        assert_eq!(PLAIN.bytes(64), 32 + 32 + 16 + 80);
        assert_eq!(PLAIN.bytes(1024), 32 + 32 + 16 + 1280);
        assert_eq!(PLAIN.bytes(44), 32 + 32 + 64, "embedded in the object");
        let cluster = KeyShape {
            cluster: true,
            ..PLAIN
        };
        assert_eq!(cluster.bytes(64), PLAIN.bytes(64) + 16);
        let expires = KeyShape {
            expires: true,
            ..PLAIN
        };
        assert_eq!(expires.bytes(64), PLAIN.bytes(64) + 32);
    }

    #[test]
    fn the_mean_over_lengths_lies_between_no_waste_and_the_most_waste() {
        for shape in [1.0, 2.0, 10.0] {
            for length in [100.0, 1000.0, 10_000.0] {
                let mean = PLAIN.mean_bytes(length, shape) as f64 - 64.0 - 16.0;
                assert!(mean > length, "{length}, {shape}: {mean}");
                assert!(mean < 1.25 * length + 16.0, "{length}, {shape}: {mean}");
            }
        }
        // Lengths that hardly vary all fall into one class.
        assert_eq!(PLAIN.mean_bytes(1024.0, 1e6), PLAIN.bytes(1024));
    }
}
