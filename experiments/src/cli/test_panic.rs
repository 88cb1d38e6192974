//! A hook for tests: `OUTAGE_TEST_PANIC="design:trial"` makes that trial of that design panic, as a
//! broken assertion in the simulator would. `design:*` stands for all of its trials.
//!
//! It shows, from outside and on any study, that one trial cannot sink a study. Nothing else reads
//! the environment, and without the variable nothing changes.

/// What the environment asks for.
pub(super) struct TestPanic(Option<(String, Option<u64>)>);

impl TestPanic {
    /// As the environment has it; what makes no sense asks for nothing.
    pub fn from_environment() -> TestPanic {
        let asked = std::env::var("OUTAGE_TEST_PANIC").ok();
        TestPanic(asked.as_deref().and_then(parse))
    }

    /// Panics if this is the trial.
    pub fn meet(&self, design: &str, trial: u64) {
        if let Some((of, number)) = &self.0 {
            let meant = of == design && number.is_none_or(|number| number == trial);
            assert!(!meant, "OUTAGE_TEST_PANIC asks for this panic");
        }
    }
}

fn parse(asked: &str) -> Option<(String, Option<u64>)> {
    let (design, trial) = asked.rsplit_once(':')?;
    let trial = match trial {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    Some((design.to_owned(), trial))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_design_and_a_trial_are_read_and_nonsense_is_not() {
        assert_eq!(parse("a / b:17"), Some(("a / b".to_owned(), Some(17))));
        assert_eq!(parse("a:b:*"), Some(("a:b".to_owned(), None)));
        assert_eq!([parse("a"), parse("a:b")], [None, None]);
    }
}
