//! The names of the random streams of demand, numbered among those of the whole project.

use sim::Purpose;

/// Arrivals of visits. Entity: the population, and the cell; its classes are sub-streams, by
/// position.
pub const ARRIVALS: Purpose = Purpose(40);
/// Calls of a request: keys, work, pauses. Entity: the population; its classes are sub-streams.
pub const CALLS: Purpose = Purpose(43);
/// The process that a press goes to. Entity: the population; its classes are sub-streams.
pub const ROUTES: Purpose = Purpose(46);
