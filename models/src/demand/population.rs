//! Who comes, and what they meet: the input of [`super::evaluate`], plain and typed.
//!
//! ```text
//!  Population ── visits/s ──► Class (share, patience, presses, returns)
//!      │                         │ one arrival tree each: Poisson thinning
//!      ▼                         ▼
//!  Service: queue ──► workers ──► Redis client ──► the answer in force
//! ```
//!
//! Left out: signers that learn from each other, or come because others failed. A share is fixed.

use sim::{Intensity, SimDuration, SimTime};

use crate::answer::{AnswerTimeline, Cause};

/// All who come and all that they meet.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What populations and answers refer to by position.
    pub services: Vec<Service>,
    /// Who comes.
    pub populations: Vec<Population>,
}

/// People or programs that come to one service at one rate.
#[derive(Clone, Debug)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// Names its arrivals among all random streams: the same in every design that is compared.
    pub entity: u64,
    /// The position of its service in [`Demand::services`].
    pub service: usize,
    /// First visits per second.
    pub visits: Intensity,
    /// A minute counts as down when more than this share of its first presses fail.
    pub objective: f64,
    /// Are its visits acceptances to be counted, or calls of machines that only load the service?
    pub signers: bool,
    /// Who they are; the shares add up to 1.
    pub classes: Vec<Class>,
}

/// Signers that behave alike.
#[derive(Clone, Debug)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its share of the population's visits.
    pub share: f64,
    /// How long the answer to one press is waited for.
    pub patience: SimDuration,
    /// Presses in one visit, the first included.
    pub presses_max: u32,
    /// Pause between an error that is shown and the next press. Who runs out of patience presses
    /// again at once.
    pub press_again_after: SimDuration,
    /// When a blocked signer comes back, counted from the first press of the first visit, in
    /// ascending order. A return that would begin while something of the visit before may still
    /// run on the server is put off until nothing can (see [`Class::offsets`]).
    pub returns: Vec<SimDuration>,
}

/// One API: a gateway, a queue, workers, and their Redis client.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Requests that it works on at the same time.
    pub workers: u32,
    /// Requests that may wait for a worker.
    pub queue_limit: u32,
    /// The gateway answers 504 when a request has taken this long, and the service drops it.
    pub gateway_timeout: SimDuration,
    /// What a request takes when Redis answers.
    pub service_time: SimDuration,
    /// Its Redis client.
    pub client: Client,
}

/// The rules by which a service's Redis client waits and tries again.
#[derive(Clone, Debug)]
pub struct Client {
    /// Until a command without a reply is given up; `None`: never.
    pub command_timeout: Option<SimDuration>,
    /// Further tries after an error that is retried.
    pub retries: u32,
    /// Pause before each further try, in which the worker is held.
    pub backoff: SimDuration,
    /// Errors that are retried. [`Cause::Timeout`] stands for a command that was given up.
    pub retries_on: Vec<Cause>,
}

/// What the infrastructure did to one service in this trial.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    /// The answer in force.
    pub timeline: &'a AnswerTimeline,
    /// Spans `[from, to)` in which acknowledged writes were lost later; disjoint.
    pub lost_acks: &'a [(SimTime, SimTime)],
}

impl Class {
    /// The longest that one visit can keep a service busy: all its presses, and the gateway's
    /// patience with the last of them.
    pub fn life_max(&self, service: &Service) -> SimDuration {
        let shown_by = self.patience.min(service.gateway_timeout);
        (shown_by + self.press_again_after) * u64::from(self.presses_max - 1)
            + service.gateway_timeout
    }

    /// When each visit begins, counted from the first: zero, then the returns. A return waits until
    /// the visit before is over for the server too. Bias: a return planned sooner than that
    /// (minutes at most) comes late; planned returns of ten minutes and more are not touched.
    pub fn offsets(&self, service: &Service) -> Vec<SimDuration> {
        let life_max = self.life_max(service);
        let mut offsets = vec![SimDuration::ZERO];
        let mut earliest = life_max;
        for planned in &self.returns {
            let offset = (*planned).max(earliest);
            offsets.push(offset);
            earliest = offset + life_max;
        }
        offsets
    }
}
