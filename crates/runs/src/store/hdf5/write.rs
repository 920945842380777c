//! Writes labelled results to an HDF5 file.

use std::path::Path;
use std::str::FromStr;

use ::hdf5::file::LibraryVersion;
use ::hdf5::types::{VarLenArray, VarLenUnicode};
use ::hdf5::{Dataset, File, Group, H5Type, Location, ObjectReference1, Result};
use ndarray::{ArrayView1, ArrayViewD};

use super::super::array::each_type;
use super::super::results::{Coordinates, Dimension, Results, Variable};
use super::scales::Scales;
use super::{DESCRIPTION, DIMENSION_LIST, FORMAT, FORMAT_VERSION, PROVENANCE, TITLE, UNITS};

/// Data larger than this many bytes are compressed.
const COMPRESSED_FROM: usize = 4096;
const GZIP: u8 = 4;

/// Writes validated results into the file at `path`, which contains the template, and
/// closes it.
pub(super) fn write(path: &Path, results: &Results) -> Result<()> {
    let file = File::with_options()
        .with_fapl(|access| {
            access.libver_bounds(LibraryVersion::V110, LibraryVersion::V110).file_locking(false)
        })
        .open_rw(path)?;
    let scales = Scales::take(&file)?;
    file.new_attr::<i64>().create(FORMAT)?.write_scalar(&FORMAT_VERSION)?;
    text_attribute(&file, TITLE, &results.title)?;
    for (name, value) in &results.attributes {
        text_attribute(&file, name, value)?;
    }
    for (name, value) in &results.provenance {
        text_attribute(&file, &format!("{PROVENANCE}{name}"), value)?;
    }
    for (name, dimension) in &results.dimensions {
        write_dimension(&file, &scales, name, dimension)?;
    }
    for (name, variable) in &results.variables {
        let shape = variable.dimensions.iter().map(|d| results.dimensions[d].coordinates.len()).collect();
        write_variable(&file, name, variable, shape)?;
    }
    file.close()
}

fn write_dimension(file: &File, scales: &Scales, name: &str, dimension: &Dimension) -> Result<()> {
    let dataset = match &dimension.coordinates {
        Coordinates::Numbers(values) => dataset(file, name, vec![values.len()], values)?,
        Coordinates::Integers(values) => dataset(file, name, vec![values.len()], values)?,
        Coordinates::Texts(values) => {
            let values = values.iter().map(|value| text(value)).collect::<Result<Vec<_>>>()?;
            dataset(file, name, vec![values.len()], &values)?
        }
    };
    text_attribute(&dataset, DESCRIPTION, &dimension.description)?;
    text_attribute(&dataset, UNITS, &dimension.unit)?;
    scales.mark(&dataset, name)
}

fn write_variable(file: &File, name: &str, variable: &Variable, shape: Vec<usize>) -> Result<()> {
    let dataset = each_type!(&variable.values, values => dataset(file, name, shape, values)?);
    text_attribute(&dataset, DESCRIPTION, &variable.description)?;
    text_attribute(&dataset, UNITS, &variable.unit)?;
    if variable.dimensions.is_empty() {
        return Ok(());
    }
    let scales = variable
        .dimensions
        .iter()
        .map(|dimension| Ok(VarLenArray::from_slice(&[file.reference::<ObjectReference1>(dimension)?])))
        .collect::<Result<Vec<_>>>()?;
    dataset.new_attr_builder().with_data(ArrayView1::from(&scales)).create(DIMENSION_LIST).map(drop)
}

fn dataset<T: H5Type>(file: &Group, name: &str, shape: Vec<usize>, values: &[T]) -> Result<Dataset> {
    let view = ArrayViewD::from_shape(shape, values).expect("the results have been checked");
    create_groups(file, name)?;
    let mut builder = file.new_dataset_builder().obj_track_times(false);
    if !view.shape().is_empty() && size_of_val(values) > COMPRESSED_FROM {
        builder = builder.shuffle().deflate(GZIP);
    }
    builder.with_data(view).create(name)
}

/// Creates the groups of `name` that do not exist.
fn create_groups(file: &Group, name: &str) -> Result<()> {
    for (slash, _) in name.match_indices('/') {
        let group = &name[..slash];
        if !file.link_exists(group) {
            file.create_group_builder().obj_track_times(false).create(group)?;
        }
    }
    Ok(())
}

fn text_attribute(at: &Location, name: &str, value: &str) -> Result<()> {
    at.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text(value)?)
}

fn text(value: &str) -> Result<VarLenUnicode> {
    VarLenUnicode::from_str(value).map_err(|e| format!("{value:?}: {e}").into())
}
