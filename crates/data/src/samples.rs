//! Samples of any shape and element type in memory, for data other than images of bytes.

use tensor::{Indices, Tensor, random::Stream};

use crate::{Error, Result};

/// Inputs `[n, ..]` with `n` labels, from which batches are taken.
///
/// ```
/// use agon_data::Samples;
/// use ndarray::{Array2, array};
/// use tensor::random::Stream;
/// use tensor::Tensor;
///
/// let measured: Array2<f32> = array![[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [5.9, 3.2]];
/// let samples = Samples::new(Tensor::from_array(&measured), &[0u8, 0, 1, 1][..])?;
/// let batches = samples.epoch(1, 2, &Stream::new(0, "shuffle"))?;
/// assert_eq!((batches.len(), batches[0].0.shape()), (2, [2, 2].as_slice()));
/// # Ok::<(), agon_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Samples {
    inputs: Tensor,
    labels: Indices,
}

impl Samples {
    /// Creates samples from inputs and labels, both on the CPU.
    ///
    /// Fails if there are no inputs, or if the numbers of inputs and labels differ.
    pub fn new(inputs: Tensor, labels: impl Into<Indices>) -> Result<Self> {
        let labels = labels.into();
        match inputs.shape().first() {
            Some(&n) if n > 0 && n == labels.len() && u32::try_from(n).is_ok() => Ok(Self { inputs, labels }),
            _ => {
                let expected = "one per input, for at least one input".to_owned();
                let got = format!("{} for inputs of shape {:?}", labels.len(), inputs.shape());
                Err(Error::Mismatch { what: "labels", expected, got })
            }
        }
    }

    /// The number of samples.
    #[expect(clippy::len_without_is_empty, reason = "there is at least one sample")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The batches of an epoch, with `size` samples each, in an order that depends only on the stream and the epoch. An
    /// incomplete last batch is dropped.
    ///
    /// Fails if `size` is zero or exceeds the number of samples, or if there is not enough memory for a copy.
    pub fn epoch(&self, epoch: u64, size: usize, stream: &Stream) -> Result<Vec<(Tensor, Indices)>> {
        if size == 0 || size > self.len() {
            let expected = format!("between 1 and {}, the number of samples", self.len());
            return Err(Error::Mismatch { what: "batch size", expected, got: size.to_string() });
        }
        let order = stream.permutation(self.len(), epoch);
        order.chunks_exact(size).map(|places| self.at(places)).collect()
    }

    /// All samples in batches of `size`, in order; the last batch may be smaller.
    ///
    /// Fails if `size` is zero, or if there is not enough memory for a copy.
    pub fn in_order(&self, size: usize) -> Result<Vec<(Tensor, Indices)>> {
        if size == 0 {
            let expected = "at least 1".to_owned();
            return Err(Error::Mismatch { what: "batch size", expected, got: "0".to_owned() });
        }
        let order: Vec<u32> = (0..self.len() as u32).collect();
        order.chunks(size).map(|places| self.at(places)).collect()
    }

    fn at(&self, places: &[u32]) -> Result<(Tensor, Indices)> {
        let labels = self.labels.try_as_slice()?;
        let labels = places.iter().map(|&place| labels[place as usize]).collect();
        Ok((self.inputs.take_rows(places)?, Indices::new(labels)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Samples {
        let inputs = Tensor::from_vec((0..14).map(f64::from).collect(), &[7, 2]).unwrap();
        Samples::new(inputs, (0..7).collect::<Vec<u32>>()).unwrap()
    }

    #[test]
    fn an_epoch_is_a_shuffle_that_keeps_inputs_with_their_labels() {
        let (samples, stream) = (samples(), Stream::new(3, "shuffle"));
        let batches = samples.epoch(1, 3, &stream).unwrap();
        let mut seen: Vec<u32> = Vec::new();
        for (inputs, labels) in &batches {
            let first = inputs.matrix::<f64>().unwrap().column(0).mapv(|x| (x / 2.0) as u32).to_vec();
            assert_eq!((first.len(), &*first), (3, labels.as_slice()));
            seen.extend(first);
        }
        assert_eq!(seen, stream.permutation(7, 1)[..6]);
        let other = samples.epoch(2, 3, &stream).unwrap();
        assert!(batches.iter().zip(&other).any(|(one, other)| one.1 != other.1));
    }

    #[test]
    fn evaluation_sees_every_sample_in_order() {
        let batches = samples().in_order(3).unwrap();
        let labels: Vec<&[u32]> = batches.iter().map(|(_, labels)| labels.as_slice()).collect();
        assert_eq!(labels, [&[0, 1, 2][..], &[3, 4, 5], &[6]]);
        assert_eq!(batches[2].0.to_f64_vec(), [12.0, 13.0]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        for size in [0, 8] {
            assert!(samples().epoch(1, size, &Stream::new(0, "shuffle")).is_err());
        }
        assert!(samples().in_order(0).is_err());
        let inputs = Tensor::from_vec(vec![1.0f32, 2.0], &[2, 1]).unwrap();
        let message = Samples::new(inputs, vec![0]).unwrap_err().to_string();
        assert_eq!(
            message,
            "labels: expected one per input, for at least one input, got 1 for inputs of shape [2, 1]"
        );
    }
}
