//! The people who fix: they notice or are paged, come, find the cause, act, and verify.
//!
//! ```text
//! symptom --notice--> page --acknowledge--> diagnose --(restart servers, diagnose again)--> act
//!            page by a check or an alert --^                 decide, larger nodes --sync--> verify
//! ```
//!
//! What each step takes is drawn for the incident as a whole when it begins, in a fixed order, so
//! that the first incident of trial 17 meets the same people under every design. People who find,
//! at any step, that all is well again stand down; whoever is at work is not paged again, but a
//! page that names the cause shortens a diagnosis under way.

use rand::RngExt;
use sim::{EventKey, SimDuration, SimTime, Streams};

use crate::event::{Cx, Event};
use crate::ids::ClusterId;
use crate::moment::What;
use crate::outcome::{RowGroup, Tone};
use crate::spec::PeopleSpec;
use crate::streams;

/// What people wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeopleTimer {
    /// Somebody notices, or an alert on symptoms fires.
    Notice,
    /// Somebody is at work.
    Acknowledged,
    /// The cause is found.
    Diagnosed,
    /// The servers are restarted.
    Restarted,
    /// It is agreed to bring larger nodes.
    Decided,
    /// The larger nodes are there, empty.
    Provisioned,
    /// Time to see whether it has helped.
    Verify,
}

/// What people decide to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Restart the services' servers.
    RestartServers,
    /// Mend what is broken; larger nodes take this long to bring up.
    Mitigate {
        /// Until it is agreed to do so.
        decide: SimDuration,
        /// Until the new nodes exist, from then on.
        provision: SimDuration,
        /// The cluster that the page was about, if it named one.
        about: Option<ClusterId>,
    },
}

/// What people see when they look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Some service fails.
    pub failing: bool,
    /// Memory is above the share from which they would bring larger nodes.
    pub memory_high: bool,
}

/// Everybody on call, as one.
#[derive(Clone, Debug)]
pub struct People {
    spec: PeopleSpec,
    streams: Streams,
    stage: Stage,
    incident: u64,
    draws: Draws,
    named: bool,
    about: Option<ClusterId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Unaware(EventKey),
    Coming,
    Diagnosing { key: EventKey, done: SimTime },
    Restarting,
    Acting,
    Verifying,
}

/// One incident's delays, in the order in which they are drawn.
#[derive(Clone, Copy, Debug)]
struct Draws {
    notice: SimDuration,
    acknowledge: SimDuration,
    diagnose: SimDuration,
    diagnose_named: SimDuration,
    restart_first: bool,
    restart: SimDuration,
    diagnose_again: SimDuration,
    decide: SimDuration,
    provision: SimDuration,
}

/// How long people watch before they call it done.
const VERIFY: SimDuration = SimDuration::from_secs(60);

impl Draws {
    fn new(spec: &PeopleSpec, streams: &Streams, incident: u64) -> Draws {
        let mut rng = streams.stream(streams::PEOPLE, incident);
        let gap = rng.random::<f64>() < spec.alert_gap.get();
        let (alerted, unalerted) = (
            spec.notice.sample(&mut rng),
            spec.notice_unalerted.sample(&mut rng),
        );
        Draws {
            notice: if gap { unalerted } else { alerted },
            acknowledge: spec.acknowledge.sample(&mut rng),
            diagnose: spec.diagnose.sample(&mut rng),
            diagnose_named: spec.diagnose_named.sample(&mut rng),
            restart_first: rng.random::<f64>() < spec.restart_first.get(),
            restart: spec.restart.sample(&mut rng),
            diagnose_again: spec.diagnose.sample(&mut rng),
            decide: spec.decide.sample(&mut rng),
            provision: spec.provision.sample(&mut rng),
        }
    }
}

impl People {
    /// Nobody has anything to do yet.
    pub fn new(spec: &PeopleSpec, streams: Streams) -> People {
        let draws = Draws::new(spec, &streams, 0);
        People {
            spec: spec.clone(),
            streams,
            stage: Stage::Idle,
            incident: 0,
            draws,
            named: false,
            about: None,
        }
    }

    /// The trial begins: the first incident's delays go on record.
    pub fn start(&self, cx: &mut Cx) {
        cx.ledger
            .draw("people, first incident", format!("{:?}", self.draws));
        cx.ledger
            .state(cx.now, RowGroup::People, "on call", "unaware", Tone::Idle);
    }

    /// A service has begun to fail: from now on somebody may notice.
    pub fn on_symptom(&mut self, cx: &mut Cx) {
        if self.stage == Stage::Idle {
            let key = cx
                .agenda
                .after(self.draws.notice, Event::People(PeopleTimer::Notice));
            self.stage = Stage::Unaware(key);
        }
    }

