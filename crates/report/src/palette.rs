//! The one place where colours, markers and dashes come from; they are safe for colour-blind readers.
//!
//! Categories use the eight colours of Okabe and Ito (2008), the yellow a little darker for white paper, and
//! two more. Ordered values (k, λ, epochs) use a ramp that only ever grows lighter. Colour is never the only
//! cue: each index has a marker and a dash too.

use std::fmt;

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub(crate) [u8; 3]);

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// Text and axes.
pub(crate) const INK: Colour = Colour([0x22, 0x22, 0x22]);
/// Tick labels, notes and leaders.
pub(crate) const QUIET: Colour = Colour([0x55, 0x55, 0x55]);
/// Reference lines.
pub(crate) const REFERENCE: Colour = Colour([0x76, 0x76, 0x76]);
/// Grid lines.
pub(crate) const FAINT: Colour = Colour([0xe4, 0xe4, 0xe4]);
/// Behind everything.
pub(crate) const PAPER: Colour = Colour([0xff, 0xff, 0xff]);

const CATEGORIES: [Colour; 10] = [
    Colour([0x00, 0x72, 0xb2]), // blue
    Colour([0xd5, 0x5e, 0x00]), // vermilion
    Colour([0x00, 0x9e, 0x73]), // bluish green
    Colour([0xcc, 0x79, 0xa7]), // reddish purple
    Colour([0xe6, 0x9f, 0x00]), // orange
    Colour([0x56, 0xb4, 0xe9]), // sky blue
    Colour([0x00, 0x00, 0x00]), // black
    Colour([0x7a, 0x3b, 0x12]), // brown
    Colour([0x33, 0x22, 0x88]), // indigo
    Colour([0xd9, 0xc9, 0x00]), // yellow
];

/// The same hues where the paper is dark: those that would drown in it are lighter, and black is white.
const CATEGORIES_ON_DARK: [Colour; 10] = [
    Colour([0x3d, 0x9b, 0xe0]), // blue
    Colour([0xf0, 0x71, 0x2c]), // vermilion
    Colour([0x2c, 0xc9, 0x9a]), // bluish green
    Colour([0xdb, 0x8d, 0xba]), // reddish purple
    Colour([0xf0, 0xb0, 0x2e]), // orange
    Colour([0x86, 0xd0, 0xfa]), // sky blue
    Colour([0xff, 0xff, 0xff]), // white
    Colour([0xb0, 0x70, 0x42]), // brown
    Colour([0x87, 0x79, 0xe8]), // indigo
    Colour([0xf2, 0xe6, 0x5c]), // yellow
];

/// From dark to light; the light end still stands out from white paper.
const RAMP: [Colour; 4] = [
    Colour([0x1d, 0x10, 0x55]),
    Colour([0x7b, 0x1f, 0x86]),
    Colour([0xd0, 0x3f, 0x62]),
    Colour([0xf0, 0x8c, 0x2e]),
];

/// The outline of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Plus,
    Cross,
    Star,
    Pentagon,
    Bar,
    /// Nothing: what was not measured.
    Nothing,
}

const MARKERS: [Marker; 10] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::TriangleDown,
    Marker::Plus,
    Marker::Cross,
    Marker::Star,
    Marker::Pentagon,
    Marker::Bar,
];

/// Lengths of strokes and gaps; the empty one is a solid line.
const DASHES: [&str; 5] = ["", "7 3", "2.5 2.5", "9 3 2.5 3", "13 4"];

/// How a series looks: a colour, a marker and a dash that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub(crate) colour: Colour,
    pub(crate) marker: Marker,
    pub(crate) dash: &'static str,
}

impl Style {
    /// The look of the `index`-th of some things that have no order. Ten colours and markers, then they
    /// repeat with another pairing of marker and colour.
    pub fn category(index: usize) -> Self {
        let turn = index / CATEGORIES.len();
        Self {
            colour: CATEGORIES[index % CATEGORIES.len()],
            marker: MARKERS[(index + turn) % MARKERS.len()],
            dash: DASHES[(index + turn) % DASHES.len()],
        }
    }

    /// The colour of [`Style::category`] where the paper is dark.
    pub(crate) fn category_on_dark(index: usize) -> Colour {
        CATEGORIES_ON_DARK[index % CATEGORIES_ON_DARK.len()]
    }

    /// The look of the `index`-th of `count` things in order, dark first; the index stops at the last one.
    pub fn ordered(index: usize, count: usize) -> Self {
        let last = count.saturating_sub(1);
        let at = if last == 0 { 0.0 } else { index.min(last) as f64 / last as f64 };
        Self { colour: ramp(at), marker: MARKERS[index % MARKERS.len()], dash: DASHES[index % DASHES.len()] }
    }

    /// The same colour dotted and without markers: for what belongs to a series and was not measured, such as theory.
    pub fn without_markers(self) -> Self {
        Self { marker: Marker::Nothing, dash: DASHES[2], ..self }
    }

    /// The same colour and dash without markers: for a curve of so many points that they would hide it.
    pub fn curve(self) -> Self {
        Self { marker: Marker::Nothing, ..self }
    }

