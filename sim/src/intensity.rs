//! The rate of a non-homogeneous Poisson process, and the clock in which it is homogeneous.
//!
//! In *operational time* (the cumulative rate) every Poisson process ticks evenly. A *position* is
//! a point of operational time as an integer share of the whole, so that halving it is exact:
//!
//! ```text
//! rate /s   │      ┌────┐
//!           │ ┌────┤    │         ┌────┐      the pause in the middle has no positions at all
//!           └─┴────┴────┴─────────┴────┴──► instant (ns)
//! position    0    ¼    ¾         ¾    2⁶³
//! ```
//!
//! Inside a piece, `instant = from + ⌊(position - start) · slope⌋` with an integer fixed-point
//! slope. This map *is* the definition of when an arrival happens: it never decreases, and its
//! inverse (the first position whose instant is not before `t`) is computed by an integer division.
//! Counting by position and opening by instant therefore agree to the last arrival; no float is
//! compared.
//!
//! Left out: rates that change continuously. A ramp has to be cut in steps.

use std::sync::Arc;

use crate::time::SimTime;

/// A point of operational time: a share of the total in units of 2⁻⁶³.
pub(crate) type Position = u64;

/// Positions run over `0..POSITION_END`, so that the end itself still fits.
pub(crate) const POSITION_BITS: u32 = 63;

/// One past the last position.
pub(crate) const POSITION_END: Position = 1 << POSITION_BITS;

/// A rate of arrivals over time, constant in pieces and zero outside them.
#[derive(Clone, Debug)]
pub struct Intensity {
    /// Pieces in which something can arrive; shared, since many trees follow one profile.
    pieces: Arc<[Piece]>,
    /// Expected arrivals in all pieces, before `factor`.
    expected: f64,
    factor: f64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    from: SimTime,
    to: SimTime,
    per_sec: f64,
    expected_before: f64,
    start: Position,
    end: Position,
    /// Nanoseconds per position, times 2^shift.
    slope: u64,
    shift: u32,
}

impl Intensity {
    /// `per_sec` arrivals a second in `[from, to)`.
    ///
    /// # Panics
    /// If the rate is negative or not finite, or `to` lies before `from`.
    pub fn constant(per_sec: f64, from: SimTime, to: SimTime) -> Intensity {
        Intensity::piecewise(&[(from, per_sec)], to)
    }

    /// Piecewise constant: each entry is the start of a piece and its rate per second; a piece ends
    /// where the next starts, the last one at `to`.
    ///
    /// # Panics
    /// If the starts do not ascend, `to` lies before the last, or a rate is negative or not finite.
    pub fn piecewise(pieces: &[(SimTime, f64)], to: SimTime) -> Intensity {
        let ends = pieces.iter().skip(1).map(|(from, _)| *from).chain([to]);
        let mut expected = 0.0;
        let mut kept = Vec::with_capacity(pieces.len());
        for (&(from, per_sec), to) in pieces.iter().zip(ends) {
            assert!(from <= to, "pieces must ascend in time: {from} then {to}");
            assert!(per_sec >= 0.0, "a rate must not be negative or NaN");
            assert!(per_sec.is_finite(), "a rate must be finite");
            kept.push((from, to, per_sec, expected));
            expected += per_sec * (to - from).as_secs_f64();
        }
        let position = |share: f64| ((share / expected) * POSITION_END as f64) as u64;
        let pieces = kept
            .iter()
            .zip(kept.iter().skip(1).map(|next| next.3).chain([expected]))
            .map(|(&(from, to, per_sec, before), after)| Piece {
                from,
                to,
                per_sec,
                expected_before: before,
                start: position(before),
                end: position(after),
                slope: 0,
                shift: 0,
            })
            .filter(|piece| piece.start < piece.end)
            .map(Piece::with_slope)
            .collect();
        Intensity {
            pieces,
            expected,
            factor: 1.0,
        }
    }

    /// The same profile with every rate times `factor`: growth, or a class that is a fixed fraction
    /// of the whole (Poisson thinning). Shares the pieces; costs no allocation.
    ///
    /// # Panics
    /// If `factor` is negative or not finite.
    pub fn scaled(&self, factor: f64) -> Intensity {
        assert!(factor >= 0.0, "a factor must not be negative or NaN");
        assert!(factor.is_finite(), "a factor must be finite");
        Intensity {
            factor: self.factor * factor,
            ..self.clone()
        }
    }

    /// The highest rate at any time, in arrivals per second.
    pub fn rate_max(&self) -> f64 {
        let rates = self.pieces.iter().map(|piece| piece.per_sec);
        rates.fold(0.0, f64::max) * self.factor
    }

    /// The first instant after `t` at which the rate changes; none if it stays as it is.
    pub fn changes_after(&self, t: SimTime) -> Option<SimTime> {
        let first = self.pieces.partition_point(|piece| piece.to <= t);
        let piece = self.pieces.get(first)?;
        Some(if piece.from > t { piece.from } else { piece.to })
    }

    /// Expected number of arrivals before `t`.
    pub fn cumulative(&self, t: SimTime) -> f64 {
        self.piece_at(t).map_or(0.0, |piece| {
            let lasted = t.min(piece.to) - piece.from;
            (piece.expected_before + piece.per_sec * lasted.as_secs_f64()) * self.factor
        })
    }

    /// Expected number of arrivals altogether.
    pub fn total(&self) -> f64 {
        self.expected * self.factor
    }

