//! Arrays of the store and their safetensors encoding.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::error::{Error, Result};

/// Arrays by name.
pub type Arrays = BTreeMap<String, Array>;

/// A shape and its values in row-major order. Equality is bitwise, so a NaN equals itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values, as many as the product of the shape.
    pub values: Values,
}

impl Array {
    /// A one-dimensional array.
    pub fn vector(values: Vec<f64>) -> Self {
        Self { shape: vec![values.len()], values: Values::F64(values) }
    }

    /// A single number.
    pub fn number(value: f64) -> Self {
        Self { shape: vec![], values: Values::F64(vec![value]) }
    }

    /// The elements of a tensor.
    pub fn of(tensor: &tensor::Tensor) -> Self {
        let values = match (tensor.as_slice::<f32>(), tensor.dtype()) {
            (Ok(values), _) => Values::F32(values.to_vec()),
            // In the memory of a GPU.
            (Err(_), tensor::DType::F32) => {
                Values::F32(tensor.to_f64_vec().iter().map(|&x| x as f32).collect())
            }
            (Err(_), _) => Values::F64(tensor.to_f64_vec()),
        };
        Self { shape: tensor.shape().to_vec(), values }
    }

    /// Converts to a tensor; `None` for element types that tensors do not have.
    pub fn to_tensor(&self) -> Option<tensor::Tensor> {
        match &self.values {
            Values::F32(values) => tensor::Tensor::from_slice(values, &self.shape).ok(),
            Values::F64(values) => tensor::Tensor::from_slice(values, &self.shape).ok(),
            _ => None,
        }
    }
}

/// Values of one of the stored element types.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Values {
    /// Parameters, losses, images.
    F32(Vec<f32>),
    /// Closed forms, statistics.
    F64(Vec<f64>),
    /// Images as bytes.
    U8(Vec<u8>),
    /// Labels and counts.
    U32(Vec<u32>),
    /// Counters of random streams.
    U64(Vec<u64>),
}

/// Evaluates `$body` with `$values` bound to the inner vector, for every type.
macro_rules! each_type {
    ($value:expr, $values:ident => $body:expr) => {
        match $value {
            $crate::store::array::Values::F32($values) => $body,
            $crate::store::array::Values::F64($values) => $body,
            $crate::store::array::Values::U8($values) => $body,
            $crate::store::array::Values::U32($values) => $body,
            $crate::store::array::Values::U64($values) => $body,
        }
    };
}
pub(super) use each_type;

impl Values {
    /// The number of values.
    pub fn len(&self) -> usize {
        each_type!(self, values => values.len())
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as f64, in order; integers above 2^53 are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Values::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::F64(values) => values.clone(),
            Values::U8(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::U32(values) => values.iter().map(|&value| f64::from(value)).collect(),
            Values::U64(values) => values.iter().map(|&value| value as f64).collect(),
        }
    }

    fn dtype(&self) -> Dtype {
        match self {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
            Values::U8(_) => Dtype::U8,
            Values::U32(_) => Dtype::U32,
            Values::U64(_) => Dtype::U64,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        each_type!(self, values => values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Values) -> bool {
        match (self, other) {
            (Values::F32(a), Values::F32(b)) => {
                a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()))
            }
            (Values::F64(a), Values::F64(b)) => {
                a.iter().map(|v| v.to_bits()).eq(b.iter().map(|v| v.to_bits()))
            }
            (Values::U8(a), Values::U8(b)) => a == b,
            (Values::U32(a), Values::U32(b)) => a == b,
            (Values::U64(a), Values::U64(b)) => a == b,
            _ => false,
        }
    }
}

/// The only metadata entry of our safetensors files. The library writes several entries in no fixed
/// order, which would make the hash of the file unstable.
const EPOCH: &str = "epoch";