    /// A page, with or without the cause in it.
    pub fn on_page(&mut self, named: bool, about: Option<ClusterId>, cx: &mut Cx) {
        cx.ledger.detections.push(cx.now);
        cx.ledger.mark(cx.now, "on call", || "paged".to_owned());
        cx.ledger.moment(cx.now, What::Paged, "on call");
        match self.stage {
            Stage::Idle => self.come(named, about, cx),
            Stage::Unaware(key) => {
                cx.agenda.cancel(key);
                self.come(named, about, cx);
            }
            Stage::Coming => {
                self.named |= named;
                self.about = self.about.or(about);
            }
            Stage::Diagnosing { key, done } if named && !self.named => {
                self.named = true;
                self.about = self.about.or(about);
                let sooner = cx.now + self.draws.diagnose_named;
                if sooner < done {
                    cx.agenda.cancel(key);
                    self.diagnose(self.draws.diagnose_named, cx);
                }
            }
            Stage::Diagnosing { .. } | Stage::Restarting | Stage::Acting | Stage::Verifying => {}
        }
    }

    /// Larger nodes have taken over, or a replica has been promoted: see whether it has helped.
    pub fn on_done(&mut self, cx: &mut Cx) {
        if self.stage == Stage::Acting {
            self.stage = Stage::Verifying;
            cx.agenda.after(VERIFY, Event::People(PeopleTimer::Verify));
            self.tell("verifies", Tone::Busy, cx);
        }
    }

    /// An event of their own, with what they see when they look.
    pub fn on_timer(&mut self, timer: PeopleTimer, sight: Sight, cx: &mut Cx) -> Option<Deed> {
        match timer {
            PeopleTimer::Notice => {
                if sight.failing {
                    cx.ledger.detections.push(cx.now);
                    cx.ledger.mark(cx.now, "on call", || "notices".to_owned());
                    cx.ledger.moment(cx.now, What::Noticed, "on call");
                    self.come(false, None, cx);
                } else {
                    self.stand_down(cx);
                }
                None
            }
            PeopleTimer::Acknowledged => {
                cx.ledger.moment(cx.now, What::Acknowledged, "on call");
                let takes = if self.named {
                    self.draws.diagnose_named
                } else {
                    self.draws.diagnose
                };
                self.diagnose(takes, cx);
                None
            }
            PeopleTimer::Diagnosed => self.decide(sight, cx),
            PeopleTimer::Restarted => {
                cx.ledger
                    .moment(cx.now, What::ActionDone, "restart-servers");
                if sight.failing {
                    self.diagnose(self.draws.diagnose_again, cx);
                } else {
                    self.stand_down(cx);
                }
                None
            }
            PeopleTimer::Decided => {
                self.tell_if_acting("brings up larger nodes", cx);
                None
            }
            PeopleTimer::Provisioned => {
                self.tell_if_acting("waits for the copy of the data", cx);
                None
            }
            PeopleTimer::Verify => {
                if sight.failing {
                    self.next_incident();
                    self.named = true;
                    self.diagnose(self.draws.diagnose_named, cx);
                } else {
                    self.stand_down(cx);
                }
                None
            }
        }
    }

    /// The cause is found; without a name for it, some restart the servers first.
    fn decide(&mut self, sight: Sight, cx: &mut Cx) -> Option<Deed> {
        if !sight.failing && !sight.memory_high {
            self.stand_down(cx);
            return None;
        }
        if !self.named && self.draws.restart_first {
            self.draws.restart_first = false;
            self.stage = Stage::Restarting;
            cx.agenda
                .after(self.draws.restart, Event::People(PeopleTimer::Restarted));
            cx.ledger
                .moment(cx.now, What::ActionBegins, "restart-servers");
            self.tell("restarts servers", Tone::Busy, cx);
            return Some(Deed::RestartServers);
        }
        self.stage = Stage::Acting;
        cx.ledger.moment(cx.now, What::CauseKnown, "on call");
        self.tell("knows the cause, decides", Tone::Busy, cx);
        let Draws {
            decide, provision, ..
        } = self.draws;
        let about = self.about;
        Some(Deed::Mitigate {
            decide,
            provision,
            about,
        })
    }

    fn come(&mut self, named: bool, about: Option<ClusterId>, cx: &mut Cx) {
        self.named = named;
        self.about = about;
        self.stage = Stage::Coming;
        cx.agenda.after(
            self.draws.acknowledge,
            Event::People(PeopleTimer::Acknowledged),
        );
        self.tell("paged", Tone::Doubtful, cx);
    }

    fn diagnose(&mut self, takes: SimDuration, cx: &mut Cx) {
        let key = cx
            .agenda
            .after(takes, Event::People(PeopleTimer::Diagnosed));
        self.stage = Stage::Diagnosing {
            key,
            done: cx.now + takes,
        };
        self.tell("looks for the cause", Tone::Busy, cx);
    }

    fn stand_down(&mut self, cx: &mut Cx) {
        self.next_incident();
        cx.ledger.moment(cx.now, What::StoodDown, "on call");
        self.stage = Stage::Idle;
        self.named = false;
        self.about = None;
        self.tell("stands down", Tone::Idle, cx);
    }

    fn next_incident(&mut self) {
        self.incident += 1;
        self.draws = Draws::new(&self.spec, &self.streams, self.incident);
    }

    fn tell_if_acting(&self, state: &str, cx: &mut Cx) {
        if self.stage == Stage::Acting {
            self.tell(state, Tone::Busy, cx);
        }
    }

    fn tell(&self, state: &str, tone: Tone, cx: &mut Cx) {
        cx.ledger.say(cx.now, || format!("on call: {state}"));
        cx.ledger
            .state(cx.now, RowGroup::People, "on call", state, tone);
    }
}
