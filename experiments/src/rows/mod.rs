//! Rows: `outcomes.csv`, its companions and `manifest.json`, in both directions.
//!
//! | file | a row per | columns |
//! | --- | --- | --- |
//! | `outcomes.csv` | point and trial | `point,trial`, one per factor, then [`columns`] |
//! | `components.csv` | point, trial and component | `point,trial,component,downtime_true_s` |
//! | `products.csv` | point, trial and product | see [`mod@write`]; none if there is one product |
//! | `blast_radius.csv` | point, cluster and what it reached | see [`blast`] |
//! | `manifest.json` | – | what was asked, what was kept, what the columns mean |
//!
//! What is undefined is an empty field, never 0. Statistics and charts start from these files only,
//! so any figure can be drawn again without simulating.
//!
//! [`columns`]: crate::measures::columns

pub mod blast;
pub mod manifest;
pub mod ran;
pub mod read;
pub mod write;
