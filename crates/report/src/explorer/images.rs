//! Test images and their reconstructions over λ, encoded as one PNG.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Model;
use super::check::{for_each_lambda, mismatch};
use crate::error::{Error, Result};
use crate::raster::encode;

/// The largest number of images.
const MAX_IMAGES: usize = 10;

/// Test images and their reconstructions, 8 bits per channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// Channels (1 is grey, 3 is RGB), height and width.
    pub shape: [usize; 3], // [c, h, w]
    /// The class of each image, an index of the model's classes; at most 10 images.
    pub labels: Vec<usize>, // [n]
    /// The images, one plane per channel.
    pub originals: Vec<u8>, // [n, c, h, w]
    /// The reconstructions for each λ of the model; `None` if there are none.
    pub reconstructions: Vec<Option<Vec<u8>>>, // λ: [n, c, h, w]
}

impl Images {
    pub(super) fn check(&self, of: &str, model: &Model) -> Result<()> {
        let (of, [c, h, w], n) = (format!("{of}, images"), self.shape, self.labels.len());
        if h == 0 || w == 0 || !matches!(c, 1 | 3) {
            return Err(mismatch(&of, "c = 1 or 3, h and w above 0", format!("c = {c}, h = {h}, w = {w}")));
        }
        if n == 0 {
            return Err(Error::Empty { of, expected: "image" });
        }
        if n > MAX_IMAGES {
            return Err(mismatch(&of, &format!("at most {MAX_IMAGES} images"), n.to_string()));
        }
        if let Some(label) = self.labels.iter().find(|&&label| label >= model.classes.len()) {
            let expected = format!("labels below {}, the number of classes", model.classes.len());
            return Err(mismatch(&of, &expected, label.to_string()));
        }
        if self.reconstructions.len() != model.lambdas.len() {
            let got = format!("{} sets of reconstructions", self.reconstructions.len());
            return Err(mismatch(&of, &for_each_lambda(model.lambdas.len()), got));
        }
        let len = c.checked_mul(h).and_then(|len| len.checked_mul(w)).and_then(|len| len.checked_mul(n));
        match self.rows().find(|row| Some(row.len()) != len) {
            Some(row) => Err(mismatch(&of, &format!("{n} · {c} · {h} · {w} bytes"), row.len().to_string())),
            None => Ok(()),
        }
    }

    /// The originals, then the existing reconstructions.
    fn rows(&self) -> impl Iterator<Item = &Vec<u8>> {
        std::iter::once(&self.originals).chain(self.reconstructions.iter().flatten())
    }

    /// `sheet` is a PNG with one column per image; its first row has the originals, and `rows` has the row of the
    /// reconstructions of each λ.
    pub(super) fn json(&self) -> Value {
        let [_, h, w] = self.shape;
        let mut next = 0;
        let rows: Vec<Option<usize>> = (self.reconstructions.iter())
            .map(|reconstructions| {
                next += usize::from(reconstructions.is_some());
                reconstructions.as_ref().map(|_| next)
            })
            .collect();
        json!({ "h": h, "w": w, "labels": self.labels, "rows": rows, "sheet": STANDARD.encode(self.sheet()) })
    }

    fn sheet(&self) -> Vec<u8> {
        let ([c, h, w], n) = (self.shape, self.labels.len());
        let mut values = Vec::with_capacity(n * c * h * w * (1 + self.reconstructions.len()));
        for row in self.rows() {
            for y in 0..h {
                for image in row.chunks_exact(c * h * w) {
                    let line = (0..w).flat_map(|x| (0..c).map(move |channel| (channel * h + y) * w + x));
                    values.extend(line.map(|place| image[place]));
                }
            }
        }
        let side = |n: usize| u32::try_from(n).expect("a sheet that fits in memory has a 32-bit side");
        let colour = if c == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb };
        encode(&values, side(n * w), side(self.rows().count() * h), colour)
            .expect("writing to a vector cannot fail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (png::OutputInfo, Vec<u8>) {
        let mut reader = png::Decoder::new(bytes).read_info().unwrap();
        let mut values = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut values).unwrap();
        (info, values)
    }

    /// Two images of 1 x 2 as red, green and blue planes, and reconstructions for one of two λ.
    #[test]
    fn a_sheet_has_one_column_per_image_and_one_row_per_lambda_with_reconstructions() {
        let images = Images {
            shape: [3, 1, 2],
            labels: vec![0, 1],
            originals: vec![1, 2, 11, 12, 21, 22, 3, 4, 13, 14, 23, 24],
            reconstructions: vec![None, Some((100..112).collect())],
        };
        let (info, values) = decoded(&images.sheet());
        assert_eq!((info.width, info.height, info.color_type), (4, 2, png::ColorType::Rgb));
        assert_eq!(values[..12], [1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24]);
        assert_eq!(values[12..18], [100, 102, 104, 101, 103, 105]);
        assert_eq!(images.json()["rows"], json!([null, 1]));
    }
}
