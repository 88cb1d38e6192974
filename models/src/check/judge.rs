//! How answers become a verdict: runs of failures, and several observers who must agree.

use super::spec::JudgeSpec;

/// The verdict on one subject, from all of its observers.
#[derive(Clone, Debug)]
pub struct Judge {
    fall: u32,
    rise: u32,
    agree: usize,
    observers: Vec<Run>,
}

/// What one observer has seen last.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Failures in a row, counted up to `fall`.
    failures: u32,
    /// Successes in a row, counted up to `rise`.
    successes: u32,
    /// What this observer says.
    down: bool,
}

impl Judge {
    /// A judge who has seen nothing but successes.
    pub fn new(spec: JudgeSpec) -> Judge {
        let (observers, agree, fall, rise) = match spec {
            JudgeSpec::Consecutive { fall, rise } => (1, 1, fall, rise),
            JudgeSpec::Quorum {
                observers,
                agree,
                fall,
                rise,
            } => (observers, agree, fall, rise),
        };
        let run = Run {
            failures: 0,
            successes: rise,
            down: false,
        };
        Judge {
            fall,
            rise,
            agree: agree as usize,
            observers: vec![run; observers as usize],
        }
    }

    /// How many observers there are.
    pub fn observers(&self) -> usize {
        self.observers.len()
    }

    /// One observer's next answer.
    pub fn observe(&mut self, observer: usize, passed: bool) {
        let run = &mut self.observers[observer];
        if passed {
            run.failures = 0;
            run.successes = (run.successes + 1).min(self.rise);
            run.down &= run.successes < self.rise;
        } else {
            run.successes = 0;
            run.failures = (run.failures + 1).min(self.fall);
            run.down |= run.failures == self.fall;
        }
    }

    /// Is the verdict "down"?
    pub fn down(&self) -> bool {
        self.observers.iter().filter(|run| run.down).count() >= self.agree
    }

    /// Would more answers like its last one change nothing that this observer says?
    pub fn settled(&self, observer: usize) -> bool {
        let run = self.observers[observer];
        if run.down {
            run.failures == self.fall
        } else {
            run.successes == self.rise
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_and_two_successes() {
        let mut judge = Judge::new(JudgeSpec::Consecutive { fall: 3, rise: 2 });
        for (passed, down) in [
            (false, false),
            (false, false),
            (true, false),
            (false, false),
            (false, false),
            (false, true),
            (true, true),
            (false, true),
            (true, true),
            (true, false),
        ] {
            judge.observe(0, passed);
            assert_eq!(judge.down(), down);
        }
        assert!(judge.settled(0));
    }

    #[test]
    fn two_of_three_must_agree() {
        let spec = JudgeSpec::Quorum {
            observers: 3,
            agree: 2,
            fall: 1,
            rise: 1,
        };
        let mut judge = Judge::new(spec);
        judge.observe(0, false);
        assert!(!judge.down());
        judge.observe(2, false);
        assert!(judge.down());
        judge.observe(0, true);
        assert!(!judge.down());
    }
}