/// Encodes arrays, and the epoch they belong to, as a safetensors file. Equal arrays give equal
/// bytes.
///
/// # Errors
/// [`Error::Invalid`] for an array whose shape does not match its values.
pub(super) fn to_safetensors(arrays: &Arrays, epoch: Option<u32>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(arrays.len());
    for (name, array) in arrays {
        let expected = array.shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if expected != Some(array.values.len()) {
            let got = format!("{} values", array.values.len());
            return Err(Error::invalid(name, format!("as many values as the shape {:?}", array.shape), got));
        }
        bytes.push(array.values.to_bytes());
    }
    let views = arrays.iter().zip(&bytes).map(|((name, array), bytes)| {
        let view =
            TensorView::new(array.values.dtype(), array.shape.clone(), bytes).expect("the shape was checked");
        (name, view)
    });
    let metadata = epoch.map(|epoch| HashMap::from([(EPOCH.to_owned(), epoch.to_string())]));
    safetensors::serialize(views, metadata)
        .map_err(|e| Error::invalid("arrays", "arrays that fit into a safetensors file", e.to_string()))
}

/// Decodes arrays and the epoch from the bytes of a safetensors file.
///
/// # Errors
/// [`Error::DamagedFile`], naming `file`, for anything that [`to_safetensors`] does not write.
pub(super) fn from_safetensors(file: &Path, bytes: &[u8]) -> Result<(Arrays, Option<u32>)> {
    let damaged = |got: String| Error::damaged(file, "a safetensors file of the run store", got);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| damaged(e.to_string()))?;
    let epoch = match metadata.metadata().as_ref().and_then(|entries| entries.get(EPOCH)) {
        Some(text) => Some(text.parse().map_err(|_| damaged(format!("the epoch `{text}`")))?),
        None => None,
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| damaged(e.to_string()))?;
    let mut arrays = Arrays::new();
    for (name, view) in tensors.iter() {
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => Values::F32(numbers(data, f32::from_le_bytes)),
            Dtype::F64 => Values::F64(numbers(data, f64::from_le_bytes)),
            Dtype::U8 => Values::U8(data.to_vec()),
            Dtype::U32 => Values::U32(numbers(data, u32::from_le_bytes)),
            Dtype::U64 => Values::U64(numbers(data, u64::from_le_bytes)),
            other => return Err(damaged(format!("`{name}` of type {other:?}"))),
        };
        arrays.insert(name.to_owned(), Array { shape: view.shape().to_vec(), values });
    }
    Ok((arrays, epoch))
}

fn numbers<const N: usize, T>(bytes: &[u8], from: fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| from(*chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays() -> Arrays {
        let nan = f32::from_bits(0x7fc0_1234);
        BTreeMap::from([
            ("weight".into(), Array { shape: vec![2, 2], values: Values::F32(vec![1.5, -0.0, nan, 3e-45]) }),
            ("loss".into(), Array { shape: vec![], values: Values::F64(vec![f64::INFINITY]) }),
            ("pixels".into(), Array { shape: vec![3], values: Values::U8(vec![0, 128, 255]) }),
            ("none".into(), Array { shape: vec![0, 4], values: Values::F32(vec![]) }),
            ("labels".into(), Array { shape: vec![1], values: Values::U32(vec![9]) }),
            ("counter".into(), Array { shape: vec![1], values: Values::U64(vec![u64::MAX]) }),
        ])
    }

    #[test]
    fn arrays_round_trip_bit_for_bit() {
        let bytes = to_safetensors(&arrays(), Some(12)).unwrap();
        assert_eq!(from_safetensors(Path::new("a"), &bytes).unwrap(), (arrays(), Some(12)));
        assert_eq!(bytes, to_safetensors(&arrays(), Some(12)).unwrap());
    }

    #[test]
    fn a_shape_that_does_not_match_is_refused() {
        for shape in [vec![3], vec![usize::MAX, 2]] {
            let wrong = Array { shape, values: Values::U8(vec![1, 2]) };
            let error = to_safetensors(&BTreeMap::from([("a".into(), wrong)]), None).unwrap_err();
            assert!(error.to_string().starts_with("cannot store `a`"), "{error}");
        }
    }

    #[test]
    fn every_truncation_is_an_error_that_names_the_file() {
        let bytes = to_safetensors(&arrays(), None).unwrap();
        for length in 0..bytes.len() {
            let error = from_safetensors(Path::new("final.safetensors"), &bytes[..length]).unwrap_err();
            assert!(error.to_string().starts_with("final.safetensors is damaged"), "{error}");
        }
    }
}
