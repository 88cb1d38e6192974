//! What types cannot say about who promotes a replica.

use crate::findings::Findings;
use crate::spec::FailoverSpec;
use crate::world::WorldSpec;

impl WorldSpec {
    pub(super) fn check_failover(&self, found: &mut Findings) {
        match &self.failover {
            FailoverSpec::ClusterBus(bus) => at_keys(found, bus.problems()),
            FailoverSpec::Sentinel(sentinel) => at_keys(found, sentinel.problems()),
            FailoverSpec::Managed(managed) => found.dist("failover.takes", &managed.takes),
            FailoverSpec::Application {} | FailoverSpec::None {} => {}
        }
    }
}

/// Each sentence begins with the key that it is about: `quorum is 4, but ...; remedy`.
fn at_keys(found: &mut Findings, sentences: Vec<String>) {
    for sentence in sentences {
        let (key, is) = sentence.split_once(' ').unwrap_or((&sentence, ""));
        let (is, why) = is.split_once("; ").unwrap_or((is, "write another value"));
        let help = match key {
            _ if why.contains("write ") => why.to_owned(),
            "quorum" => format!("give at most as many as there are sentinels, or {why}"),
            _ => format!("give less: {why}"),
        };
        found.unless(false, format!("failover.{key}"), &format!("it {is}"), &help);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_stands_at_its_key() {
        let mut found = Findings::default();
        let sentence = "quorum is 4, but there are 3 sentinels; no primary would be failed over";
        at_keys(&mut found, vec![sentence.to_owned()]);
        let problem = &found.all()[0];
        assert_eq!(problem.key, "failover.quorum");
        assert_eq!(problem.wrong, "it is 4, but there are 3 sentinels");
        let help =
            "give at most as many as there are sentinels, or no primary would be failed over";
        assert_eq!(problem.help, help);
    }
}
