//! Who comes, and what they meet: the input of [`crate::evaluate`], plain and typed.
//!
//! ```text
//!  Population ── visits/s ──► Class (share, patience, presses, returns)
//!      │                         │ one arrival tree each: Poisson thinning
//!      ▼                         ▼
//!  Service: queue ──► workers ──► Redis client ──► the answer in force
//! ```
//!
//! Left out: signers that learn from each other, or come because others failed. A share is fixed.

use sim::dist::Dist;
use sim::{Intensity, SimDuration, SimTime};

use crate::answer::{AnswerTimeline, Cause};
use crate::balance::Balancer;

/// All who come and all that they meet.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What populations and answers refer to by position.
    pub services: Vec<Service>,
    /// Who comes.
    pub populations: Vec<Population>,
    /// The services whose processes share their requests out press by press; those of any other
    /// are services of their own.
    pub balancers: Vec<Balancer>,
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
    /// The number of the whole population that this is a part of: each process of a service has its
    /// part, and results are given for the whole.
    pub whole: usize,
    /// First visits per second.
    pub visits: Intensity,
    /// A minute counts as down when more than this share of its first presses fail.
    pub objective: f64,
    /// Are its visits acceptances to be counted, or calls of machines that only load the service?
    pub signers: bool,
    /// Who they are; the shares add up to 1.
    pub classes: Vec<Class>,
    /// With a balancer: the process, by position among those of the service, that serves it if all
    /// presses of a visit go to one; otherwise 0.
    pub home: usize,
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
    /// What is inside it beyond workers and a queue; absent: nothing that one request could notice
    /// of another.
    pub inside: Option<ServiceModel>,
}

/// What requests of one service share besides its workers, and what is drawn for each.
#[derive(Clone, Debug)]
pub struct ServiceModel {
    /// What a request takes when Redis answers, drawn for each; absent: the service time.
    pub work: Option<Dist>,
    /// Does a request that the gateway has given up go on all the same? Its worker is then held
    /// until Redis answers or the client gives up.
    pub runs_on: bool,
    /// Until a connection that does not come about is given up; absent: never. It counts for nodes
    /// that have not answered since the servers were restarted.
    pub connect_timeout: Option<SimDuration>,
    /// How long a call waits for a node that refuses connections; absent: not at all.
    pub offline_queue: Option<SimDuration>,
    /// How the client's pause grows from one further try to the next.
    pub growth: BackoffGrowth,
    /// Further tries that may be under way at the same time; absent: any number.
    pub retries_at_once: Option<u32>,
    /// What a request calls, one after the other; empty: one need that answers as the service does.
    pub needs: Vec<Need>,
    /// The slower stores that needs fall back to, by position.
    pub stores: Vec<Fallback>,
    /// What Redis lost of what it held for a need, in time order.
    pub losses: Vec<Loss>,
    /// What Redis has no room for: from then on this share of a need's hits is missing at least,
    /// and does not come back, since each key that does evicts another one. In time order.
    pub crowded_out: Vec<Loss>,
}

/// A share of what a need's shard holds is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// When.
    pub at: SimTime,
    /// The need, by position.
    pub need: usize,
    /// Its shard, by position.
    pub shard: usize,
    /// The share; of what is lost above 0.
    pub share: f64,
}

/// How the pause before a further try grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackoffGrowth {
    /// From one try to the next.
    pub factor: f64,
    /// Never longer than this.
    pub max: SimDuration,
    /// The share of the pause that is drawn again each time, evenly between none and all of it.
    pub jitter: f64,
}

