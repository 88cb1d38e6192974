//! The verdict in sentences: which design is best, which is cheapest, what each choice saves, and
//! which differences the trials cannot show.

use output::Format;

use super::summary::{Against, Design, Effect, Share, Standing, Summary};
use super::words::{change_words, count, less, some};
use super::{data_lost, notes};
use crate::forms::study::{Amount, Statistic};
use crate::rows::read::Rows;
use crate::stats::{Estimate, P95_TRIALS_MIN};

/// The sentences, the answer first.
pub fn sentences(rows: &Rows, summary: &Summary) -> Vec<String> {
    let mut sentences = vec![first(rows, summary)];
    sentences.extend(data_lost::sentences(rows, summary));
    sentences.extend(incomplete(rows));
    match summary.standing {
        Standing::BaselineIncomplete => {}
        Standing::NobodyCame | Standing::NoOutage => {
            sentences.extend(outages_of_their_own(summary));
            sentences.extend(objectives(summary));
            return sentences;
        }
        Standing::NothingLost | Standing::NothingShown => {}
        Standing::Fewer => {
            sentences.extend(rivals(summary));
            sentences.extend(cheapest(summary));
        }
    }
    sentences.extend(objectives(summary));
    sentences.extend(effects(summary));
    sentences.extend(notes::sentences(rows, summary));
    sentences
}

/// The answer, or why there is none.
fn first(rows: &Rows, summary: &Summary) -> String {
    let base = &summary.designs[0];
    let base_name = format!("the baseline ({})", base.label);
    let Some(best) = summary.best.map(|best| &summary.designs[best]) else {
        return format!(
            "Nothing is ranked: {} of {} trials of {base_name} failed.",
            rows.trials() - base.trials,
            rows.trials()
        );
    };
    let n = base.trials;
    let down = |measure: &str| Format::Duration.number(base.mean(measure));
    match (summary.standing, &best.against_baseline) {
        (Standing::NobodyCame, _) if !had_outage(base) => format!(
            "No visits arrived in {n} trials, so nothing could be lost. There was no outage under \
             {base_name} either."
        ),
        (Standing::NobodyCame, _) => format!(
            "No visits arrived in {n} trials, so nothing could be lost. But under {base_name} no \
             request could have succeeded for {} per trial: compare the downtimes.",
            down("downtime_true_s")
        ),
        (Standing::NoOutage, _) => no_outage(base, &base_name),
        (Standing::NothingLost, _) => format!(
            "Under {base_name} nothing was lost in {n} trials, so less than {} of such periods \
             lose anything (95 % confidence), although it was down for {} per trial. There is no \
             loss to reduce.",
            Format::Percent(1).number(bound(base.trials_with_loss).unwrap_or(1.0)),
            down("downtime_observed_s")
        ),
        (Standing::Fewer, Some(against)) => fewer(base, best, against),
        (Standing::NothingShown, Some(against)) => format!(
            "{n} trials do not show that any design loses fewer requests than {base_name}. The \
             best one, {}, changes them by {}.",
            best.label,
            change(against)
        ),
        (_, None) => format!("No design loses fewer requests than {base_name}."),
        (Standing::BaselineIncomplete, Some(_)) => unreachable!("then there is no best"),
    }
}

/// Which designs have lost trials, and how many.
fn incomplete(rows: &Rows) -> Option<String> {
    let all = rows.trials() as u64;
    let points = &rows.manifest.points;
    let lacking = points.iter().filter(|point| point.trials < all);
    let lacking = lacking.map(|point| {
        let missing = all - point.trials;
        format!("{} ({missing} of {all} trials)", point.label)
    });
    let lacking: Vec<String> = lacking.collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "Incomplete, as trials failed, and ranked nowhere: {}. What their other trials show is \
             hardly all of it. Each failed trial and the command that replays it are in \
             manifest.json.",
            some(&lacking)
        )
    })
}

fn had_outage(design: &Design) -> bool {
    let share = design.trials_with_outage;
    share.is_some_and(|share| share.share > 0.0)
}

fn bound(share: Option<Share>) -> Option<f64> {
    share?.at_most_if_none
}

fn no_outage(base: &Design, base_name: &str) -> String {
    let (n, lost) = (base.trials, base.mean("lost"));
    let bound = bound(base.trials_with_outage).unwrap_or(1.0);
    let rest = match lost > 0.0 {
        true => format!(
            ". The {} lost per trial are visits still in progress when the trial ends",
            count(lost).number(lost)
        ),
        false => String::new(),
    };
    format!(
        "Under {base_name} none of {n} trials had an outage, so less than {} of such periods have \
         one (95 % confidence). There is nothing to improve{rest}.",
        Format::Percent(1).number(bound)
    )
}

