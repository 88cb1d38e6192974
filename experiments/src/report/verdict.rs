//! The verdict in sentences: which design is best, which is cheapest, what each choice saves, and
//! which differences the trials cannot show.

use output::Format;

use super::notes;
use super::summary::{Against, Design, Effect, Standing, Summary};
use super::words::{change_words, count, less};
use crate::rows::read::Rows;
use crate::stats::Estimate;
use crate::study::file::Amount;

/// The sentences, the answer first.
pub fn sentences(rows: &Rows, summary: &Summary) -> Vec<String> {
    let mut sentences = vec![first(summary)];
    match summary.standing {
        Standing::NobodyCame | Standing::NoOutage => {
            sentences.extend(outages_of_their_own(summary));
            sentences.extend(objectives(summary));
            return sentences;
        }
        Standing::NothingLost | Standing::NothingShown => {}
        Standing::Fewer => sentences.extend([rivals(summary), cheapest(summary)]),
    }
    sentences.extend(objectives(summary));
    sentences.extend(effects(summary));
    sentences.extend(notes::sentences(rows, summary));
    sentences
}

/// The answer, or why there is none.
fn first(summary: &Summary) -> String {
    let (base, best) = (&summary.designs[0], &summary.designs[summary.best]);
    let n = base.lost.mean.n;
    let base_name = format!("the baseline ({})", base.label);
    let down = Format::Duration.number(base.downtime_true_s.mean.value);
    match (summary.standing, &best.against_baseline) {
        (Standing::NobodyCame, _) if base.trials_with_outage.share == 0.0 => format!(
            "No visits arrived in {n} trials, so nothing could be lost. There was no outage under \
             {base_name} either."
        ),
        (Standing::NobodyCame, _) => format!(
            "No visits arrived in {n} trials, so nothing could be lost. But under {base_name} no \
             request could have succeeded for {down} per trial: compare the downtimes."
        ),
        (Standing::NoOutage, _) => no_outage(base, &base_name),
        (Standing::NothingLost, _) => format!(
            "Under {base_name} nothing was lost in {n} trials, so less than {} of such periods \
             lose anything (95 % confidence), although no request could succeed for {down} per \
             trial. There is no loss to reduce.",
            Format::Percent(1).number(base.trials_with_loss.at_most_if_none.unwrap_or(1.0))
        ),
        (Standing::Fewer, Some(against)) => fewer(base, best, against),
        (Standing::NothingShown, Some(against)) => format!(
            "{n} trials cannot tell any design from {base_name}. The best one, {}, changes lost \
             requests by {}.",
            best.label,
            change(against)
        ),
        (Standing::Fewer | Standing::NothingShown, None) => {
            format!("No design loses fewer requests than {base_name}.")
        }
    }
}

fn no_outage(base: &Design, base_name: &str) -> String {
    let (n, lost) = (base.lost.mean.n, base.lost.mean.value);
    let bound = base.trials_with_outage.at_most_if_none.unwrap_or(1.0);
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
    let had = |design: &&Design| design.trials_with_outage.share > 0.0;
    let with: Vec<&str> = summary.designs[1..]
        .iter()
        .filter(had)
        .map(|design| design.label.as_str())
        .collect();
    let base = summary.designs[0].trials_with_outage.share > 0.0;
    (!base && !with.is_empty()).then(|| {
        let all = summary.designs.len() - 1;
        let (some, more) = (&with[..with.len().min(3)], with.len().saturating_sub(3));
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "{} of the {all} other designs caused outages that the baseline did not have: {}{more}.",
            with.len(),
            some.join(", ")
        )
    })
}

