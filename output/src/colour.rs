//! Colours by name: the Okabe-Ito palette, which people with any colour vision can tell apart,
//! and the tones of a state. What they look like on light and dark paper is `svg.rs`' business.

use serde::Serialize;

/// A colour of the Okabe-Ito palette, without its yellow, which cannot be read on white.
/// Give a design one colour and keep it through the whole report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// `#000000`; near-white on dark paper.
    Black,
    /// `#E69F00`.
    Orange,
    /// `#56B4E9`.
    Sky,
    /// `#009E73`.
    Green,
    /// `#0072B2`.
    Blue,
    /// `#D55E00`.
    Vermilion,
    /// `#CC79A7`.
    Purple,
    /// Not part of the palette: for what is not the point, such as dominated designs.
    Grey,
}

impl Colour {
    /// The order in which to hand out colours: neighbours differ in lightness as well as in hue.
    pub const SEQUENCE: [Colour; 7] = [
        Colour::Blue,
        Colour::Vermilion,
        Colour::Green,
        Colour::Orange,
        Colour::Purple,
        Colour::Sky,
        Colour::Black,
    ];

    /// The `index`th colour of [`Colour::SEQUENCE`], starting over after the seventh.
    pub fn nth(index: usize) -> Colour {
        Colour::SEQUENCE[index % Colour::SEQUENCE.len()]
    }
}

/// What a state means to the reader of a timeline. Tones differ in lightness too, and the state's
/// name stands in its span, so none is told by hue alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Works, or says that it works: pale.
    Good,
    /// Works in part, or is suspected: orange.
    Degraded,
    /// Does not work, or says so: vermilion.
    Bad,
    /// Somebody or something is acting: blue.
    Acting,
    /// Waiting, idle, starting: grey.
    Waiting,
    /// Nobody can know: empty with an outline.
    Unknown,
}

impl Tone {
    /// All tones, in the order in which a legend lists them.
    pub const ALL: [Tone; 6] = [
        Tone::Good,
        Tone::Degraded,
        Tone::Bad,
        Tone::Acting,
        Tone::Waiting,
        Tone::Unknown,
    ];
}
