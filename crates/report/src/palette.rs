//! Colours, markers and dashes, safe for colour-blind readers.
//!
//! Categories use the eight colours of Okabe and Ito (2008), with a darker yellow for white paper, and two more.
//! Ordered values (k, λ, epochs) go from dark to light. Colour is never the only cue: each index also has a marker and
//! a dash.

use std::fmt;

/// An sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(pub(crate) [u8; 3]);

impl Colour {
    /// The colour of six hexadecimal digits.
    pub(crate) fn parse(hex: &str) -> Option<Self> {
        let [_, red, green, blue] = u32::from_str_radix(hex, 16).ok()?.to_be_bytes();
        (hex.len() == 6).then_some(Self([red, green, blue]))
    }

    /// The colour in the dark theme: that of the category, or a tint with enough contrast.
    pub(crate) fn on_dark(self) -> Self {
        if let Some(place) = CATEGORIES.iter().position(|colour| *colour == self) {
            return CATEGORIES_ON_DARK[place];
        }
        let tint = |percent: u32| {
            Self(self.0.map(|byte| {
                let byte = u32::from(byte);
                u8::try_from(byte + (255 - byte) * percent / 100).unwrap_or(u8::MAX)
            }))
        };
        (0..100).map(tint).find(|colour| colour.luminance() > LEAST_ON_DARK).unwrap_or(PAPER)
    }

