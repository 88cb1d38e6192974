//! Distributions of durations, as a file writes them: `{ kind = "exponential", mean = "3s" }`.
//!
//! Every draw turns exactly one uniform number into a duration through the quantile function. Two
//! designs that share a stream therefore stay coupled: with the same number, a distribution that is
//! longer at every quantile gives a draw that is longer, whatever the two kinds are, and the draws
//! after it are not shifted.
//!
//! | kind | parameters | what it is for |
//! | --- | --- | --- |
//! | `constant` | `value` | timers, fixed costs |
//! | `uniform` | `min`, `max` | a random phase, jitter |
//! | `exponential` | `mean` | faults without memory, arrivals |
//! | `log-normal` | `median`, `p90` | what people take, and long tails in general |
//! | `weibull` | `scale`, `shape` | lifetimes: shape below 1 ages backwards, above 1 wears out |
//! | `empirical` | `values` | measured durations, drawn again as they are |

mod special;

use rand::RngExt;
use rand::distr::Open01;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::streams::Rng;
use crate::time::SimDuration;
use special::{NORMAL_P90, gamma, normal_quantile};

/// A distribution of durations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Dist {
    /// Always the same.
    Constant {
        /// The duration.
        value: SimDuration,
    },
    /// All durations from `min` to `max` are equally likely.
    Uniform {
        /// The shortest.
        min: SimDuration,
        /// The longest; at least `min`.
        max: SimDuration,
    },
    /// Without memory: however long it has lasted, what remains is distributed the same. For faults
    /// at any time.
    Exponential {
        /// The mean, which 63% of draws stay below; above 0s.
        mean: SimDuration,
    },
    /// The logarithm is normal: a long tail, as in what people take.
    LogNormal {
        /// Half of all draws are longer; above 0s.
        median: SimDuration,
        /// One draw in ten is longer; at least `median`.
        p90: SimDuration,
    },
    /// The power of an exponential: lifetimes.
    Weibull {
        /// The duration which 63% of draws stay below, whatever the shape; above 0s.
        scale: SimDuration,
        /// The exponent, a plain number from 0.1 to 100; 1 makes it exponential.
        shape: f64,
    },
    /// One of the values, each as likely as the others.
    Empirical {
        /// What was measured, in ascending order; at least one.
        values: Vec<SimDuration>,
    },
}

/// Why a distribution makes no sense; the message says what to write instead.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum DistError {
    /// A uniform distribution whose ends are swapped.
    #[error("`min` ({min}) is longer than `max` ({max}); swap them")]
    MinAboveMax {
        /// The field `min`.
        min: SimDuration,
        /// The field `max`.
        max: SimDuration,
    },
    /// A field that must not be zero, since the distribution would be undefined.
    #[error("`{field}` is zero; write a positive duration, or use kind = \"constant\"")]
    Zero {
        /// The field's name.
        field: &'static str,
    },
    /// A log-normal distribution whose 90th percentile lies below its median.
    #[error(
        "`p90` ({p90}) is shorter than `median` ({median}); it is the time that 90% stay below"
    )]
    P90BelowMedian {
        /// The field `median`.
        median: SimDuration,
        /// The field `p90`.
        p90: SimDuration,
    },
    /// A Weibull shape outside what can be computed with.
    #[error("`shape` is {shape}; write a number from 0.1 to 100, where 1 means exponential")]
    Shape {
        /// The field `shape`.
        shape: f64,
    },
    /// An empirical distribution without values.
    #[error("`values` is empty; write at least one duration")]
    NoValues,
    /// Empirical values out of order.
    #[error("`values` are not in ascending order: {after} comes after {before}; sort them")]
    Unsorted {
        /// The value before.
        before: SimDuration,
        /// The smaller value after it.
        after: SimDuration,
    },
    /// Draws could leave the range of time.
    #[error("one draw in 10^16 would be longer than 584 years; write shorter durations")]
    TooLong,
}