/// The best is shown to lose fewer than the baseline.
fn fewer(base: &Design, best: &Design, against: &Against) -> String {
    let n = base.lost.mean.n;
    let costs = cost_words(best.cost_per_month_usd.mean.value - base.cost_per_month_usd.mean.value);
    let failovers = saved_failovers(base, best);
    let words = |value: f64| count(value).number(value);
    let mean = |design: &Design| words(design.lost.mean.value);
    let median = |design: &Design| words(design.lost.median.value);
    if let Some(bound) = best.trials_with_loss.at_most_if_none {
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
    let saved = base.useless_failovers.mean.value - best.useless_failovers.mean.value;
    match saved.abs() < 0.05 {
        true => String::new(),
        false if saved > 0.0 => format!(" and avoids {saved:.1} useless failovers per trial"),
        false => format!(" and causes {:.1} more useless failovers per trial", -saved),
    }
}

/// How certain it is that the best design is the best.
fn rivals(summary: &Summary) -> String {
    let best = &summary.designs[summary.best];
    let others = summary
        .designs
        .iter()
        .filter(|design| design.label != best.label);
    let (equals, others): (Vec<&Design>, Vec<&Design>) =
        others.partition(|design| design.lost.mean.value == best.lost.mean.value);
    let rivals: Vec<&Design> = others
        .into_iter()
        .filter(|d| d.probability_best >= 0.05)
        .collect();
    let share = |designs: &[&Design]| designs.iter().map(|d| d.probability_best).sum::<f64>();
    let probability = Format::Percent(0).number(best.probability_best + share(&equals));
    let all = summary.designs.len();
    let first = match equals.as_slice() {
        [] => format!("With a probability of {probability} it is the best of the {all} designs"),
        equals => format!(
            "{}, which cost{} no less, lose{} as little. With a probability of {probability} they \
             are together the best of the {all} designs",
            labels(equals),
            if equals.len() == 1 { "s" } else { "" },
            if equals.len() == 1 { "s" } else { "" }
        ),
    };
    match rivals.as_slice() {
        [] => format!("{first}."),
        few if few.len() <= 3 => format!("{first}. Close behind: {}.", labels(few)),
        many => format!(
            "{first}. {} others have a probability of 5 % or more: the trials cannot tell them apart.",
            many.len()
        ),
    }
}

fn labels(designs: &[&Design]) -> String {
    let labels: Vec<&str> = designs.iter().map(|design| design.label.as_str()).collect();
    labels.join(", ")
}

fn cheapest(summary: &Summary) -> String {
    let best = &summary.designs[summary.best];
    let cheapest = &summary.designs[summary.cheapest_no_worse];
    let margin = Format::Percent(0).number(summary.margin);
    let money = Format::Money('$');
    let cost = cheapest.cost_per_month_usd.mean.value;
    if summary.cheapest_no_worse == summary.best {
        return format!(
            "It costs {} a month. No cheaper design is shown to be as good (within {margin} of the \
             baseline's loss, 95 % confidence).",
            money.number(cost)
        );
    }
    format!(
        "The cheapest design that is shown to be as good (within {margin} of the baseline's loss, \
         95 % confidence) is {} at {} a month, which is {} less.",
        cheapest.label,
        money.number(cost),
        money.number(best.cost_per_month_usd.mean.value - cost)
    )
}

fn objectives(summary: &Summary) -> Vec<String> {
    let places = 0..summary.designs[0].objectives.len();
    let sentence = |place: usize| {
        let objective = &summary.designs[0].objectives[place].objective;
        let kept = |design: &&Design| design.objectives[place].kept == Some(true);
        let cost = |design: &&Design| design.cost_per_month_usd.mean.value;
        let keeping: Vec<&Design> = summary.designs.iter().filter(kept).collect();
        let cheapest = keeping.iter().min_by(|a, b| cost(a).total_cmp(&cost(b)));
        let goal = format!(
            "{} of {} at most {}",
            objective.statistic.name(),
            objective.measure,
            amount(objective.at_most)
        );
        match cheapest {
            None => format!("No design is shown to meet the objective: {goal}."),
            Some(design) => format!(
                "{} of {} designs meet the objective ({goal}). The cheapest is {} at {} a month.",
                keeping.len(),
                summary.designs.len(),
                design.label,
                Format::Money('$').number(cost(design))
            ),
        }
    };
    places.map(sentence).collect()
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
