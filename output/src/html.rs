//! A report as one page that needs nothing but itself: no script, no font, no network. Style rules
//! stand in `html/page.css`, charts are inlined, data hang on links as `data:` addresses.

use crate::chart::Chart;
use crate::error::Error;
use crate::escape::escaped;
use crate::report::{Report, Section};
use crate::svg;
use crate::table::{Align, Cell, Column, Table};

/// Longer tables behind charts are cut on the page; their CSV is whole.
const ROWS_SHOWN: usize = 200;

impl Report {
    /// The report as one HTML page that needs nothing but itself.
    pub fn to_html(&self) -> Result<String, Error> {
        page(self)
    }
}

/// The report as a page.
fn page(report: &Report) -> Result<String, Error> {
    let mut sections = String::new();
    for (index, section) in report.sections.iter().enumerate() {
        sections.push_str(&self::section(index + 1, section)?);
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>\n{css}{chart_css}\n</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#findings\">Skip to the findings</a>\n<div class=\"layout\">\n\
         {header}{nav}<main id=\"findings\">\n{sections}</main>\n{footer}\
         </div>\n</body>\n</html>\n",
        title = escaped(&report.title),
        css = include_str!("html/page.css"),
        chart_css = svg::style(),
        header = header(report),
        nav = nav(report),
        footer = footer(report)?,
    ))
}

fn header(report: &Report) -> String {
    let verdict = paragraphs(&report.verdict);
    let verdict = match verdict.is_empty() {
        true => String::new(),
        false => format!(
            "<div class=\"verdict\" role=\"note\" aria-label=\"Verdict\">\n{verdict}</div>\n"
        ),
    };
    let facts: String = report
        .facts
        .iter()
        .map(|(name, value)| {
            format!(
                "<div><dt>{}</dt><dd>{}</dd></div>\n",
                escaped(name),
                escaped(value)
            )
        })
        .collect();
    let facts = match facts.is_empty() {
        true => facts,
        false => format!("<dl class=\"facts\">\n{facts}</dl>\n"),
    };
    format!(
        "<header>\n<h1>{}</h1>\n{verdict}{facts}</header>\n",
        escaped(&report.title)
    )
}

fn paragraphs(texts: &[String]) -> String {
    texts
        .iter()
        .map(|text| format!("<p>{}</p>\n", escaped(text)))
        .collect()
}

fn nav(report: &Report) -> String {
    if report.sections.len() < 2 {
        return String::new();
    }
    let links = report.sections.iter().enumerate().map(|(index, section)| {
        format!(
            "<li><a href=\"#s{}\">{}</a></li>\n",
            index + 1,
            escaped(&section.heading)
        )
    });
    format!(
        "<nav aria-label=\"Sections\"><details open>\n<summary>In this report</summary>\n<ol>\n\
         {}</ol>\n</details></nav>\n",
        links.collect::<String>()
    )
}

fn section(number: usize, section: &Section) -> Result<String, Error> {
    let texts: Vec<String> = section
        .text
        .split("\n\n")
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_string)
        .collect();
    let chart = section
        .chart
        .as_ref()
        .map(|chart| figure(number, chart))
        .transpose()?;
    let table = section
        .table
        .as_ref()
        .map(|table| shown_table(number, table))
        .transpose()?;
    Ok(format!(
        "<details class=\"section\" id=\"s{number}\" open>\n<summary><h2>{}</h2></summary>\n\
         <div class=\"body\">\n{}{}{}</div>\n</details>\n",
        escaped(&section.heading),
        paragraphs(&texts),
        chart.unwrap_or_default(),
        table.unwrap_or_default()
    ))
}

fn figure(number: usize, chart: &Chart) -> Result<String, Error> {
    let picture = svg::inline(chart)?;
    let mut data = chart.data_table();
    let csv = data.to_csv()?;
    let rows = data.rows.len();
    data.title.clear();
    data.rows.truncate(ROWS_SHOWN);
    let cut = match rows > ROWS_SHOWN {
        true => format!(" The first {ROWS_SHOWN} of {rows} rows; the file holds them all."),
        false => String::new(),
    };
    Ok(format!(
        "<figure>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Chart: {}\">\n\
         {picture}</div>\n</figure>\n<details class=\"data\">\n<summary>Data behind this chart\
         </summary>\n<p class=\"save\">{}.{cut}</p>\n<div class=\"scroll\" tabindex=\"0\" \
         role=\"group\" aria-label=\"Data table\">\n{}</div>\n</details>\n",
        escaped(&chart.caption().title),
        link(
            "text/csv",
            &format!("chart-{number}.csv"),
            &csv,
            "Download as CSV"
        ),
        table(&data)?
    ))
}