/// A design may bring outages that the baseline does not have.
fn outages_of_their_own(summary: &Summary) -> Option<String> {
    let with: Vec<String> = summary.designs[1..]
        .iter()
        .filter(|design| had_outage(design))
        .map(|design| design.label.clone())
        .collect();
    (!had_outage(&summary.designs[0]) && !with.is_empty()).then(|| {
        let all = summary.designs.len() - 1;
        format!(
            "{} of the {all} other designs caused outages that the baseline did not have: {}.",
            with.len(),
            some(&with)
        )
    })
}

/// The best is shown to lose fewer than the baseline.
fn fewer(base: &Design, best: &Design, against: &Against) -> String {
    let n = base.trials;
    let costs = cost_words(best.mean("cost_per_month_usd") - base.mean("cost_per_month_usd"));
    let failovers = saved_failovers(base, best);
    let words = |value: f64| count(value).number(value);
    let mean = |design: &Design| words(design.mean("lost"));
    let median = |design: &Design| words(design.lost().median.value);
    if let Some(bound) = bound(best.trials_with_loss) {
        return format!(
            "{} loses nothing in {n} trials (95 % confidence: it loses anything in less than {} of \
             trials). The baseline ({}) loses {} requests per trial (median {}). The design \
             {costs}{failovers}.",
            best.label,
            Format::Percent(1).number(bound),
            base.label,
            mean(base),
            median(base)
        );
    }
    let fewer = match &against.change {
        Some(e) => format!("{} fewer requests", less(e)),
        None => format!(
            "{} fewer requests per trial",
            count(-against.difference.value).number(-against.difference.value)
        ),
    };
    format!(
        "{} loses {fewer} than the baseline ({}): {} instead of {} per trial (medians {} and {}). \
         It {costs}{failovers}.",
        best.label,
        base.label,
        mean(best),
        mean(base),
        median(best),
        median(base)
    )
}

/// A change in either direction, with its interval.
fn change(against: &Against) -> String {
    change_words(against.change.as_ref(), &against.difference)
}

fn cost_words(more: f64) -> String {
    let money = Format::Money('$');
    match more.abs() < 0.5 {
        true => "costs the same".to_owned(),
        false if more > 0.0 => format!("costs {} more a month", money.number(more)),
        false => format!("costs {} less a month", money.number(-more)),
    }
}

fn saved_failovers(base: &Design, best: &Design) -> String {
    let saved = base.mean("useless_failovers") - best.mean("useless_failovers");
    match saved.abs() < 0.05 {
        true => String::new(),
        false if saved > 0.0 => format!(" and avoids {saved:.1} useless failovers per trial"),
        false => format!(" and causes {:.1} more useless failovers per trial", -saved),
    }
}

/// How certain it is that the best design is the best.
fn rivals(summary: &Summary) -> Option<String> {
    let best = &summary.designs[summary.best?];
    let probability = |design: &Design| design.probability_best.unwrap_or(0.0);
    let others = summary
        .designs
        .iter()
        .filter(|design| !design.incomplete && design.label != best.label);
    let (equals, others): (Vec<&Design>, Vec<&Design>) =
        others.partition(|design| design.mean("lost") == best.mean("lost"));
    let rivals: Vec<&Design> = others
        .into_iter()
        .filter(|d| probability(d) >= 0.05)
        .collect();
    let of_equals: f64 = equals.iter().map(|design| probability(design)).sum();
    let together = Format::Percent(0).number(probability(best) + of_equals);
    let all = ranked(summary).count();
    let first = match equals.as_slice() {
        [] => format!(
            "With a probability of {together} it loses the fewest requests of the {all} designs"
        ),
        equals => format!(
            "{}, which cost{} no less, lose{} as little. With a probability of {together} one of \
             them loses the fewest requests of the {all} designs",
            labels(equals),
            if equals.len() == 1 { "s" } else { "" },
            if equals.len() == 1 { "s" } else { "" }
        ),
    };
    Some(match rivals.as_slice() {
        [] => format!("{first}."),
        few if few.len() <= 3 => format!("{first}. Close behind: {}.", labels(few)),
        many => format!(
            "{first}. {} others have a probability of 5 % or more: the trials cannot tell them \
             apart.",
            many.len()
        ),
    })
}

/// The complete designs.
fn ranked(summary: &Summary) -> impl Iterator<Item = &Design> {
    summary.designs.iter().filter(|design| !design.incomplete)
}

