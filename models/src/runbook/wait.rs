//! Nothing: people wait and see.

use super::*;

/// Do nothing. With it a script can fill the time in which people tried what did not help.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Remedy for Params {
    fn about(&self) -> About {
        About::new("wait", "waits", 11)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_of_it() {
        let (bench, effect) = took("kind = 'wait'");
        assert_eq!(effect, Effect::Changed(Vec::new()));
        assert_eq!((bench.pending.len(), bench.orders().len()), (0, 0));
    }
}
