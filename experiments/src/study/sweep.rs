//! A study made from one scenario and a few of its keys: each key is a factor, each of its values a
//! level.

use std::collections::BTreeSet;

use models::spec::limits::DESIGNS_MAX;

use crate::document::{Node, Step, Value, dotted, path};
use crate::forms::range::{Vary, name};

/// A scenario, the keys to vary, and how to run it.
#[derive(Clone, Debug)]
pub struct Sweep<'a> {
    /// The scenario, as a study names it.
    pub scenario: &'a str,
    /// Its contents.
    pub base: &'a Node,
    /// The keys and their values.
    pub varies: &'a [Vary],
    /// Trials of each design, and the seed.
    pub runs: (u64, u64),
    /// What a design must keep; may be empty.
    pub keep: &'a [String],
}

/// The first line of a generated study. Only a file that starts with it is overwritten.
pub const MARK: &str = "# Made by `outage sweep`; a file to go on from.";

impl Sweep<'_> {
    /// The study as a file.
    ///
    /// # Errors
    /// What is wrong with a key.
    pub fn text(&self) -> Result<String, (String, String)> {
        let designs: usize = self.varies.iter().map(|vary| vary.values.len()).product();
        if designs > DESIGNS_MAX {
            let wrong = format!("these values make {designs} designs");
            return Err((wrong, format!("give fewer: {DESIGNS_MAX} can be compared")));
        }
        let mut lists = BTreeSet::new();
        let mut factors = Vec::new();
        let mut baseline = toml::Table::new();
        for vary in self.varies {
            let whole = whole_list(&vary.key);
            if whole.is_some_and(|list| !lists.insert(list)) || baseline.contains_key(&vary.key) {
                let wrong = format!(
                    "`{}` stands in a list of which another key varies",
                    vary.key
                );
                let help = "sweep one key of a list at a time, or write a study".to_owned();
                return Err((wrong, help));
            }
            let mut levels = Vec::new();
            for value in &vary.values {
                let mut level = toml::Table::new();
                level.insert("name".to_owned(), name(value).into());
                level.insert("set".to_owned(), self.fragment(vary, value)?.into());
                levels.push(toml::Value::Table(level));
            }
            let here = self.base.at(&path(&vary.key)).map(Node::to_toml);
            let same = vary
                .values
                .iter()
                .find(|value| Some(*value) == here.as_ref());
            let first = name(same.unwrap_or(&vary.values[0]));
            baseline.insert(vary.key.clone(), first.into());
            let mut factor = toml::Table::new();
            factor.insert("name".to_owned(), vary.key.clone().into());
            factor.insert("level".to_owned(), levels.into());
            factors.push(toml::Value::Table(factor));
        }
        let keys: Vec<&str> = self.varies.iter().map(|vary| vary.key.as_str()).collect();
        let mut study = toml::Table::new();
        let title = format!("What changes with {}?", keys.join(" and "));
        study.insert("title".to_owned(), title.into());
        study.insert("scenario".to_owned(), self.scenario.into());
        study.insert("trials".to_owned(), (self.runs.0 as i64).into());
        study.insert("seed".to_owned(), (self.runs.1 as i64).into());
        if !self.keep.is_empty() {
            let mut plan = toml::Table::new();
            plan.insert("keep".to_owned(), self.keep.to_vec().into());
            study.insert("plan".to_owned(), plan.into());
        }
        study.insert("baseline".to_owned(), baseline.into());
        study.insert("factor".to_owned(), factors.into());
        let text = toml::to_string(&study).expect("a table can be written");
        Ok(format!("{MARK}\n{text}"))
    }

    /// The part of the scenario in which the key has this value. Of a list it holds every element,
    /// since a fragment replaces lists whole.
    fn fragment(&self, vary: &Vary, value: &toml::Value) -> Result<toml::Table, (String, String)> {
        let steps = path(&vary.key);
        let mut base = self.base.clone();
        let wrong = |wrong: &str, help: &str| (format!("`{}`: {wrong}", vary.key), help.to_owned());
        let list = steps.iter().position(|step| matches!(step, Step::Index(_)));
        match base.at_mut(&steps) {
            Some(node) if matches!(node.value, Value::Scalar(_)) => {
                node.value = Value::Scalar(value.clone());
            }
            Some(_) => {
                let help = "name one of the keys in it";
                return Err(wrong("a table or a list has no single value", help));
            }
            // A key that is absent may be given, but not in a list that is not there.
            None if list.is_none() => {}
            None => {
                let help = "count from 0, and name a key that the file has there";
                return Err(wrong("the scenario has no such key in this list", help));
            }
        }
        let kept = &steps[..list.unwrap_or(steps.len())];
        let mut part = match list {
            None => value.clone(),
            Some(_) => base.at(kept).expect("it was there").to_toml(),
        };
        for step in kept.iter().rev() {
            let Step::Key(key) = step else {
                unreachable!("the path ends at the first list");
            };
            let mut table = toml::Table::new();
            table.insert(key.clone(), part);
            part = table.into();
        }
        match part {
            toml::Value::Table(table) => Ok(table),
            _ => Err(wrong("this names no key", "write a dotted path")),
        }
    }
}

/// The list in which a key stands, if it does.
fn whole_list(key: &str) -> Option<String> {
    let steps = path(key);
    let list = steps
        .iter()
        .position(|step| matches!(step, Step::Index(_)))?;
    Some(dotted(&steps[..list]))
}
