//! Two special functions that the standard library does not have.

/// The 90th percentile of the standard normal distribution.
pub(super) const NORMAL_P90: f64 = 1.281_551_565_544_600_4;

/// The quantile of the standard normal distribution, to about 16 digits: M. J. Wichura, "Algorithm
/// AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    let centred = probability - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180625 - centred * centred;
        return centred * ratio(&CENTRE, r);
    }
    let tail = if centred < 0.0 {
        probability
    } else {
        1.0 - probability
    };
    let r = (-tail.ln()).sqrt();
    let magnitude = if r <= 5.0 {
        ratio(&MIDDLE, r - 1.6)
    } else {
        ratio(&FAR, r - 5.0)
    };
    magnitude.copysign(centred)
}

/// Two polynomials, least power first, to be divided by one another.
type Rational = ([f64; 8], [f64; 8]);

fn ratio((numerator, denominator): &Rational, x: f64) -> f64 {
    let horner = |terms: &[f64; 8]| terms.iter().rev().fold(0.0, |sum, term| sum * x + term);
    horner(numerator) / horner(denominator)
}

/// For probabilities within 0.425 of one half.
const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_545,
    ],
);

/// For tails down to exp(-25).
const MIDDLE: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);

/// For tails beyond.
const FAR: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

/// The gamma function for arguments of at least 1, to about 15 digits: the approximation of C.
/// Lanczos (1964) with g = 7 and the nine terms computed by P. Godfrey (2001).
pub(super) fn gamma(x: f64) -> f64 {
    const TERMS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    assert!(
        x >= 1.0,
        "gamma is asked for an argument of at least 1, not {x}"
    );
    let x = x - 1.0;
    let sum = TERMS[1..]
        .iter()
        .zip(1..)
        .fold(TERMS[0], |sum, (term, k)| sum + term / (x + k as f64));
    let t = x + 7.5;
    (2.0 * std::f64::consts::PI).sqrt() * t.powf(x + 0.5) * (-t).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-13 * right.abs()
    }

    #[test]
    fn normal_quantiles_match_the_tables() {
        // The three values that the paper prints, then common ones to 16 digits.
        assert!(close(normal_quantile(0.25), -0.674_489_750_196_081_7));
        assert!(close(normal_quantile(0.001), -3.090_232_306_167_813));
        assert!(close(normal_quantile(1e-20), -9.262_340_089_798_408));
        assert!(close(normal_quantile(0.9), NORMAL_P90));
        assert!(close(normal_quantile(0.975), 1.959_963_984_540_054));
        assert_eq!(normal_quantile(0.5), 0.0);
    }

    #[test]
    fn gamma_matches_factorials_and_the_root_of_pi() {
        assert!(close(gamma(1.0), 1.0));
        assert!(close(gamma(5.0), 24.0));
        assert!(close(gamma(11.0), 3_628_800.0));
        assert!(close(gamma(1.5), std::f64::consts::PI.sqrt() / 2.0));
    }
}