    /// The relative luminance of WCAG 2.
    fn luminance(self) -> f64 {
        let linear = |byte: u8| {
            let v = f64::from(byte) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = self.0.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

/// The luminance that has a contrast of about 4 to dark paper.
const LEAST_ON_DARK: f64 = 0.22;

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// The colour of text and axes.
pub(crate) const INK: Colour = Colour([0x22, 0x22, 0x22]);
/// Tick labels, notes and leaders.
pub(crate) const QUIET: Colour = Colour([0x55, 0x55, 0x55]);
/// Reference lines.
pub(crate) const REFERENCE: Colour = Colour([0x76, 0x76, 0x76]);
/// Grid lines.
pub(crate) const FAINT: Colour = Colour([0xe4, 0xe4, 0xe4]);
/// The background.
pub(crate) const PAPER: Colour = Colour([0xff, 0xff, 0xff]);

/// The colours that are not data, with the names of the same in the style sheet of a page.
pub(crate) const CHROME: [(Colour, &str); 5] =
    [(INK, "ink"), (QUIET, "quiet"), (REFERENCE, "quiet"), (FAINT, "grid"), (PAPER, "paper")];

/// The colours of reconstruction and classification, as indices of [`Style::category`]: blue and vermilion.
pub(crate) const OBJECTIVES: [(&str, usize); 2] = [("reconstruction", 0), ("classification", 1)];

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

/// The same hues on a dark background: low-contrast ones are lighter, and black is white.
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

/// Row `n - 1` holds the colours of `n` ordered series, as 0xRRGGBB: equal steps in OKLab (Ottosson, 2020) through
/// 1d1055, 7b1f86, d03f62 and f08c2e, dark to light, with a light end that still stands out from white paper.
const ORDERED: [&[u32]; 16] = [
    &[0x1d1055],
    &[0x1d1055, 0xf08c2e],
    &[0x1d1055, 0xa43477, 0xf08c2e],
    &[0x1d1055, 0x7b1f86, 0xd03f62, 0xf08c2e],
    &[0x1d1055, 0x631e7a, 0xa43477, 0xd8555b, 0xf08c2e],
    &[0x1d1055, 0x541c72, 0x8b2981, 0xbe3b6b, 0xdd6155, 0xf08c2e],
    &[0x1d1055, 0x4b1b6d, 0x7b1f86, 0xa43477, 0xd03f62, 0xe06851, 0xf08c2e],
    &[0x1d1055, 0x441a6a, 0x6d1f7f, 0x922c7e, 0xb6396f, 0xd54c5e, 0xe36e4d, 0xf08c2e],
    &[0x1d1055, 0x3f1967, 0x631e7a, 0x852683, 0xa43477, 0xc53d68, 0xd8555b, 0xe4724b, 0xf08c2e],
    &[0x1d1055, 0x3b1865, 0x5b1d75, 0x7b1f86, 0x962e7d, 0xb23871, 0xd03f62, 0xdb5c58, 0xe67548, 0xf08c2e],
    &[
        0x1d1055, 0x381763, 0x541c72, 0x711f81, 0x8b2981, 0xa43477, 0xbe3b6b, 0xd3485f, 0xdd6155, 0xe77746,
        0xf08c2e,
    ],
    &[
        0x1d1055, 0x361762, 0x4f1c6f, 0x691e7d, 0x822484, 0x982f7c, 0xb03772, 0xc83d67, 0xd64f5d, 0xdf6553,
        0xe87945, 0xf08c2e,
    ],
    &[
        0x1d1055, 0x341661, 0x4b1b6d, 0x631e7a, 0x7b1f86, 0x8f2b7f, 0xa43477, 0xba3a6e, 0xd03f62, 0xd8555b,
        0xe06851, 0xe87b43, 0xf08c2e,
    ],
    &[
        0x1d1055, 0x321660, 0x471a6b, 0x5d1d77, 0x731f82, 0x872782, 0x9a307b, 0xae3773, 0xc23c69, 0xd34660,
        0xda5a59, 0xe26b4f, 0xe97c42, 0xf08c2e,
    ],
    &[
        0x1d1055, 0x30165f, 0x441a6a, 0x581d74, 0x6d1f7f, 0x812384, 0x922c7e, 0xa43477, 0xb6396f, 0xca3e66,
        0xd54c5e, 0xdc5e57, 0xe36e4d, 0xe97d41, 0xf08c2e,
    ],
    &[
        0x1d1055, 0x2f155f, 0x411968, 0x541c72, 0x671e7c, 0x7b1f86, 0x8b2981, 0x9b317a, 0xac3674, 0xbe3b6b,
        0xd03f62, 0xd7515c, 0xdd6155, 0xe4704c, 0xea7e40, 0xf08c2e,
    ],
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
    /// No marker, for values that were not measured.
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

/// The largest opacity of [`diverging`]: text on top stays readable on light and on dark paper.
const MAX_OPAQUE: f64 = 0.6;

/// The colour and opacity of a value's distance from a centre, from -1 (blue) over 0 (transparent) to 1 (vermilion).
pub(crate) fn diverging(share: f64) -> (Colour, f64) {
    (CATEGORIES[usize::from(share > 0.0)], MAX_OPAQUE * share.abs().min(1.0))
}

/// Lengths of strokes and gaps; the empty one is a solid line.
const DASHES: [&str; 5] = ["", "7 3", "2.5 2.5", "9 3 2.5 3", "13 4"];

/// Fine dots, which no measured series has.
const FINE_DOTS: &str = "1.2 3";

/// The style of a series: colour, marker and dash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub(crate) colour: Colour,
    pub(crate) marker: Marker,
    pub(crate) dash: &'static str,
}

impl Style {
    /// The style of category `index`. After ten colours and markers they repeat in other combinations.
    pub fn category(index: usize) -> Self {
        let turn = index / CATEGORIES.len();
        Self {
            colour: CATEGORIES[index % CATEGORIES.len()],
            marker: MARKERS[(index + turn) % MARKERS.len()],
            dash: DASHES[(index + turn) % DASHES.len()],
        }
    }

    /// The colour of [`Style::category`] on a dark background.
    pub(crate) fn category_on_dark(index: usize) -> Colour {
        CATEGORIES_ON_DARK[index % CATEGORIES_ON_DARK.len()]
    }

    /// The style of value `index` of `count` ordered values, dark first; the index is clamped to the last one. With more
    /// than 16 values neighbours have the same colour and differ in marker and dash.
    pub fn ordered(index: usize, count: usize) -> Self {
        let row = ORDERED[count.clamp(1, ORDERED.len()) - 1];
        let last = count.saturating_sub(1).max(row.len() - 1).max(1);
        let [_, red, green, blue] = row[index.min(last) * (row.len() - 1) / last].to_be_bytes();
        Self {
            colour: Colour([red, green, blue]),
            marker: MARKERS[index % MARKERS.len()],
            dash: DASHES[index % DASHES.len()],
        }
    }

    /// The same colour, finely dotted and without markers, for curves that were not measured, such as theory.
    pub fn without_markers(self) -> Self {
        Self { marker: Marker::Nothing, dash: FINE_DOTS, ..self }
    }

    /// The same colour and marker with a solid line, for series that are distinguished from others by dashes only.
    #[must_use]
    pub fn solid(self) -> Self {
        Self { dash: DASHES[0], ..self }
    }

    /// The same colour and dash without markers, for curves of many points.
    pub fn curve(self) -> Self {
        Self { marker: Marker::Nothing, ..self }
    }

    /// The dash of the `index`-th reference line of a panel; never solid, unlike data.
    pub(crate) fn reference_dash(index: usize) -> &'static str {
        DASHES[1 + index % (DASHES.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulation of colour blindness: Machado, Oliveira and Fernandes (2009), severity 1.
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

    fn distance(a: Colour, b: Colour) -> f64 {
        let [a, b] = [oklab(a), oklab(b)];
        (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
    }

    /// A difference of 0.02 in OKLab is just noticeable side by side; twice that is distinguishable in a legend.
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

    /// Contrast ratios as defined by WCAG 2, which requires 3 for graphics.
    #[test]
    fn every_colour_stands_out_from_dark_paper() {
        let dark = Colour([0x20, 0x22, 0x25]).luminance();
        let ordered = (0..16).map(|i| Style::ordered(i, 16).colour);
        for colour in CATEGORIES.into_iter().chain(ordered).map(Colour::on_dark) {
            let ratio = (colour.luminance() + 0.05) / (dark + 0.05);
            assert!(ratio > 3.0, "{colour}: {ratio:.2}");
        }
    }

    /// WCAG 2 requires a contrast of 4.5 for text; the inks and papers are those of the style sheet of a page.
    #[test]
    fn text_on_the_strongest_cell_of_a_heat_map_is_readable_on_both_papers() {
        let light = [PAPER, INK];
        let dark = [Colour([0x17, 0x18, 0x1a]), Colour([0xec, 0xec, 0xee])];
        for share in [-1.0, 1.0] {
            let (colour, opacity) = diverging(share);
            for (colour, [paper, ink]) in [(colour, light), (colour.on_dark(), dark)] {
                let mixed = |channel: usize| {
                    let [over, under] = [colour, paper].map(|Colour(bytes)| f64::from(bytes[channel]));
                    (opacity * over + (1.0 - opacity) * under).round() as u8
                };
                let cell = Colour([mixed(0), mixed(1), mixed(2)]);
                let [a, b] = [cell, ink].map(|colour| colour.luminance() + 0.05);
                assert!(a.max(b) / a.min(b) > 4.5, "{cell} {ink}");
            }
        }
    }

    #[test]
    fn ordered_colours_become_lighter_and_stay_darker_than_white() {
        for count in 1..=40 {
            let lightness: Vec<f64> = (0..count).map(|i| oklab(Style::ordered(i, count).colour)[0]).collect();
            let grows = |pair: &[f64]| pair[1] > pair[0] || (count > ORDERED.len() && pair[1] == pair[0]);
            assert!(lightness.windows(2).all(grows) && lightness[count - 1] < 0.75, "{lightness:?}");
        }
    }

    #[test]
    fn an_index_past_the_end_and_a_count_of_zero_have_a_colour() {
        assert_eq!(Style::ordered(9, 2).colour, Style::ordered(1, 2).colour);
        assert_eq!(Style::ordered(3, 0).colour, Style::ordered(0, 1).colour);
    }

    #[test]
    fn twenty_categories_have_twenty_styles() {
        let styles: Vec<Style> = (0..20).map(Style::category).collect();
        assert!((0..20).all(|a| (0..a).all(|b| styles[a] != styles[b])));
    }
}