fn labels(designs: &[&Design]) -> String {
    let labels: Vec<&str> = designs.iter().map(|design| design.label.as_str()).collect();
    labels.join(", ")
}

fn cheapest(summary: &Summary) -> Option<String> {
    let (best, cheapest) = (summary.best?, summary.cheapest_no_worse?);
    let margin = Format::Percent(0).number(summary.margin);
    let money = Format::Money('$');
    let cost_of = |point: usize| summary.designs[point].mean("cost_per_month_usd");
    let cost = money.number(cost_of(cheapest));
    if cheapest == best {
        return Some(format!(
            "It costs {cost} a month. No cheaper design is shown to be as good (within {margin} of \
             the baseline's loss, 95 % confidence)."
        ));
    }
    Some(format!(
        "The cheapest design that is shown to be as good (within {margin} of the baseline's loss, \
         95 % confidence) is {} at {cost} a month, which is {} less.",
        summary.designs[cheapest].label,
        money.number(cost_of(best) - cost_of(cheapest))
    ))
}

fn objectives(summary: &Summary) -> Vec<String> {
    let places = 0..summary.designs[0].objectives.len();
    let sentence = |place: usize| {
        let objective = &summary.designs[0].objectives[place].objective;
        let kept = |design: &&Design| design.objectives[place].kept == Some(true);
        let cost = |design: &&Design| design.mean("cost_per_month_usd");
        let keeping: Vec<&Design> = ranked(summary).filter(kept).collect();
        let cheapest = keeping.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let goal = format!(
            "{} of {} at most {}",
            objective.statistic.name(),
            objective.measure,
            amount(objective.at_most)
        );
        match cheapest {
            None => format!(
                "No design is shown to meet the objective: {goal}.{}",
                undecided(summary, place)
            ),
            Some(design) => format!(
                "{} of {} designs meet the objective ({goal}). The cheapest is {} at {} a month.",
                keeping.len(),
                ranked(summary).count(),
                design.label,
                Format::Money('$').number(cost(design))
            ),
        }
    };
    places.map(sentence).collect()
}

/// Designs whose trials meet an objective, without being enough to show it.
fn undecided(summary: &Summary, place: usize) -> String {
    let within = |design: &&Design| {
        let judged = &design.objectives[place];
        let bound = judged.objective.at_most.value();
        judged.kept.is_none() && judged.value.is_some_and(|value| value <= bound)
    };
    let within: Vec<&Design> = ranked(summary).filter(within).collect();
    let Some(first) = within.first() else {
        return String::new();
    };
    let few = match first.objectives[place].objective.statistic {
        Statistic::P95 if first.trials < P95_TRIALS_MIN => {
            format!(": the 95th percentile needs {P95_TRIALS_MIN}")
        }
        _ => String::new(),
    };
    format!(
        " In the {} trials of {} it is met, but these are too few for 95 % confidence{few}.",
        first.trials,
        some(&within.iter().map(|d| d.label.clone()).collect::<Vec<_>>())
    )
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Time(duration) => Format::Duration.number(duration.as_secs_f64()),
        Amount::Number(number) => Format::Significant(3).number(number),
    }
}

fn effects(summary: &Summary) -> Vec<String> {
    let varied = summary
        .effects
        .iter()
        .filter_map(|effect| Some((effect, effect.difference?)));
    let mut by_factor: Vec<(&str, Vec<String>)> = Vec::new();
    for (effect, difference) in varied {
        let words = effect_words(effect, &difference);
        match by_factor.last_mut() {
            Some((factor, all)) if *factor == effect.factor => all.push(words),
            Some(_) | None => by_factor.push((&effect.factor, vec![words])),
        }
    }
    let sentence = |(factor, words): (&str, Vec<String>)| {
        let of = |effect: &&Effect| effect.factor == factor;
        let base = summary
            .effects
            .iter()
            .find(of)
            .map_or("", |e| e.baseline_level.as_str());
        format!(
            "Effect of {factor} instead of {base}, averaged over all other factors: {}.",
            words.join("; ")
        )
    };
    by_factor.into_iter().map(sentence).collect()
}

fn effect_words(effect: &Effect, difference: &Estimate) -> String {
    let text = change_words(effect.change.as_ref(), difference);
    match difference.low <= 0.0 && difference.high >= 0.0 {
        true if difference.low == difference.high => format!("{} changes nothing", effect.level),
        true => format!("{} {text}, not significant", effect.level),
        false => format!("{} {text}", effect.level),
    }
}
