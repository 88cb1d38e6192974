//! What is wrong with a scenario: every finding at once, each with its key and what to write.

use sim::dist::Dist;

/// One thing that is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as a dotted path: `service[0].workers`.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What to write instead.
    pub mend: String,
}

/// Collects findings, so that a user mends them in one go and not one a run.
#[derive(Default)]
pub struct Findings(Vec<Problem>);

impl Findings {
    /// All of them, in the order in which they were found.
    pub fn all(self) -> Vec<Problem> {
        self.0
    }

    /// `wrong` at `key` unless it is fine; `mend` says what to write instead.
    pub fn unless(&mut self, fine: bool, key: impl Into<String>, wrong: &str, mend: &str) {
        if !fine {
            self.0.push(Problem {
                key: key.into(),
                wrong: wrong.into(),
                mend: mend.into(),
            });
        }
    }

    /// A distribution must be one that can be drawn from.
    pub fn dist(&mut self, key: impl Into<String>, dist: &Dist) {
        if let Err(error) = dist.validate() {
            self.sentence(key, &error.to_string());
        }
    }

    /// A sentence that says what is wrong and, behind a semicolon, what to write instead.
    pub fn sentence(&mut self, key: impl Into<String>, text: &str) {
        let general = "give values that make sense together";
        let (wrong, mend) = text.split_once("; ").unwrap_or((text, general));
        self.0.push(Problem {
            key: key.into(),
            wrong: wrong.to_owned(),
            mend: mend.to_owned(),
        });
    }

    /// A name must be one of those that are known; `what` says of what.
    pub fn known(&mut self, key: String, what: &str, name: &str, known: &[&str]) {
        if !known.contains(&name) {
            let wrong = format!("there is no {what} called `{name}`");
            let mend = format!("name one of: {}", known.join(", "));
            self.0.push(Problem { key, wrong, mend });
        }
    }

    /// No name is used twice in an array of tables.
    pub fn distinct(&mut self, key: &str, names: &[&str]) {
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                let wrong = format!("`{name}` is used twice");
                let mend = "give every one a name of its own".to_owned();
                self.0.push(Problem {
                    key: format!("{key}[{i}].name"),
                    wrong,
                    mend,
                });
            }
        }
    }
}
