//! Why a check finds no value in a trial, in words for the scorecard.

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absent {
    /// A moment that it asks for does not come.
    Moment,
    /// Minute 0 does not come.
    Onset,
    /// The window holds no whole minute.
    NoMinute,
    /// The window lies after the end of the trial.
    AfterTheEnd,
    /// Nobody asked the service in the window.
    NoAttempt,
    /// No minute has attempts enough.
    FewAttempts,
    /// No attempt succeeded in the window.
    NoSuccess,
    /// No minute has enough attempts that succeeded.
    FewSuccesses,
    /// There is no connection to count from.
    NoConnection,
    /// The trial shows nothing of the node or service.
    Unknown,
    /// The mean that others are compared with is 0.
    NothingToCompare,
}

impl Absent {
    /// The reason in words.
    pub fn words(self) -> &'static str {
        match self {
            Absent::Moment => "a moment that it asks for does not come",
            Absent::Onset => "minute 0 (`replay.onset`) does not come",
            Absent::NoMinute => {
                "the window from `from` to `to` holds no whole minute, or ends before it begins"
            }
            Absent::AfterTheEnd => "the window begins after the end of the trial (`horizon`)",
            Absent::NoAttempt => "there is no attempt at the service in the window",
            Absent::FewAttempts => "no minute of the window has ten attempts",
            Absent::NoSuccess => "no attempt in the window succeeds, so none has a latency",
            Absent::FewSuccesses => "no minute of the window has ten attempts that succeed",
            Absent::NoConnection => "there is no connection at `from`, so nothing is a multiple",
            Absent::Unknown => "the trial shows nothing of this name",
            Absent::NothingToCompare => "the mean of these trials is 0, so nothing is a multiple",
        }
    }
}

/// What a trial yields.
pub(super) type Found = Result<f64, Absent>;

/// The most frequent reason, and in how many of the trials there is no value.
pub(super) fn why(values: &[Found]) -> Option<String> {
    let absent: Vec<Absent> = values.iter().filter_map(|value| value.err()).collect();
    let often = |reason: &Absent| absent.iter().filter(|of| *of == reason).count();
    // Of equals the first, as `max_by_key` would take the last.
    let most = absent.iter().rev().max_by_key(|reason| often(reason))?;
    let (few, all) = (absent.len(), values.len());
    Some(format!("{} (in {few} of {all} trials)", most.words()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_reason_is_told_with_the_number_of_trials() {
        let values = [
            Err(Absent::NoAttempt),
            Ok(1.0),
            Err(Absent::Moment),
            Err(Absent::Moment),
        ];
        let told = why(&values).expect("there are some");
        assert_eq!(
            told,
            "a moment that it asks for does not come (in 3 of 4 trials)"
        );
        assert_eq!(why(&values[1..2]), None);
    }
}
