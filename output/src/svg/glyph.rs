//! How wide text is, without a font: the advance widths of Helvetica, in thousandths of the font
//! size. Arial and Liberation Sans have the same; other fonts of the stack come within a few per
//! cent, which the allowance covers.

/// The fonts, first found first; all of them close to the widths below.
pub(crate) const FONTS: &str =
    "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', sans-serif";

/// Widths of the characters from space to tilde.
const ASCII: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// For fonts of the stack that run a little wider, and for hinting.
const ALLOWANCE: f64 = 1.04;

/// Bold letters are wider.
const BOLD: f64 = 1.07;

/// The estimated width of a line, in the unit of `size`.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let thousandths: u32 = text
        .chars()
        .map(|character| u32::from(advance(character)))
        .sum();
    let weight = if bold { BOLD } else { 1.0 };
    f64::from(thousandths) / 1000.0 * size * weight * ALLOWANCE
}

fn advance(character: char) -> u16 {
    match character {
        ' '..='~' => ASCII[character as usize - ' ' as usize],
        '·' | '\u{a0}' => 278,
        '–' | '€' => 556,
        '−' | '×' | '±' | '≥' | '≤' | '≈' => 584,
        '—' | '…' | '→' | '←' | '↑' | '↓' | '●' | '○' => 1000,
        other => match crate::text::columns_of(other) {
            0 => 0,
            1 => 640,
            _ => 1040,
        },
    }
}

/// Breaks text into lines no wider than `limit`, at spaces; a word that is wider by itself is
/// broken inside. Never empty, and nothing is left out.
pub(crate) fn wrap(text: &str, size: f64, bold: bool, limit: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        let joined = if line.is_empty() {
            word.to_string()
        } else {
            format!("{line} {word}")
        };
        if width(&joined, size, bold) <= limit {
            *line = joined;
        } else {
            if !line.is_empty() {
                lines.push(String::new());
            }
            break_word(word, size, bold, limit, &mut lines);
        }
    }
    lines
}

/// Puts a word on the last, empty line, and on as many further lines as it needs.
fn break_word(word: &str, size: f64, bold: bool, limit: f64, lines: &mut Vec<String>) {
    for character in word.chars() {
        let line = lines.last_mut().expect("there is always a line");
        let longer = format!("{line}{character}");
        if line.is_empty() || width(&longer, size, bold) <= limit {
            *line = longer;
        } else {
            lines.push(character.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_are_wider_than_narrow_ones() {
        assert!(width("WWW", 12.0, false) > 2.0 * width("lll", 12.0, false));
        assert!(width("界", 12.0, false) > width("a", 12.0, false));
        assert_eq!(width("", 12.0, false), 0.0);
    }

    #[test]
    fn wrapping_keeps_every_letter_and_the_limit() {
        let text = "a_word_that_is_far_too_long_for_any_line and some short ones";
        let lines = wrap(text, 12.0, false, 90.0);
        assert!(lines.iter().all(|line| width(line, 12.0, false) <= 90.0));
        let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
        assert_eq!(wrap("", 12.0, false, 90.0), [""]);
    }
}