    /// Nothing arrives from here on.
    pub(crate) fn end(&self) -> SimTime {
        self.pieces.last().map_or(SimTime::ZERO, |piece| piece.to)
    }

    /// The first position whose instant is not before `t`; `POSITION_END` if there is none.
    pub(crate) fn position(&self, t: SimTime) -> Position {
        self.piece_at(t).map_or(0, |piece| piece.position(t))
    }

    /// The instant that belongs to `position`; `hint` is the number of a piece at or before the
    /// right one, and is moved there, so that a walk in ascending order never searches.
    pub(crate) fn instant(&self, position: Position, hint: &mut usize) -> SimTime {
        while position >= self.pieces[*hint].end {
            *hint += 1;
        }
        self.pieces[*hint].instant(position)
    }

    /// The number of the piece that holds `position`: where an ascending walk starts.
    pub(crate) fn piece_of(&self, position: Position) -> usize {
        self.pieces.partition_point(|piece| piece.end <= position)
    }

    /// The last piece that has started by `t`.
    fn piece_at(&self, t: SimTime) -> Option<&Piece> {
        let started = self.pieces.partition_point(|piece| piece.from <= t);
        started.checked_sub(1).map(|i| &self.pieces[i])
    }
}

impl Piece {
    /// Chooses as many fractional bits as leave the slope below 2⁶⁴: it is off by less than 2⁻⁶² of
    /// its value, which over the whole piece is less than a nanosecond.
    fn with_slope(self) -> Piece {
        let (lasts, width) = ((self.to - self.from).as_nanos(), self.end - self.start);
        let shift = 63 + bits(width) - bits(lasts);
        let slope = (u128::from(lasts) << shift) / u128::from(width);
        Piece {
            slope: u64::try_from(slope).expect("the shift leaves 64 bits"),
            shift,
            ..self
        }
    }

    fn instant(&self, position: Position) -> SimTime {
        let steps = u128::from(position - self.start) * u128::from(self.slope);
        SimTime::from_nanos(self.from.as_nanos() + (steps >> self.shift) as u64)
    }

    fn position(&self, t: SimTime) -> Position {
        if t >= self.to {
            return self.end;
        }
        let steps = u128::from((t - self.from).as_nanos()) << self.shift;
        let within = steps.div_ceil(u128::from(self.slope));
        // The slope is rounded down: the last positions may fall short of a late `t`.
        (u128::from(self.start) + within).min(u128::from(self.end)) as Position
    }
}

/// The number of bits up to the highest one set.
const fn bits(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimDuration;

    fn secs(s: u64) -> SimTime {
        SimTime::from_nanos(s * 1_000_000_000)
    }

    #[test]
    fn cumulative_rate_follows_the_pieces() {
        let pieces = [(secs(10), 2.0), (secs(20), 0.0), (secs(30), 5.0)];
        let intensity = Intensity::piecewise(&pieces, secs(40));
        assert_eq!(intensity.total(), 70.0);
        assert_eq!(intensity.rate_max(), 5.0);
        let expected = [(0, 0.0), (10, 0.0), (15, 10.0), (25, 20.0), (35, 45.0)];
        for (t, cumulative) in expected {
            assert_eq!(intensity.cumulative(secs(t)), cumulative, "at {t} s");
        }
        assert_eq!(intensity.cumulative(secs(1000)), 70.0);
        assert_eq!(intensity.scaled(0.5).total(), 35.0);
    }

    #[test]
    fn position_is_the_exact_inverse_of_instant() {
        let pieces = [
            (secs(1), 1e-7),
            (secs(50), 3.0),
            (secs(51), 0.0),
            (secs(70), 1e4),
        ];
        let to = secs(70) + SimDuration::from_nanos(123_457);
        for intensity in [
            Intensity::piecewise(&pieces, to),
            Intensity::constant(1000.0, SimTime::ZERO, secs(90 * 86_400)),
            Intensity::constant(1e9, secs(3), secs(3) + SimDuration::from_nanos(17)),
        ] {
            let mut position = 0;
            while position < POSITION_END {
                check_inverse(&intensity, position);
                position += POSITION_END / 10_007;
            }
            for piece in intensity.pieces.iter() {
                check_inverse(&intensity, piece.start);
                check_inverse(&intensity, piece.end - 1);
            }
        }
    }

    fn check_inverse(intensity: &Intensity, position: Position) {
        let instant = |position| {
            let mut hint = intensity.piece_of(position);
            intensity.instant(position, &mut hint)
        };
        let at = instant(position);
        for t in [at, at + SimDuration::from_nanos(1)] {
            let first = intensity.position(t);
            assert!(first == POSITION_END || instant(first) >= t);
            assert!(first == 0 || instant(first - 1) < t);
        }
        let piece = intensity.piece_at(at).expect("it arrives in a piece");
        assert!(at < piece.to, "nothing arrives in a pause");
    }

    #[test]
    fn nothing_arrives_at_rate_zero() {
        for intensity in [
            Intensity::constant(0.0, secs(0), secs(9)),
            Intensity::constant(5.0, secs(9), secs(9)),
            Intensity::piecewise(&[], secs(9)),
        ] {
            assert_eq!(intensity.total(), 0.0);
            assert_eq!(intensity.rate_max(), 0.0);
            assert_eq!(intensity.position(secs(5)), 0);
        }
    }
}
