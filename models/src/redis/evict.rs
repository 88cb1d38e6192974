//! Eviction: which keys may go at `maxmemory`, and whose go first.
//!
//! | policy | may evict | goes first |
//! | --- | --- | --- |
//! | `noeviction` | nothing: writes get -OOM | |
//! | `allkeys-lru`, `volatile-lru` | all keys, keys with a TTL | the longest unused |
//! | `allkeys-lfu`, `volatile-lfu` | | the least used |
//! | `allkeys-random`, `volatile-random` | | any |
//! | `volatile-ttl` | keys with a TTL | the shortest to live |
//!
//! With nothing left that may go, writes get -OOM as under `noeviction` (evict.c:
//! performEvictions).
//! Redis samples five keys at a time and keeps a pool of sixteen, which comes close to the order
//! that is taken here as exact. A workload's keys are taken to be asked for at random and equally
//! often: so the time since a key's last use is exponential, and "the longest unused" takes from
//! every workload the share that has been idle for some time `T`, the same for all:
//! `sum of bytes x exp(-rate T) = bytes to evict` (Che, Tung and Wang 2002).
//! Left out: the time that evictions take, which `outage check` adds to that of commands.

use crate::spec::redis::MaxmemoryPolicy;
use crate::spec::store::{HotSpec, MissesSpec};

/// Time that a node's thread takes to evict one key, in seconds: 0.9 to 1.2 us (`allkeys-random`)
/// and 1.2 to 1.6 us (`allkeys-lru`) for strings of 100 bytes, measured with Redis 7.0.15
/// (`models/lab/N6_eviction.csv`).
pub const SECONDS_TO_EVICT: f64 = 1.5e-6;

/// Which keys a policy may evict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evictable {
    /// None.
    Nothing,
    /// Those with a TTL.
    Volatile,
    /// All.
    Everything,
}

/// The keys of one workload on a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// Their bytes.
    pub bytes: f64,
    /// How often each of them is used, per second.
    pub uses: f64,
    /// The TTL that each was given, in seconds; `None` for keys that do not expire.
    pub ttl: Option<f64>,
}

impl MaxmemoryPolicy {
    /// Which keys may go.
    pub fn evictable(self) -> Evictable {
        match self {
            MaxmemoryPolicy::Noeviction => Evictable::Nothing,
            MaxmemoryPolicy::AllkeysLru
            | MaxmemoryPolicy::AllkeysLfu
            | MaxmemoryPolicy::AllkeysRandom => Evictable::Everything,
            MaxmemoryPolicy::VolatileLru
            | MaxmemoryPolicy::VolatileLfu
            | MaxmemoryPolicy::VolatileRandom
            | MaxmemoryPolicy::VolatileTtl => Evictable::Volatile,
        }
    }

    /// Bytes that each pool loses when `excess` bytes have to go; less in all if nothing is left.
    pub fn evicted(self, pools: &[Pool], excess: f64) -> Vec<f64> {
        let may = |pool: &Pool| match self.evictable() {
            Evictable::Nothing => 0.0,
            Evictable::Volatile if pool.ttl.is_none() => 0.0,
            Evictable::Volatile | Evictable::Everything => pool.bytes,
        };
        let may: Vec<f64> = pools.iter().map(may).collect();
        let excess = excess.min(may.iter().sum());
        match self {
            MaxmemoryPolicy::Noeviction => vec![0.0; pools.len()],
            MaxmemoryPolicy::AllkeysRandom | MaxmemoryPolicy::VolatileRandom => {
                take(&may, excess, |_, x| x)
            }
            // Idle for longer than T, with x = 1 / (1 + T) running from none to all.
            MaxmemoryPolicy::AllkeysLru | MaxmemoryPolicy::VolatileLru => {
                take(&may, excess, |i, x| {
                    (-pools[i].uses * (1.0 / x - 1.0)).exp()
                })
            }
            // Less than x / (1 - x) to live, of a remaining time that is uniform up to the TTL.
            MaxmemoryPolicy::VolatileTtl => take(&may, excess, |i, x| {
                let ttl = pools[i].ttl.unwrap_or(f64::INFINITY);
                (x / (1.0 - x) / ttl).min(1.0)
            }),
            MaxmemoryPolicy::AllkeysLfu | MaxmemoryPolicy::VolatileLfu => {
                least_used_first(pools, &may, excess)
            }
        }
    }
}

/// The share of a cache's hits that is missing when a full node has no room for this share of its
/// keys, under its policy.
pub fn hits_gone(misses: MissesSpec, share: f64, policy: MaxmemoryPolicy) -> f64 {
    let Some(HotSpec { keys, requests }) = misses.hot else {
        return share;
    };
    let (keys, requests) = (keys.get(), requests.get());
    let parts = [(keys, requests), (1.0 - keys, 1.0 - requests)];
    let pools = parts.map(|(keys, requests)| Pool {
        bytes: keys,
        uses: requests / keys,
        ttl: Some(1.0),
    });
    let evicted = match policy {
        MaxmemoryPolicy::AllkeysRandom
        | MaxmemoryPolicy::VolatileRandom
        | MaxmemoryPolicy::VolatileTtl => comes_back(&pools, share),
        _ => policy.evicted(&pools, share),
    };
    let missing = pools.iter().zip(evicted);
    missing.map(|(pool, bytes)| pool.uses * bytes).sum()
}