/// Something that a request calls.
#[derive(Clone, Debug)]
pub struct Need {
    /// The share of keys in each shard. A visit's key lies in one of them. Empty: all alike.
    pub shards: Vec<f64>,
    /// Equal parts of the service's connections, at least 1. A visit belongs to one of them, to the
    /// same at all needs. The answers of a part's shards follow those of the part before it.
    pub parts: u32,
    /// Calls at the same time, and how long one waits to be let in; absent: any number.
    pub permits: Option<(u32, SimDuration)>,
    /// What keeps calls from something that fails.
    pub breaker: Option<Breaker>,
    /// A copy in the service's own memory, for reads: the share of calls that it spares while Redis
    /// answers, and how long an entry lives.
    pub cache: Option<(f64, SimDuration)>,
    /// What Redis does not have although it answers, if it is a cache; absent: nothing.
    pub misses: Option<Misses>,
    /// The slower store that is asked when the call has failed or has missed, by its position in
    /// [`ServiceModel::stores`].
    pub fallback: Option<usize>,
    /// Can the request be answered without it?
    pub optional: bool,
}

impl Need {
    /// What answers as the service as a whole does.
    pub const fn single() -> Need {
        Need {
            shards: Vec::new(),
            parts: 1,
            permits: None,
            breaker: None,
            cache: None,
            misses: None,
            fallback: None,
            optional: false,
        }
    }
}

/// What a cache in Redis does not have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Misses {
    /// The share of calls that find what they ask for while the cache is warm.
    pub hits: f64,
    /// The keys that give these hits, asked for equally often: so many must be read from the store
    /// again after everything was lost.
    pub keys: f64,
}

/// A slower store with so many workers of its own; first come, first served. It finishes what it
/// was asked, whether or not anybody still waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fallback {
    /// Requests that it works on at the same time.
    pub workers: u32,
    /// What each takes.
    pub takes: SimDuration,
    /// Requests that may wait for it.
    pub queue_limit: u32,
}

/// When a circuit breaker opens, and how it finds out that it may close.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Breaker {
    /// By the share of failures among the last calls (resilience4j).
    Count {
        /// Calls that are looked at; none are judged before there have been so many.
        window: u32,
        /// The share of failures from which on it opens.
        share: f64,
        /// How long it stays open.
        open_for: SimDuration,
        /// Calls that are then let through and judged by the same share.
        half_open: u32,
    },
    /// By the share of failures in the last seconds, in ten buckets (Hystrix).
    Time {
        /// How far back it looks.
        window: SimDuration,
        /// Calls in the window below which it does not judge.
        calls_min: u32,
        /// The share of failures from which on it opens.
        share: f64,
        /// How long it stays open until one call is let through.
        open_for: SimDuration,
    },
    /// By failures in a row (Envoy's outlier detection): open for `open_for`, times the number of
    /// ejections without a success in between.
    Consecutive {
        /// Failures in a row.
        failures: u32,
        /// How long it stays open the first time.
        open_for: SimDuration,
    },
}

/// What people do to a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// Its servers are restarted: whatever is under way is lost, connections are made again.
    Restart,
    /// From now on this share of requests is turned away at once.
    Shed(f64),
    /// From now on the client does not try again.
    StopRetries,
    /// From now on it has this multiple of its workers, and of the places in the queue; at least 1.
    Scale(f64),
    /// From now on the store at this position of [`ServiceModel::stores`] has this multiple of its
    /// workers.
    ScaleStore(usize, f64),
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

/// Acknowledged writes that were executed in `[from, to)` and lost later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LostAcks {
    /// The need and its shard, by position; absent: writes to any shard.
    pub shard: Option<(usize, usize)>,
    /// Start, inclusive.
    pub from: SimTime,
    /// End, exclusive.
    pub to: SimTime,
}

/// What the infrastructure did to one service in this trial.
#[derive(Clone, Copy, Debug)]
pub struct Answers<'a> {
    /// The answer in force.
    pub timeline: &'a AnswerTimeline,
    /// Spans of acknowledged writes that were lost later; those for any shard come first and are
    /// disjoint.
    pub lost_acks: &'a [LostAcks],
    /// For each need of [`ServiceModel::needs`], the answers of its shards.
    pub needs: &'a [Vec<AnswerTimeline>],
    /// What people did to the service, in time order.
    pub controls: &'a [(SimTime, Control)],
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
