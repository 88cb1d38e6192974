//! Draws that must never change: every saved result hangs on them.
//!
//! If one of these fails after an update of `rand` or `rand_distr`, that update re-deals every
//! trial of every study. Keep the old version, or say so in the commit and in the changelog. A
//! sampler that takes a logarithm or a power may also differ in its last digits with the system's
//! mathematical library; durations hide that, since they are rounded to nanoseconds.

use rand::{Rng as _, RngExt};
use rand_distr::{
    Beta, Binomial, Distribution, Exp1, Gamma, Open01, Poisson, StandardNormal, StandardUniform,
};
use sim::{Dist, Purpose, Rng, SimDuration, StreamKey, Streams};

fn key() -> StreamKey {
    Streams::for_trial(1, 2).key(Purpose(3), 4)
}

#[test]
fn streams() {
    let three = |mut rng: Rng| [rng.next_u64(), rng.next_u64(), rng.next_u64()];
    assert_eq!(
        three(key().rng()),
        [
            16657376593751608035,
            15769501311420759480,
            14241751189927754713
        ]
    );
    assert_eq!(
        three(key().at(5, 6)),
        [
            18294510187925117230,
            15874460821959979161,
            10832734608604699294
        ]
    );
    assert_eq!(
        three(key().child(7).rng()),
        [
            3116303520987808979,
            14623055799665093753,
            8672373192018780662
        ]
    );
    assert_eq!(
        three(Streams::for_trial(u64::MAX, 0).stream(Purpose(0), 0)),
        [
            18097296693528577331,
            6370711475582946978,
            3281274497446095883
        ]
    );
}

/// Four draws from a fresh generator, to all their digits.
fn draws<T>(sampler: impl Distribution<T>) -> [T; 4] {
    let mut rng = key().rng();
    std::array::from_fn(|_| rng.sample(&sampler))
}

#[test]
fn continuous_samplers() {
    assert_eq!(
        draws::<f64>(StandardUniform),
        [
            0.9029981945427342,
            0.8548663790427699,
            0.7720468790058844,
            0.588133581646446
        ]
    );
    assert_eq!(
        draws::<f64>(Open01),
        [
            0.9029981945427342,
            0.8548663790427699,
            0.7720468790058844,
            0.588133581646446
        ]
    );
    assert_eq!(
        draws::<f64>(Exp1),
        [
            0.5048668192847068,
            0.8851059365918554,
            0.5224468777093391,
            1.2420361103262225
        ]
    );
    assert_eq!(
        draws::<f64>(StandardNormal),
        [
            0.6394525966316575,
            0.8194442771954611,
            0.48525277703359215,
            0.3104833914353178
        ]
    );
}

#[test]
fn samplers_of_sizes_and_shares() {
    assert_eq!(
        draws(Gamma::new(0.5, 2.0).unwrap()),
        [
            3.741839991776603,
            1.4284698222089232,
            0.017276822749856292,
            0.07666774654652674
        ]
    );
    assert_eq!(
        draws(Gamma::new(1e6, 2.0).unwrap()),
        [
            2001278.5109325626,
            2000969.9957142852,
            2001358.1062050103,
            1996831.206550745
        ]
    );
    assert_eq!(
        draws(Beta::new(0.5, 0.75).unwrap()),
        [
            0.05492603894024862,
            0.07430556527038851,
            0.9712027339746394,
            0.4158149322758797
        ]
    );
    assert_eq!(
        draws(Beta::new(1e6, 2e6).unwrap()),
        [
            0.3335681455460502,
            0.3335370625986566,
            0.33295588016935135,
            0.33332703181891216
        ]
    );
}

#[test]
fn counting_samplers() {
    // Either side of the bounds at which the samplers change their method.
    assert_eq!(
        draws::<f64>(Poisson::new(3.0).unwrap()),
        [6.0, 3.0, 3.0, 4.0]
    );
    assert_eq!(
        draws::<f64>(Poisson::new(1e9).unwrap()),
        [1000020221.0, 1000025913.0, 1000015345.0, 1000009818.0]
    );
    assert_eq!(draws(Binomial::new(12, 0.5).unwrap()), [8, 8, 7, 6]);
    assert_eq!(
        draws(Binomial::new(1_000_000_000, 0.5).unwrap()),
        [500011379, 499996361, 500002052, 499986688]
    );
}

#[test]
fn durations() {
    let span = SimDuration::from_millis;
    let nanos = |dist: Dist| {
        let mut rng = key().rng();
        [(); 3].map(|()| dist.sample(&mut rng).as_nanos())
    };
    assert_eq!(
        nanos(Dist::Uniform {
            min: span(1),
            max: span(5)
        }),
        [4611993, 4419466, 4088188]
    );
    assert_eq!(
        nanos(Dist::Exponential { mean: span(2) }),
        [4666051, 3860201, 2957231]
    );
    assert_eq!(
        nanos(Dist::LogNormal {
            median: span(60),
            p90: span(180)
        }),
        [182685389, 148549573, 113694551]
    );
    assert_eq!(
        nanos(Dist::Weibull {
            scale: span(10),
            shape: 1.7
        }),
        [16459750, 14722724, 12586785]
    );
    let values = vec![span(1), span(2), span(4), span(8)];
    assert_eq!(
        nanos(Dist::Empirical { values }),
        [8000000, 8000000, 8000000]
    );
}
