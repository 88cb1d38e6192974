//! Moments that a `[replay]` table asks for and that come in no trial, and why that may be.

use std::collections::BTreeSet;

use models::TrialResult;

use crate::forms::replay::{Check, ReplaySpec, Selector};

/// A sentence for each moment that comes in no trial, though a check waits for it.
pub fn missing(spec: &ReplaySpec, told: &[TrialResult]) -> Vec<String> {
    let absent = |(key, selector): (String, &Selector)| {
        let comes = |trial: &TrialResult| selector.count(&trial.moments, None) > 0;
        (!told.iter().any(comes)).then(|| sentence(&key, selector, told))
    };
    selectors(spec).into_iter().filter_map(absent).collect()
}

fn sentence(key: &str, selector: &Selector, told: &[TrialResult]) -> String {
    let what = selector.event.expect("minutes are no moments");
    let moments = told.iter().flat_map(|trial| &trial.moments);
    let subject = moments.filter(|moment| moment.kind == what);
    let subject: BTreeSet<&str> = subject.map(|moment| moment.subject.as_str()).collect();
    match (&selector.subject, subject.is_empty()) {
        (Some(asked), false) => {
            let names: Vec<&str> = subject.into_iter().collect();
            format!(
                "`{key}`: no `{}` is about \"{asked}\"; there are some about: {}",
                what.name(),
                names.join(", ")
            )
        }
        (None, _) | (_, true) => format!("`{key}`: there is no `{}` in any trial", what.name()),
    }
}

/// The moments that are asked for, by their keys. A check that counts may well count none.
fn selectors(spec: &ReplaySpec) -> Vec<(String, &Selector)> {
    let mut found = vec![("replay.onset".to_owned(), &spec.onset)];
    if let Some(from) = &spec.total.from {
        found.push(("replay.total.from".to_owned(), from));
    }
    found.push(("replay.total.to".to_owned(), &spec.total.to));
    for (n, check) in spec.checks.iter().enumerate() {
        if let Check::Count { at_least, .. } = &check.expect
            && at_least.is_none_or(|least| least == 0)
        {
            continue;
        }
        let of_check = check.expect.moments().into_iter();
        let named = of_check.map(|(end, at)| (format!("replay.check[{n}].expect.{end}"), at));
        found.extend(named);
    }
    found.retain(|(_, selector)| selector.event.is_some());
    found
}
