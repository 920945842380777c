//! Reads safetensors files incrementally: first the header, then one tensor after the other.

use std::io::{self, Read};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use tensor::{Element, Tensor};

/// The maximum header size in bytes that the format allows.
const MAX_HEADER: u64 = 100_000_000;

/// Reads the header of a file of `length` bytes, whose tensors must fill the rest of the file.
pub(super) fn header(source: &mut impl Read, length: u64) -> Result<Metadata, String> {
    let damaged = |error: &dyn ToString| format!("not a complete safetensors file: {}", error.to_string());
    let mut of_header = [0; 8];
    source.read_exact(&mut of_header).map_err(|error| damaged(&error))?;
    let of_header = u64::from_le_bytes(of_header);
    if of_header > MAX_HEADER {
        let refused =
            format!("expected a header of at most {MAX_HEADER} bytes, got one of {of_header} bytes");
        return Err(damaged(&refused));
    }
    let mut text = Vec::new();
    source.take(of_header).read_to_end(&mut text).map_err(|error| damaged(&error))?;
    let header: Metadata = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
    let of_tensors = header.tensors().values().map(|info| info.data_offsets.1 as u64).max().unwrap_or(0);
    if (8 + of_header).checked_add(of_tensors) != Some(length) {
        let refused =
            format!("expected {of_tensors} bytes after a header of {of_header}, got {length} in all");
        return Err(damaged(&refused));
    }
    Ok(header)
}

/// Calls `each` with the name and the tensor of all tensors for which `is_wanted` is true, in file order.
pub(super) fn for_tensors(
    source: &mut impl Read,
    header: &Metadata,
    is_wanted: impl Fn(&str) -> bool,
    mut each: impl FnMut(String, Tensor),
) -> Result<(), String> {
    let mut tensors: Vec<(String, &TensorInfo)> = header.tensors().into_iter().collect();
    tensors.sort_by_key(|(_, info)| info.data_offsets);
    for (name, info) in tensors {
        let (first, end) = info.data_offsets;
        if is_wanted(&name) {
            let tensor = tensor(source, info).map_err(|reason| format!("{name}: {reason}"))?;
            each(name, tensor);
        } else {
            let skipped = io::copy(&mut source.take((end - first) as u64), &mut io::sink());
            skipped.map_err(|error| format!("{name}: {error}"))?;
        }
    }
    Ok(())
}

fn tensor(source: &mut impl Read, info: &TensorInfo) -> Result<Tensor, String> {
    match info.dtype {
        Dtype::F64 => elements(source, info, f64::from_le_bytes),
        Dtype::F32 => elements(source, info, f32::from_le_bytes),
        Dtype::F16 => elements(source, info, f16::from_le_bytes),
        Dtype::BF16 => elements(source, info, bf16::from_le_bytes),
        other => Err(format!("expected f64, f32, f16 or bf16, got {other:?}")),
    }
}

fn elements<const N: usize, T: Element>(
    source: &mut impl Read,
    info: &TensorInfo,
    from: fn([u8; N]) -> T,
) -> Result<Tensor, String> {
    let mut left = info.shape.iter().product::<usize>();
    let (mut elements, mut buffer) = (Vec::new(), [[0; N]; 1024]);
    elements.try_reserve_exact(left).map_err(|_| format!("allocating memory for {left} elements failed"))?;
    while left > 0 {
        let part = &mut buffer[..left.min(1024)];
        source.read_exact(part.as_flattened_mut()).map_err(|error| error.to_string())?;
        elements.extend(part.iter().map(|&bytes| from(bytes)));
        left -= part.len();
    }
    Tensor::from_vec(elements, &info.shape).map_err(|error| error.to_string())
}
