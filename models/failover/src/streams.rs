//! The names of the random streams of the laboratory, numbered among those of the whole project.

use sim::Purpose;

/// The phases of a laboratory run: starts of processes, the fault. Entity: always 0.
pub const LAB: Purpose = Purpose(60);
/// The bus of a laboratory run. Entity: always 0.
pub const LAB_BUS: Purpose = Purpose(61);
