//! The answer for people: two sentences, a table, and what would change it.

use output::{Cell, Column, Estimate, Format, Table};

use super::answer::{Answer, DaysToFull, DesignAnswer};
use super::search::Bounded;
use crate::forms::condition::{Condition, Loss, Quantity};

/// Designs that a table shows.
const SHOWN: usize = 20;

/// The answer in sentences.
pub fn sentences(answer: &Answer, conditions: &[Condition]) -> Vec<String> {
    let mut said = Vec::new();
    if answer.interrupted {
        said.push("Interrupted: this is what was known by then.".to_owned());
    }
    said.extend([full(answer), verdict(answer, conditions)]);
    said.extend(next_best(answer, conditions));
    said.extend(answer.flips.iter().map(|flip| {
        let condition = conditions.iter().find(|of| of.text == flip.condition);
        let condition = condition.expect("it is one of them");
        format!(
            "`{}` would do, and save {} a month, if {} up to {} were allowed.",
            flip.to,
            Format::Money('$').number(flip.saves),
            condition.quantity,
            number(condition.quantity, flip.at),
        )
    }));
    let failed = answer
        .designs
        .iter()
        .filter(|design| design.failed.is_some());
    said.extend(failed.map(|design| {
        let why = design.failed.as_deref().unwrap_or_default();
        format!("`{}` is ranked nowhere: {why}.", design.name)
    }));
    said.extend(gate(answer));
    said
}

/// When the first design is full.
fn full(answer: &Answer) -> String {
    let first = &answer.designs[0].name;
    let DaysToFull {
        p10,
        p50,
        p90,
        never,
        ..
    } = &answer.days_to_full;
    let [p, low, high] = [answer.p_full.value, answer.p_full.low, answer.p_full.high]
        .map(|share| Format::Percent(1).number(share));
    let whole = time(answer.days);
    if *never == 1.0 {
        let trials = answer.p_full.trials;
        return format!(
            "`{first}` is full within {whole} in none of {trials} trials (a probability of at most \
             {high})."
        );
    }
    let by = |days: &Option<f64>| match days {
        Some(days) => format!("by {}", time(*days)),
        None => format!("after {whole}"),
    };
    let after = |days: &Option<f64>| format!("after {}", time(days.unwrap_or(answer.days)));
    format!(
        "`{first}` is full within {whole} with a probability of {p} (95 % interval {low} to \
         {high}): {} in half of the trials, {} in the first tenth, {} in the last.",
        by(p50),
        by(p10),
        after(p90),
    )
}

/// A time in days with its unit.
fn time(days: f64) -> String {
    Format::Duration.number(days * 86_400.0)
}

fn verdict(answer: &Answer, conditions: &[Condition]) -> String {
    let Some(cheapest) = &answer.cheapest else {
        let open: Vec<String> = answer
            .cheaper_open
            .iter()
            .map(|n| format!("`{n}`"))
            .collect();
        return match open.is_empty() {
            true => "No design keeps all conditions.".to_owned(),
            false => format!(
                "Cannot tell yet: {} may keep all conditions, and the trials cannot say. Give \
                 more time (--budget) or trials (--trials).",
                some(&open)
            ),
        };
    };
    let design = of(answer, cheapest);
    let kept = conditions.iter().zip(&design.estimates);
    let kept: Vec<String> = kept
        .map(|(condition, bounded)| {
            let quantity = condition.quantity;
            let most = bounded.high.map(|high| number(quantity, high));
            let most = most.unwrap_or_else(|| "unknown".to_owned());
            format!(
                "{quantity} is {} (at most {most})",
                number(quantity, bounded.value)
            )
        })
        .collect();
    format!(
        "The cheapest design that keeps all conditions is `{cheapest}` at {} a month: {}.{}",
        Format::Money('$').number(design.cost.unwrap_or_default()),
        kept.join("; "),
        cheaper(answer)
    )
}

/// What the trials cannot tell about cheaper designs.
fn cheaper(answer: &Answer) -> String {
    let open: Vec<String> = answer
        .cheaper_open
        .iter()
        .map(|n| format!("`{n}`"))
        .collect();
    match open.is_empty() {
        true => String::new(),
        false => format!(
            " Cheaper, and the trials cannot tell yet: {} (more --budget or --trials decides).",
            some(&open)
        ),
    }
}