impl Dist {
    /// One draw, from one number of `rng`.
    ///
    /// # Panics
    /// May do so if [`Dist::validate`] finds fault.
    pub fn sample(&self, rng: &mut Rng) -> SimDuration {
        // An open interval: neither end has a finite quantile in all kinds.
        self.quantile(rng.sample(Open01))
    }

    /// The duration that a share `probability` of all draws stays below.
    ///
    /// # Panics
    /// If `probability` is not between 0 and 1, both exclusive, or as [`Dist::sample`] does.
    pub fn quantile(&self, probability: f64) -> SimDuration {
        let inside = probability > 0.0 && probability < 1.0;
        assert!(
            inside,
            "a quantile needs a probability inside (0, 1), not {probability}"
        );
        match self {
            Dist::Constant { value } => *value,
            Dist::Uniform { min, max } => *min + (*max - *min).scaled(probability),
            Dist::Exponential { mean } => mean.scaled(standard_exponential(probability)),
            Dist::LogNormal { median, p90 } => {
                median.scaled((log_deviation(*median, *p90) * normal_quantile(probability)).exp())
            }
            Dist::Weibull { scale, shape } => {
                scale.scaled(standard_exponential(probability).powf(1.0 / shape))
            }
            Dist::Empirical { values } => {
                let place = (probability * values.len() as f64) as usize;
                // The product may round up to the length itself.
                values[place.min(values.len() - 1)]
            }
        }
    }

    /// Half of all draws are longer.
    pub fn median(&self) -> SimDuration {
        self.quantile(0.5)
    }

