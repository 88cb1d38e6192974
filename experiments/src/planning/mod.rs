//! Capacity planning: when is it full, how likely is an outage, what is the cheapest design?
//!
//! | file | answers |
//! | --- | --- |
//! | `sample.rs` | what one trial says |
//! | `search.rs` | the cheapest design that keeps all conditions, with few trials |
//! | `answer.rs` | `plan.json`: what is known in the end |
//! | `words.rs` | the same for people |

pub mod answer;
pub mod sample;
pub mod search;
pub mod words;