fn next_best(answer: &Answer, conditions: &[Condition]) -> Option<String> {
    let next = answer.next_best.as_ref()?;
    let condition = conditions.iter().find(|of| of.text == next.lost_by);
    Some(match condition {
        None if next.value == next.against => {
            format!("The next best, `{}`, costs as much.", next.name)
        }
        None => format!(
            "The next best, `{}`, costs {} a month more.",
            next.name,
            Format::Money('$').number(next.value - next.against)
        ),
        Some(condition) => format!(
            "The next best, `{}`, is out: {} is {}.",
            next.name,
            condition.quantity,
            number(condition.quantity, next.value)
        ),
    })
}

fn gate(answer: &Answer) -> Option<String> {
    let gate = answer.gate.as_ref()?;
    let first = &answer.designs[0].name;
    let holds = match gate.holds {
        Some(true) => "holds",
        Some(false) => "does not hold",
        None => "cannot be told yet",
    };
    Some(format!("Gate: `{}` {holds} of `{first}`.", gate.condition))
}

fn of<'a>(answer: &'a Answer, name: &str) -> &'a DesignAnswer {
    let mut designs = answer.designs.iter();
    let found = designs.find(|design| design.name == name);
    found.expect("it is one of the designs")
}

/// Some names, and how many more there are.
fn some(names: &[String]) -> String {
    match names.len() {
        0..=3 => names.join(", "),
        all => format!("{} and {} more", names[..3].join(", "), all - 3),
    }
}

/// A quantity's value with its unit.
fn number(quantity: Quantity, value: f64) -> String {
    format_of(quantity).number(value)
}

fn format_of(quantity: Quantity) -> Format {
    match quantity {
        Quantity::Chance(_) => Format::Percent(2),
        Quantity::Rate(Loss::Money, _) => Format::Money('$'),
        Quantity::Rate(..) => Format::Significant(3),
    }
}

/// The designs, the cheapest first.
pub fn table(answer: &Answer, conditions: &[Condition]) -> Table {
    let mut columns = vec![
        Column::text("design"),
        Column::number("price", "$/month"),
        Column::number("p_full", ""),
    ];
    let of_conditions = conditions
        .iter()
        .map(|of| Column::number(of.text.clone(), ""));
    columns.extend(of_conditions);
    columns.extend([Column::text("keeps all"), Column::number("trials", "")]);
    let mut table = Table::new("", columns);
    let mut designs: Vec<&DesignAnswer> = answer.designs.iter().collect();
    let cost = |design: &DesignAnswer| design.cost.unwrap_or(f64::INFINITY);
    designs.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    for design in shown(&designs, answer) {
        let mut row = vec![
            Cell::text(design.name.clone()),
            Cell::optional(design.cost, Format::Money('$')),
            Cell::optional(design.p_full.as_ref().map(|p| p.value), Format::Percent(1)),
        ];
        let cells = conditions.iter().enumerate().map(|(n, condition)| {
            let bounded = design.estimates.get(n);
            bounded.map_or(Cell::Empty, |bounded| cell(condition.quantity, bounded))
        });
        row.extend(cells);
        let keeps = match (design.meets, &design.failed) {
            (_, Some(_)) => "failed",
            (Some(true), None) => "yes",
            (Some(false), None) => "no",
            (None, None) if !answer.cheaper_open.contains(&design.name) => "dearer",
            (None, None) => "cannot tell",
        };
        row.extend([
            Cell::text(keeps),
            Cell::number(design.trials as f64, Format::Count),
        ]);
        table.push(row);
    }
    table
}

/// The cheapest up to some beyond the answer; all of them stand in `plan.json`.
fn shown<'a>(designs: &[&'a DesignAnswer], answer: &Answer) -> Vec<&'a DesignAnswer> {
    let is_answer = |design: &&&DesignAnswer| Some(&design.name) == answer.cheapest.as_ref();
    let at = designs
        .iter()
        .position(|design| is_answer(&design))
        .unwrap_or(0);
    let first = (at + SHOWN / 2).min(designs.len()).saturating_sub(SHOWN);
    let shown = designs.iter().skip(first).take(SHOWN);
    shown.copied().collect()
}

fn cell(quantity: Quantity, bounded: &Bounded) -> Cell {
    let format = format_of(quantity);
    match bounded.high {
        Some(high) if bounded.few_carry => Cell::text(format!(
            "{} ({}; few trials carry it)",
            format.number(bounded.value),
            format.range(bounded.low, high)
        )),
        Some(high) => Cell::estimate(Estimate::new(bounded.value, bounded.low, high), format),
        None => Cell::text(format.number(bounded.value)),
    }
}