    /// The mean of all draws.
    ///
    /// # Panics
    /// If it is beyond the range of time, which [`Dist::validate`] does not promise for long tails.
    pub fn mean(&self) -> SimDuration {
        match self {
            Dist::Constant { value } => *value,
            Dist::Uniform { min, max } => *min + (*max - *min) / 2,
            Dist::Exponential { mean } => *mean,
            Dist::LogNormal { median, p90 } => {
                median.scaled((log_deviation(*median, *p90).powi(2) / 2.0).exp())
            }
            Dist::Weibull { scale, shape } => scale.scaled(gamma(1.0 + 1.0 / shape)),
            Dist::Empirical { values } => {
                let sum: u128 = values
                    .iter()
                    .map(|value| u128::from(value.as_nanos()))
                    .sum();
                let mean = sum / values.len() as u128;
                SimDuration::from_nanos(u64::try_from(mean).expect("a mean is not above all"))
            }
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first problem found, with what to write instead.
    pub fn validate(&self) -> Result<(), DistError> {
        let positive = |field, value: SimDuration| {
            if value > SimDuration::ZERO {
                Ok(())
            } else {
                Err(DistError::Zero { field })
            }
        };
        match *self {
            Dist::Constant { .. } => {}
            Dist::Uniform { min, max } if min > max => {
                return Err(DistError::MinAboveMax { min, max });
            }
            Dist::Uniform { .. } => {}
            Dist::Exponential { mean } => positive("mean", mean)?,
            Dist::LogNormal { median, p90 } => {
                positive("median", median)?;
                if p90 < median {
                    return Err(DistError::P90BelowMedian { median, p90 });
                }
            }
            Dist::Weibull { scale, shape } => {
                positive("scale", scale)?;
                if !(0.1..=100.0).contains(&shape) {
                    return Err(DistError::Shape { shape });
                }
            }
            Dist::Empirical { ref values } => return ascending(values),
        }
        self.within_time()
    }

    /// The longest draw that can ever come, since a uniform number has 52 bits, must be a duration.
    fn within_time(&self) -> Result<(), DistError> {
        let probability = 1.0 - f64::EPSILON / 2.0;
        let secs = match self {
            Dist::Constant { .. } | Dist::Uniform { .. } | Dist::Empirical { .. } => return Ok(()),
            Dist::Exponential { mean } => mean.as_secs_f64() * standard_exponential(probability),
            Dist::LogNormal { median, p90 } => {
                let deviation = log_deviation(*median, *p90);
                median.as_secs_f64() * (deviation * normal_quantile(probability)).exp()
            }
            Dist::Weibull { scale, shape } => {
                scale.as_secs_f64() * standard_exponential(probability).powf(1.0 / shape)
            }
        };
        if secs < SimDuration::MAX.as_secs_f64() {
            Ok(())
        } else {
            Err(DistError::TooLong)
        }
    }
}

fn ascending(values: &[SimDuration]) -> Result<(), DistError> {
    if values.is_empty() {
        return Err(DistError::NoValues);
    }
    match values.windows(2).find(|pair| pair[0] > pair[1]) {
        Some(pair) => Err(DistError::Unsorted {
            before: pair[0],
            after: pair[1],
        }),
        None => Ok(()),
    }
}

/// A draw of the standard normal distribution, from one uniform number.
pub fn standard_normal(rng: &mut Rng) -> f64 {
    normal_quantile(rng.sample(Open01))
}

/// The quantile of the exponential distribution with mean 1.
fn standard_exponential(probability: f64) -> f64 {
    -(-probability).ln_1p()
}

/// The standard deviation of the logarithm that puts the 90th percentile where it is.
fn log_deviation(median: SimDuration, p90: SimDuration) -> f64 {
    (p90.as_secs_f64() / median.as_secs_f64()).ln() / NORMAL_P90
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{Purpose, Streams};

    fn secs(secs: u64) -> SimDuration {
        SimDuration::from_secs(secs)
    }

    fn one_of_each_kind() -> [Dist; 6] {
        [
            Dist::Constant { value: secs(3) },
            Dist::Uniform {
                min: secs(1),
                max: secs(5),
            },
            Dist::Exponential { mean: secs(2) },
            Dist::LogNormal {
                median: secs(60),
                p90: secs(180),
            },
            Dist::Weibull {
                scale: secs(10),
                shape: 1.7,
            },
            Dist::Empirical {
                values: vec![secs(1), secs(1), secs(4), secs(10)],
            },
        ]
    }

    fn rng() -> Rng {
        Streams::for_trial(1, 0).stream(Purpose(0), 0)
    }

    #[test]
    fn means_and_quantiles_are_those_of_the_draws() {
        const DRAWS: usize = 200_000;
        for dist in one_of_each_kind() {
            let mut rng = rng();
            let mut draws: Vec<f64> = (0..DRAWS)
                .map(|_| dist.sample(&mut rng).as_secs_f64())
                .collect();
            let mean = draws.iter().sum::<f64>() / DRAWS as f64;
            let square = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>();
            let error = (square / DRAWS as f64 / DRAWS as f64).sqrt();
            let expected = dist.mean().as_secs_f64();
            assert!(
                (mean - expected).abs() <= 4.0 * error,
                "{dist:?}: {mean} and {expected}"
            );

            draws.sort_unstable_by(f64::total_cmp);
            for probability in [0.1, 0.5, 0.9] {
                // The share of draws below the quantile, at four sigma of a share.
                let quantile = dist.quantile(probability).as_secs_f64();
                let below = draws.partition_point(|draw| *draw < quantile) as f64 / DRAWS as f64;
                let upto = draws.partition_point(|draw| *draw <= quantile) as f64 / DRAWS as f64;
                let margin = 4.0 * (0.25 / DRAWS as f64).sqrt();
                assert!(
                    below - margin <= probability,
                    "{dist:?}: {below} below {quantile}"
                );
                assert!(
                    upto + margin >= probability,
                    "{dist:?}: {upto} up to {quantile}"
                );
            }
        }
    }

    #[test]
    fn closed_forms() {
        let [
            constant,
            uniform,
            exponential,
            log_normal,
            weibull,
            empirical,
        ] = one_of_each_kind();
        assert_eq!(constant.median(), secs(3));
        assert_eq!(uniform.mean(), secs(3));
        assert_eq!(exponential.median(), secs(2).scaled(std::f64::consts::LN_2));
        assert_eq!(log_normal.median(), secs(60));
        assert_eq!(log_normal.quantile(0.9), secs(180));
        assert_eq!(weibull.quantile(1.0 - (-1.0_f64).exp()), secs(10));
        assert_eq!(empirical.mean(), secs(4));
        assert_eq!(empirical.quantile(0.74), secs(4));
    }

    #[test]
    fn a_longer_distribution_draws_longer_from_the_same_stream() {
        let pairs = [
            (
                Dist::Exponential { mean: secs(2) },
                Dist::Exponential { mean: secs(3) },
            ),
            (
                Dist::LogNormal {
                    median: secs(2),
                    p90: secs(4),
                },
                Dist::LogNormal {
                    median: secs(4),
                    p90: secs(8),
                },
            ),
            (
                Dist::Weibull {
                    scale: secs(2),
                    shape: 1.0,
                },
                Dist::Exponential { mean: secs(2) },
            ),
            (
                Dist::Uniform {
                    min: secs(0),
                    max: secs(1),
                },
                Dist::Constant { value: secs(1) },
            ),
        ];
        for (shorter, longer) in pairs {
            let (mut left, mut right) = (rng(), rng());
            for _ in 0..1_000 {
                assert!(shorter.sample(&mut left) <= longer.sample(&mut right));
            }
            assert_eq!(left, right, "each draw takes one number");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_remedy() {
        for dist in one_of_each_kind() {
            assert_eq!(dist.validate(), Ok(()));
        }
        let message = |dist: Dist| dist.validate().unwrap_err().to_string();
        assert_eq!(
            message(Dist::Uniform {
                min: secs(2),
                max: secs(1)
            }),
            "`min` (2s) is longer than `max` (1s); swap them"
        );
        assert!(message(Dist::Exponential { mean: secs(0) }).contains("`mean` is zero"));
        let swapped = Dist::LogNormal {
            median: secs(2),
            p90: secs(1),
        };
        assert!(message(swapped).contains("`p90` (1s) is shorter than `median` (2s)"));
        let shape = Dist::Weibull {
            scale: secs(2),
            shape: f64::NAN,
        };
        assert!(message(shape).contains("`shape` is NaN"));
        assert!(message(Dist::Empirical { values: vec![] }).contains("is empty"));
        let unsorted = Dist::Empirical {
            values: vec![secs(2), secs(1)],
        };
        assert!(message(unsorted).contains("1s comes after 2s"));
        let endless = Dist::Exponential {
            mean: SimDuration::from_days(10_000),
        };
        assert_eq!(endless.validate(), Err(DistError::TooLong));
    }

    #[test]
    fn a_file_names_the_kind_and_nothing_unknown() {
        let read = toml::from_str::<Dist>;
        let text = "kind = \"log-normal\"\nmedian = \"4min\"\np90 = \"10min\"\n";
        let expected = Dist::LogNormal {
            median: secs(240),
            p90: secs(600),
        };
        assert_eq!(read(text), Ok(expected.clone()));
        assert_eq!(toml::to_string(&expected).unwrap(), text);
        let message = |text| read(text).unwrap_err().to_string();
        assert!(message("kind = \"constant\"\nvalue = 3").contains("a duration such as \"500ms\""));
        assert!(message("kind = \"constant\"\nvalue = \"3s\"\nmean = \"3s\"").contains("`mean`"));
        assert!(message("kind = \"gaussian\"").contains("`log-normal`"));
    }

    #[test]
    fn the_extreme_draws_of_a_valid_distribution_are_durations() {
        for dist in one_of_each_kind() {
            dist.quantile(f64::EPSILON / 2.0);
            dist.quantile(1.0 - f64::EPSILON / 2.0);
        }
    }
}