/// What is missing of each pool where keys are evicted however often they are used, and put back
/// when they are missed: at a common rate of eviction `e`, the share `e / (e + uses)` of each (by
/// chance, or the oldest first: Gelenbe 1973).
fn comes_back(pools: &[Pool], share: f64) -> Vec<f64> {
    let may: Vec<f64> = pools.iter().map(|pool| pool.bytes).collect();
    take(&may, share, |n, x| x / (x + (1.0 - x) * pools[n].uses))
}

/// Takes from each pool the share that `share` gives it at the common level, in 0..1, at which all
/// of them together make up `excess`. Shares grow with the level.
fn take(may: &[f64], excess: f64, share: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let at = |level: f64| -> Vec<f64> {
        let of = |(i, bytes): (usize, &f64)| {
            if *bytes > 0.0 {
                bytes * share(i, level)
            } else {
                0.0
            }
        };
        may.iter().enumerate().map(of).collect()
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..BISECTIONS {
        let level = (low + high) / 2.0;
        if at(level).iter().sum::<f64>() < excess {
            low = level;
        } else {
            high = level;
        }
    }
    at(high)
}

/// Halvings after which a level in 0..1 is as exact as its type.
const BISECTIONS: u32 = 60;

/// Whole pools by how often their keys are used; equally often used ones share.
fn least_used_first(pools: &[Pool], may: &[f64], excess: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..pools.len()).collect();
    order.sort_by(|a, b| pools[*a].uses.total_cmp(&pools[*b].uses));
    let mut left = excess;
    let mut evicted = vec![0.0; pools.len()];
    for equal in order.chunk_by(|a, b| pools[*a].uses == pools[*b].uses) {
        let held: f64 = equal.iter().map(|i| may[*i]).sum();
        let share = if held > 0.0 {
            (left / held).min(1.0)
        } else {
            0.0
        };
        for i in equal {
            evicted[*i] = may[*i] * share;
        }
        left -= held * share;
    }
    evicted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An acceptance log that must stay, sessions in use, and a cache that is hardly read.
    const POOLS: [Pool; 3] = [
        Pool {
            bytes: 400.0,
            uses: 0.01,
            ttl: None,
        },
        Pool {
            bytes: 300.0,
            uses: 0.1,
            ttl: Some(3600.0),
        },
        Pool {
            bytes: 300.0,
            uses: 0.001,
            ttl: Some(600.0),
        },
    ];

    fn close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn what_goes_depends_on_the_policy() {
        let evicted = |policy: MaxmemoryPolicy| policy.evicted(&POOLS, 100.0);
        close(&evicted(MaxmemoryPolicy::Noeviction), &[0.0, 0.0, 0.0]);
        close(
            &evicted(MaxmemoryPolicy::AllkeysRandom),
            &[40.0, 30.0, 30.0],
        );
        close(
            &evicted(MaxmemoryPolicy::VolatileRandom),
            &[0.0, 50.0, 50.0],
        );
        close(&evicted(MaxmemoryPolicy::AllkeysLfu), &[0.0, 0.0, 100.0]);
        close(
            &evicted(MaxmemoryPolicy::VolatileTtl),
            &[0.0, 100.0 / 7.0, 600.0 / 7.0],
        );
        let lru = evicted(MaxmemoryPolicy::AllkeysLru);
        assert!(lru[2] > 99.0 && lru[0] < 1.0 && lru[1] < 1e-9, "{lru:?}");
        close(&[lru.iter().sum()], &[100.0]);
    }

    #[test]
    fn what_has_no_ttl_stays_under_a_volatile_policy_however_much_should_go() {
        for policy in [
            MaxmemoryPolicy::VolatileLru,
            MaxmemoryPolicy::VolatileLfu,
            MaxmemoryPolicy::VolatileRandom,
            MaxmemoryPolicy::VolatileTtl,
        ] {
            close(&policy.evicted(&POOLS, 900.0), &[0.0, 300.0, 300.0]);
        }
    }

    #[test]
    fn equally_used_pools_lose_in_proportion_to_their_bytes() {
        let equal = [
            POOLS[0],
            Pool {
                uses: 0.01,
                ..POOLS[1]
            },
        ];
        for policy in [MaxmemoryPolicy::AllkeysLru, MaxmemoryPolicy::AllkeysLfu] {
            close(&policy.evicted(&equal, 70.0), &[40.0, 30.0]);
        }
    }
}
