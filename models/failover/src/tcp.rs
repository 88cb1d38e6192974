//! TCP as far as failover notices it: which hosts cannot reach each other, what waits for that, and
//! how long Linux waits before it sends something again.
//!
//! `TCP_TIMEOUT_INIT` (1 s) for a connection request and `TCP_RTO_MIN` (0.2 s) for data, each
//! doubling, never above `TCP_RTO_MAX` (120 s).

use sim::{SimDuration, SimTime};

/// The first wait before a connection request is repeated.
pub const SYN_REPEAT: SimDuration = SimDuration::from_secs(1);
/// The first wait before data is repeated.
pub const DATA_REPEAT: SimDuration = SimDuration::from_millis(200);
/// Linux never waits longer than this between repeats.
const REPEAT_MAX: SimDuration = SimDuration::from_secs(120);

/// The wait before the repeat after `attempt` earlier ones.
pub fn backoff(first: SimDuration, attempt: u32) -> SimDuration {
    (first * (1 << attempt.min(16))).min(REPEAT_MAX)
}

/// When something that was first sent at `sent` into a cut gets through a network that is whole
/// again from `healed` on: it is repeated after `first`, and each time after twice as long.
pub fn repeated(sent: SimTime, first: SimDuration, healed: SimTime) -> SimTime {
    let (mut at, mut attempt) = (sent, 0);
    while at < healed {
        at = at.saturating_add(backoff(first, attempt));
        attempt += 1;
    }
    at
}

/// Ways that are cut. The way from one party to another and the way back are two.
#[derive(Clone, Debug)]
pub struct Cuts {
    parties: usize,
    /// By sender and receiver; empty until the first cut.
    cut: Vec<bool>,
    count: usize,
}

impl Cuts {
    /// No cut between so many parties.
    pub fn new(parties: usize) -> Cuts {
        Cuts {
            parties,
            cut: Vec::new(),
            count: 0,
        }
    }

    /// Cuts a way, or heals it.
    pub fn set(&mut self, from: usize, to: usize, cut: bool) {
        if cut == self.is_cut(from, to) {
            return;
        }
        if self.cut.is_empty() {
            self.cut = vec![false; self.parties * self.parties];
        }
        self.cut[from * self.parties + to] = cut;
        self.count = if cut { self.count + 1 } else { self.count - 1 };
    }

    /// Whether the way from one to the other is cut.
    pub fn is_cut(&self, from: usize, to: usize) -> bool {
        self.count > 0 && self.cut[from * self.parties + to]
    }

    /// Whether everybody reaches everybody.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// What was sent into cuts and waits with the senders' kernels, one channel for each direction of a
/// connection. `C` names a channel, `M` is a message.
#[derive(Clone, Debug)]
pub struct Stalled<C, M> {
    channels: Vec<Channel<C, M>>,
    /// How many of them hold something.
    busy: usize,
}

#[derive(Clone, Debug)]
struct Channel<C, M> {
    name: C,
    waiting: Vec<M>,
    attempt: u32,
}

/// What came of a repeat.
#[derive(Clone, Debug)]
pub enum Repeat<M> {
    /// The way is still cut: the next repeat comes after this.
    After(SimDuration),
    /// Everything gets through, in this order.
    Through(Vec<M>),
}

impl<C, M> Default for Stalled<C, M> {
    fn default() -> Stalled<C, M> {
        Stalled {
            channels: Vec::new(),
            busy: 0,
        }
    }
}

impl<C: Copy + PartialEq, M> Stalled<C, M> {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.busy == 0
    }

    /// Holds a message behind those that wait on its channel already, or because the way is `cut`;
    /// else gives it back. If it is the first, the channel's number is returned: it is to be
    /// repeated after [`DATA_REPEAT`].
    pub fn hold(&mut self, name: C, message: M, cut: bool) -> Result<Option<usize>, M> {
        let mut channels = self.channels.iter_mut();
        if let Some(channel) = channels.find(|c| c.name == name && !c.waiting.is_empty()) {
            channel.waiting.push(message);
            return Ok(None);
        }
        if !cut {
            return Err(message);
        }
        let channel = Channel {
            name,
            waiting: vec![message],
            attempt: 0,
        };
        self.busy += 1;
        let free = self.channels.iter().position(|c| c.waiting.is_empty());
        let Some(number) = free else {
            self.channels.push(channel);
            return Ok(Some(self.channels.len() - 1));
        };
        self.channels[number] = channel;
        Ok(Some(number))
    }

    /// The name of a channel.
    pub fn name(&self, channel: usize) -> C {
        self.channels[channel].name
    }

    /// Whether anything waits on a channel.
    pub fn holds(&self, channel: usize) -> bool {
        !self.channels[channel].waiting.is_empty()
    }

    /// A channel tries again.
    pub fn repeat(&mut self, channel: usize, cut: bool) -> Repeat<M> {
        if !cut {
            return Repeat::Through(self.give_up(channel));
        }
        let channel = &mut self.channels[channel];
        channel.attempt += 1;
        Repeat::After(backoff(DATA_REPEAT, channel.attempt))
    }

    /// Takes what waits on a channel.
    pub fn give_up(&mut self, channel: usize) -> Vec<M> {
        let waiting = std::mem::take(&mut self.channels[channel].waiting);
        self.busy -= usize::from(!waiting.is_empty());
        waiting
    }

    /// Takes everything that waits.
    pub fn clear(&mut self) -> Vec<M> {
        self.busy = 0;
        let channels = self.channels.drain(..);
        channels.flat_map(|channel| channel.waiting).collect()
    }

    /// The channels on which something waits, each with its name and messages.
    pub fn waiting(&self) -> impl Iterator<Item = (C, &[M])> {
        let busy = self.channels.iter().filter(|c| !c.waiting.is_empty());
        busy.map(|c| (c.name, &c.waiting[..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_into_a_cut_comes_through_at_a_repeat() {
        let at = |seconds| SimTime::ZERO + SimDuration::from_secs_f64(seconds);
        let repeat = |healed| repeated(SimTime::ZERO, DATA_REPEAT, at(healed));
        assert_eq!(repeat(0.0), at(0.0));
        assert_eq!(repeat(0.1), at(0.2));
        assert_eq!(repeat(3.1), at(6.2));
        assert!((repeat(1000.0) - at(1000.0)) <= REPEAT_MAX);
    }
}
