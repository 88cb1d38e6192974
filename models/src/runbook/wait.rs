//! Nothing: people wait and see.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Remedy, Site};

/// Do nothing: wait and see. With it a script can fill the time in which people tried what did
/// not help.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {}

impl Remedy for Params {
    fn name(&self) -> &'static str {
        "wait"
    }

    fn doing(&self) -> &'static str {
        "waits"
    }

    fn number(&self) -> u64 {
        11
    }

    fn take_effect(&self, _site: &mut Site) -> Effect {
        Effect::Changed(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Bench;
    use super::*;

    #[test]
    fn nothing_comes_of_it() {
        let mut bench = Bench::new();
        bench.hang();
        let effect = Params {}.take_effect(&mut bench.site());
        assert_eq!(effect, Effect::Changed(Vec::new()));
        assert!(bench.pending.is_empty());
        assert_eq!(bench.orders(), []);
    }
}
