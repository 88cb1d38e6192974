//! Signers: what they do about an answer, or about none, and in which class their visit ends.
//!
//! ```text
//!  answer within patience ─┬─ success ─► content
//!                          └─ error ───► pause, press again ─┐ while presses remain
//!  none within patience ───────────────► press again at once ┘
//!  no presses left, nothing under way ─┬─ something was written ─► captured, spooled
//!                                      └─ nothing ─► comes back at the next offset, or abandons
//! ```
//!
//! A signer sees only the answer to the newest press. The server sees all of them: an attempt whose
//! signer has pressed again or left runs on, and its write counts.

use sim::SimTime;

use crate::attempt::{Ended, Ending};
use crate::service_sim::ServiceSim;
use crate::spool;
use crate::visit::{Press, VisitId, Write};

impl ServiceSim<'_> {
    /// Books the answer to an attempt, whether or not anybody still waits for it.
    pub fn answered(&mut self, press: Press, ended: Ended) {
        let visit = self.in_play.at(press.visit);
        if ended.at >= self.horizon {
            visit.unfinished = true;
            return;
        }
        let who = visit.who;
        let caller = &mut self.callers[who.class];
        if let (Some(times), 1, 0) = (&mut caller.times, press.number, who.round) {
            times.add(press.at, ended.at - press.at);
        }
        let mut wrote = |spooled| {
            visit.wrote(Write {
                at: ended.at,
                press: press.number,
                spooled,
                process: press.process,
            })
        };
        match ended.how {
            Ending::Captured => wrote(false),
            Ending::Spooled => {
                wrote(true);
                spool::take(&mut self.spool, ended.at, 1);
            }
            Ending::Failed(cause) => {
                caller.tally.failed[cause as usize] += 1;
                if press.number == 1 && who.round == 0 {
                    caller.failed_first.add(press.at);
                }
            }
        }
        let ok = !matches!(ended.how, Ending::Failed(_));
        self.record_strip(who.class, press.at, ended.at, ok);
    }

    /// What the signer does who waits for this answer, the newest press being this one.
    pub fn react(&mut self, press: Press, ended: Ended) {
        let class = self.callers[self.in_play.get(press.visit).who.class].class;
        let gives_up = press.at.saturating_add(class.patience);
        if ended.at > gives_up {
            self.press_again(press.visit, gives_up, false);
        } else if matches!(ended.how, Ending::Failed(_)) {
            let at = ended.at.saturating_add(class.press_again_after);
            self.press_again(press.visit, at, true);
        }
    }

    /// The signer presses again at `at`, if ever.
    pub fn press_again(&mut self, slot: u32, at: SimTime, after_error: bool) {
        let visit = self.in_play.at(slot);
        if visit.presses >= self.callers[visit.who.class].class.presses_max {
            return;
        }
        if at >= self.horizon {
            visit.unfinished = true;
            return;
        }
        visit.open += 1;
        self.due.push_press(at, visit, slot, after_error);
    }

    /// Once nothing of a visit is open, it is in one class of the tally, or comes back.
    pub fn conclude_if_over(&mut self, slot: u32) {
        if self.in_play.get(slot).open > 0 {
            return;
        }
        let visit = self.in_play.remove(slot);
        let lost = visit
            .first_write
            .is_some_and(|w| !w.spooled && self.is_lost_ack(visit.who, w.at, w.process as usize));
        let tally = &mut self.callers[visit.who.class].tally;
        if let Some(first) = visit.first_write {
            tally.captured_twice += u64::from(visit.writes - 1);
            tally.acked_lost += u64::from(lost);
            match (first.spooled, visit.who.round, first.press) {
                (true, round, _) => {
                    tally.spooled += 1;
                    tally.spooled_on_return += u64::from(round > 0);
                }
                (false, 0, 1) => tally.captured_first_try += 1,
                (false, 0, _) => tally.captured_after_retry += 1,
                (false, _, _) => tally.captured_on_return += 1,
            }
        } else if visit.unfinished {
            tally.still_pending += 1;
        } else {
            self.send_away(visit.who);
        }
    }

    /// A visit has ended without a write: the signer comes back, or does not.
    pub fn send_away(&mut self, who: VisitId) {
        let caller = &mut self.callers[who.class];
        caller.blocked_from = caller.blocked_from.min(who.arrived);
        let Some(offset) = caller.offsets.get(who.round + 1) else {
            caller.tally.abandoned += 1;
            return;
        };
        let at = who.arrived.saturating_add(*offset);
        if at >= self.horizon {
            caller.tally.still_pending += 1;
            return;
        }
        let round = who.round + 1;
        self.due.push_return(at, VisitId { round, ..who });
    }

    /// This press of this visit has been waited for as long as it will be: patience has run out, or
    /// the gateway's own error is shown.
    pub fn lose_patience(&mut self, slot: u32, press: u32) {
        let caller = &self.callers[self.in_play.get(slot).who.class];
        let shows_error = self.service.gateway_timeout <= caller.class.patience;
        let pause = caller.class.press_again_after;
        let visit = self.in_play.at(slot);
        visit.open -= 1;
        if visit.awaited == press {
            visit.awaited = 0;
            if shows_error {
                self.press_again(slot, self.now.saturating_add(pause), true);
            } else if visit.presses < caller.class.presses_max {
                self.press(slot);
                return;
            }
        }
        self.conclude_if_over(slot);
    }
}