    /// The dash of the `index`-th reference line of a panel; never solid, so that it is no data.
    pub(crate) fn reference_dash(index: usize) -> &'static str {
        DASHES[1 + index % (DASHES.len() - 1)]
    }
}

/// The ramp at `at` in [0, 1], mixed in OKLab so that equal steps look equal.
fn ramp(at: f64) -> Colour {
    let place = at * (RAMP.len() - 1) as f64;
    let from = (place as usize).min(RAMP.len() - 2);
    let t = place - from as f64;
    let [a, b] = [oklab(RAMP[from]), oklab(RAMP[from + 1])];
    from_oklab(std::array::from_fn(|i| a[i] + t * (b[i] - a[i])))
}

fn linear(colour: Colour) -> [f64; 3] {
    colour.0.map(|byte| {
        let v = f64::from(byte) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    })
}

fn from_linear(rgb: [f64; 3]) -> Colour {
    Colour(rgb.map(|v| {
        let v = v.clamp(0.0, 1.0);
        let v = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
        (v * 255.0).round() as u8
    }))
}

fn times(matrix: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// Lightness and two opponent colours of Ottosson's OKLab (2020).
fn oklab(colour: Colour) -> [f64; 3] {
    const TO_LMS: [[f64; 3]; 3] = [
        [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
        [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
        [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
    ];
    const TO_LAB: [[f64; 3]; 3] = [
        [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
        [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
        [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
    ];
    times(&TO_LAB, times(&TO_LMS, linear(colour)).map(f64::cbrt))
}

fn from_oklab(lab: [f64; 3]) -> Colour {
    const TO_LMS: [[f64; 3]; 3] = [
        [1.0, 0.396_337_777_4, 0.215_803_757_3],
        [1.0, -0.105_561_345_8, -0.063_854_172_8],
        [1.0, -0.089_484_177_5, -1.291_485_548_0],
    ];
    const TO_RGB: [[f64; 3]; 3] = [
        [4.076_741_662_1, -3.307_711_591_3, 0.230_969_929_2],
        [-1.268_438_004_6, 2.609_757_401_1, -0.341_319_396_5],
        [-0.004_196_086_3, -0.703_418_614_7, 1.707_614_701_0],
    ];
    from_linear(times(&TO_RGB, times(&TO_LMS, lab).map(|v| v.powi(3))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader without one kind of cone sees: Machado, Oliveira and Fernandes (2009), severity 1.
    const DEFICIENCIES: [(&str, [[f64; 3]; 3]); 3] = [
        (
            "no red cones",
            [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
        ),
        (
            "no green cones",
            [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
        ),
        (
            "no blue cones",
            [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        ),
    ];

    fn distance(a: Colour, b: Colour) -> f64 {
        let [a, b] = [oklab(a), oklab(b)];
        (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
    }

    /// A difference of 0.02 in OKLab is just noticeable side by side; twice that can be told apart in a
    /// legend.
    #[test]
    fn every_pair_of_categories_differs_for_every_kind_of_colour_vision() {
        for colours in [CATEGORIES, CATEGORIES_ON_DARK] {
            for (who, matrix) in &DEFICIENCIES {
                let seen = colours.map(|colour| from_linear(times(matrix, linear(colour))));
                for a in 0..seen.len() {
                    for b in 0..a {
                        let d = distance(seen[a], seen[b]);
                        assert!(d > 0.04, "{who}: {} and {} are {d:.3} apart", colours[a], colours[b]);
                    }
                }
            }
        }
    }

    /// Ratios of luminance as WCAG 2 defines them; 3 is what it asks of graphics.
    #[test]
    fn every_category_stands_out_from_dark_paper() {
        let luminance = |colour| {
            let [red, green, blue] = linear(colour);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let dark = luminance(Colour([0x20, 0x22, 0x25]));
        for colour in CATEGORIES_ON_DARK {
            let ratio = (luminance(colour) + 0.05) / (dark + 0.05);
            assert!(ratio > 3.0, "{colour}: {ratio:.2}");
        }
    }

    #[test]
    fn the_ramp_only_grows_lighter_and_stays_off_white() {
        let lightness: Vec<f64> = (0..=40).map(|i| oklab(ramp(f64::from(i) / 40.0))[0]).collect();
        assert!(lightness.windows(2).all(|pair| pair[1] > pair[0]), "{lightness:?}");
        assert!(lightness[40] < 0.75, "{}", lightness[40]);
    }

    #[test]
    fn the_ramp_passes_through_its_own_colours() {
        for (i, colour) in RAMP.iter().enumerate() {
            let got = ramp(i as f64 / (RAMP.len() - 1) as f64);
            assert!((0..3).all(|c| got.0[c].abs_diff(colour.0[c]) <= 1), "{got} is not {colour}");
        }
    }

    #[test]
    fn twenty_categories_have_twenty_looks() {
        let styles: Vec<Style> = (0..20).map(Style::category).collect();
        assert!((0..20).all(|a| (0..a).all(|b| styles[a] != styles[b])));
    }
}
