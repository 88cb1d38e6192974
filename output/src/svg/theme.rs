//! What colours look like: one value for light paper, which stands in every element, and one for
//! dark paper, which a style rule puts in its place.
//!
//! Plotters knows RGB only. So every paint has a light RGB of its own, by which its elements are
//! found again and given the class that the dark rule addresses. Fixed paints have no class.

use crate::colour::{Colour, Tone};

/// What something is painted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// The paper.
    Surface,
    /// Text and axes that matter.
    Ink,
    /// Text that explains.
    Muted,
    /// Lines that guide the eye.
    Grid,
    /// Every other row.
    Stripe,
    /// A dashed line: objectives and other references.
    Guide,
    /// A palette colour.
    Series(Colour),
    /// Text on a palette colour.
    OnSeries(Colour),
    /// A state.
    State(Tone),
    /// Text on a state.
    OnState(Tone),
    /// The same on any paper: cells of a heat map and the text on them.
    Fixed(u8, u8, u8),
}

type Rgb = (u8, u8, u8);

/// Light and dark values; no two light values are the same.
const THEME: [(Rgb, Rgb); 20] = [
    ((0xFF, 0xFF, 0xFF), (0x15, 0x18, 0x1D)), // 0 surface
    ((0x1A, 0x1D, 0x21), (0xE9, 0xEB, 0xEE)), // 1 ink
    ((0x5A, 0x62, 0x6D), (0xA7, 0xAF, 0xBA)), // 2 muted
    ((0xE2, 0xE5, 0xE9), (0x2F, 0x35, 0x3E)), // 3 grid
    ((0xF6, 0xF7, 0xF9), (0x1B, 0x1F, 0x26)), // 4 stripe
    ((0x6B, 0x74, 0x80), (0x98, 0xA1, 0xAD)), // 5 guide
    ((0x00, 0x00, 0x00), (0xD9, 0xDD, 0xE2)), // 6 black
    ((0xE6, 0x9F, 0x00), (0xE6, 0x9F, 0x01)), // 7 orange
    ((0x56, 0xB4, 0xE9), (0x7F, 0xC8, 0xF0)), // 8 sky
    ((0x00, 0x9E, 0x73), (0x17, 0xB5, 0x8A)), // 9 green
    ((0x00, 0x72, 0xB2), (0x2F, 0x8F, 0xD6)), // 10 blue
    ((0xD5, 0x5E, 0x00), (0xE0, 0x6C, 0x10)), // 11 vermilion
    ((0xCC, 0x79, 0xA7), (0xD4, 0x8A, 0xB4)), // 12 purple
    ((0x9A, 0xA1, 0xAB), (0x77, 0x80, 0x8C)), // 13 grey
    ((0xD3, 0xE8, 0xF5), (0x24, 0x42, 0x56)), // 14 good
    ((0xCD, 0xD2, 0xD9), (0x47, 0x4F, 0x5A)), // 15 waiting
    ((0xFF, 0xFF, 0xFE), (0x0E, 0x11, 0x15)), // 16 text on blue and black
    ((0x00, 0x00, 0x01), (0x0E, 0x11, 0x16)), // 17 text on other colours
    ((0x8B, 0x93, 0x9E), (0x8B, 0x93, 0x9F)), // 18 outline of the unknown
    ((0xFA, 0xFB, 0xFC), (0x1E, 0x23, 0x2A)), // 19 fill of the unknown
];

impl Paint {
    /// The value on light paper.
    pub(crate) fn light(self) -> Rgb {
        match self {
            Paint::Surface => THEME[0].0,
            Paint::Ink => THEME[1].0,
            Paint::Muted => THEME[2].0,
            Paint::Grid => THEME[3].0,
            Paint::Stripe => THEME[4].0,
            Paint::Guide => THEME[5].0,
            Paint::Series(colour) => THEME[series(colour)].0,
            Paint::OnSeries(Colour::Black | Colour::Blue) => THEME[16].0,
            Paint::OnSeries(_) => THEME[17].0,
            Paint::State(tone) => THEME[state(tone)].0,
            Paint::OnState(Tone::Good | Tone::Waiting | Tone::Unknown) => THEME[1].0,
            Paint::OnState(Tone::Acting) => THEME[16].0,
            Paint::OnState(Tone::Degraded | Tone::Bad) => THEME[17].0,
            Paint::Fixed(red, green, blue) => (red, green, blue),
        }
    }

    /// The outline of a state; only what is unknown has one of its own.
    pub(crate) fn outline(tone: Tone) -> Paint {
        match tone {
            Tone::Unknown => Paint::Fixed(0x8B, 0x93, 0x9E),
            other => Paint::State(other),
        }
    }
}

fn series(colour: Colour) -> usize {
    match colour {
        Colour::Black => 6,
        Colour::Orange => 7,
        Colour::Sky => 8,
        Colour::Green => 9,
        Colour::Blue => 10,
        Colour::Vermilion => 11,
        Colour::Purple => 12,
        Colour::Grey => 13,
    }
}

fn state(tone: Tone) -> usize {
    match tone {
        Tone::Good => 14,
        Tone::Degraded => 7,
        Tone::Bad => 11,
        Tone::Acting => 10,
        Tone::Waiting => 15,
        Tone::Unknown => 19,
    }
}

/// The place in the theme of a light value as plotters writes it, `#RRGGBB`.
pub(crate) fn class_of(hex: &str) -> Option<usize> {
    THEME.iter().position(|(light, _)| self::hex(*light) == hex)
}

/// Whether lines of this class are dashed.
pub(crate) fn is_dashed(class: usize) -> bool {
    class == 5
}

/// The rules that put dark values in the place of light ones, on dark screens only.
pub(crate) fn style() -> String {
    let mut css = String::from("@media screen and (prefers-color-scheme:dark){");
    for (class, (_, dark)) in THEME.iter().enumerate() {
        let dark = hex(*dark);
        css.push_str(&format!(
            ".f{class}{{fill:{dark}}}.s{class}{{stroke:{dark}}}"
        ));
    }
    css.push('}');
    css
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_light_value_is_found_again() {
        for (class, (light, _)) in THEME.iter().enumerate() {
            assert_eq!(class_of(&hex(*light)), Some(class));
        }
    }
}