fn shown_table(number: usize, shown: &Table) -> Result<String, Error> {
    Ok(format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">\n{}</div>\n\
         <p class=\"save\">{}</p>\n",
        table(shown)?,
        link(
            "text/csv",
            &format!("table-{number}.csv"),
            &shown.to_csv()?,
            "Download as CSV"
        )
    ))
}

fn footer(report: &Report) -> Result<String, Error> {
    let footer = &report.footer;
    let parts = [
        ("n", &footer.n),
        ("seed", &footer.seed),
        ("version", &footer.version),
        ("scenario", &footer.scenario),
    ];
    let parts: String = parts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>\n", escaped(value)))
        .collect();
    let command = match footer.command.is_empty() {
        true => String::new(),
        false => format!(
            "<p>Make this report again: <code>{}</code></p>\n",
            escaped(&footer.command)
        ),
    };
    let raw = match &report.raw_json {
        Some(json) => {
            serde_json::from_str::<serde::de::IgnoredAny>(json).map_err(|problem| {
                Error::Encode {
                    format: "the report's raw JSON",
                    problem: problem.to_string(),
                }
            })?;
            let link = link(
                "application/json",
                "result.json",
                json.as_bytes(),
                "Download as JSON",
            );
            format!("<p class=\"save\">The whole result: {link}</p>\n")
        }
        None => String::new(),
    };
    Ok(format!(
        "<footer>\n<dl>\n{parts}</dl>\n{command}{raw}</footer>\n"
    ))
}

impl Table {
    /// An HTML `<table>` with a caption and header scopes, to be put into a page.
    pub fn to_html(&self) -> Result<String, Error> {
        table(self)
    }
}

/// A table with a caption, and headers that say what they head.
fn table(table: &Table) -> Result<String, Error> {
    table.check()?;
    let mut html = String::from("<table>\n");
    if !table.title.is_empty() {
        html.push_str(&format!("<caption>{}</caption>\n", escaped(&table.title)));
    }
    let heads = table.columns.iter().map(|column| {
        let unit = match column.unit.is_empty() {
            true => String::new(),
            false => format!(" <span class=\"unit\">({})</span>", escaped(&column.unit)),
        };
        format!(
            "<th scope=\"col\"{}>{}{unit}</th>",
            class(column),
            escaped(&column.name)
        )
    });
    html.push_str(&format!(
        "<thead><tr>{}</tr></thead>\n<tbody>\n",
        heads.collect::<String>()
    ));
    for row in &table.rows {
        html.push_str("<tr>");
        for (index, (cell, column)) in row.iter().zip(&table.columns).enumerate() {
            let (name, scope) = if index == 0 {
                ("th", " scope=\"row\"")
            } else {
                ("td", "")
            };
            let class = class(column);
            html.push_str(&format!(
                "<{name}{scope}{class}>{}</{name}>",
                self::cell(cell)
            ));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n");
    Ok(html)
}

fn class(column: &Column) -> &'static str {
    match column.align {
        Align::Left => "",
        Align::Right => " class=\"r\"",
        Align::Centre => " class=\"c\"",
    }
}

/// An interval is set smaller than its value.
fn cell(cell: &Cell) -> String {
    let text = escaped(&cell.display());
    match cell {
        Cell::Estimate { .. } | Cell::Difference { .. } => match text.split_once(" (") {
            Some((value, interval)) => format!("{value} <span class=\"ci\">({interval}</span>"),
            None => text,
        },
        Cell::Empty => "<span class=\"none\">–</span>".to_string(),
        Cell::Text { .. } | Cell::Number { .. } => text,
    }
}

/// A link that carries the file itself.
fn link(media: &str, name: &str, bytes: &[u8], words: &str) -> String {
    let data = base64(bytes);
    format!("<a download=\"{name}\" href=\"data:{media};charset=utf-8;base64,{data}\">{words}</a>")
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_rfc() {
        let pairs = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ];
        for (plain, coded) in pairs {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn markup_in_data_stays_text() {
        assert_eq!(
            escaped("<a href='x'>&\"\u{7}"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot; "
        );
    }

    #[test]
    fn raw_json_that_does_not_parse_is_refused() {
        let report = Report {
            title: "t".to_string(),
            verdict: Vec::new(),
            facts: Vec::new(),
            sections: Vec::new(),
            footer: crate::report::Footer::default(),
            raw_json: Some("{".to_string()),
        };
        assert!(page(&report).unwrap_err().to_string().contains("raw JSON"));
    }
}
