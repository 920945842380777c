//! Reads labelled results from an untrusted HDF5 file.

use std::path::Path;

use ::hdf5::types::{FloatSize, IntSize, TypeDescriptor, VarLenArray, VarLenUnicode};
use ::hdf5::{Container, Dataset, File, Group, H5Type, Location, ObjectReference1, ReferencedObject};

use super::super::array::Values;
use super::super::error::{Error, Result};
use super::super::results::{Coordinates, Dimension, Results, Variable};
use super::scales::is_scale;
use super::{
    DESCRIPTION, DIMENSION_LIST, FORMAT, FORMAT_VERSION, PROVENANCE, TITLE, UNITS, WITHOUT_CHECKSUM, seal,
};

/// The maximum compression ratio of deflate, which bounds the data in a file of known size.
const MAX_COMPRESSION: u64 = 1032;

/// The maximum depth of groups; a file could hold a group that contains itself.
const MAX_GROUPS: usize = 16;

/// The results in a file, and its SHA-256 as [`seal::check`] returns it.
pub(super) fn read(path: &Path) -> Result<(Results, Option<String>)> {
    let sha256 = seal::check(path)?;
    let length = std::fs::metadata(path).map_err(|source| Error::io("read", path, source))?.len();
    let reader = Reader { path, length };
    let file = reader.expect("a complete HDF5 file", open(path))?;
    reader.check_format(&file, sha256.is_some())?;
    let mut results = Results { title: reader.text(&file, TITLE)?, ..Results::default() };
    for name in reader.expect("attributes", file.attr_names())? {
        if name == FORMAT || name == TITLE {
            continue;
        }
        let value = reader.text(&file, &name)?;
        match name.strip_prefix(PROVENANCE) {
            Some(name) => results.provenance.insert(name.to_owned(), value),
            None => results.attributes.insert(name, value),
        };
    }
    reader.group(&file, &mut results, 0)?;
    results.check().map_err(|e| reader.error("consistent labelled arrays", e.to_string()))?;
    Ok((results, sha256))
}

/// Opens the file without the library's lock: results files are replaced, never modified.
fn open(path: &Path) -> ::hdf5::Result<File> {
    File::with_options().with_fapl(|access| access.file_locking(false)).open(path)
}

struct Reader<'a> {
    path: &'a Path,
    length: u64,
}

impl Reader<'_> {
    fn check_format(&self, file: &File, sealed: bool) -> Result<()> {
        let expected = format!("the attribute {FORMAT} = {WITHOUT_CHECKSUM} or {FORMAT_VERSION}");
        let got = match file.attr(FORMAT).and_then(|attribute| attribute.read_scalar::<i64>()) {
            Ok(WITHOUT_CHECKSUM) => return Ok(()),
            Ok(FORMAT_VERSION) if sealed => return Ok(()),
            Ok(FORMAT_VERSION) => {
                let (expected, got) = (
                    "the SHA-256 of its content in the last line".to_owned(),
                    "another last line".to_owned(),
                );
                return Err(Error::Altered { file: self.path.into(), expected, got });
            }
            Ok(version) => version.to_string(),
            Err(_) => "none".to_owned(),
        };
        Err(self.error(&expected, got))
    }

    fn group(&self, group: &Group, results: &mut Results, depth: usize) -> Result<()> {
        if depth > MAX_GROUPS {
            return Err(self.error(&format!("at most {MAX_GROUPS} nested groups"), "more".into()));
        }
        for inner in self.expect("groups", group.groups())? {
            self.group(&inner, results, depth + 1)?;
        }
        for dataset in self.expect("data sets", group.datasets())? {
            let name = dataset.name().trim_start_matches('/').to_owned();
            let description = self.text(&dataset, DESCRIPTION)?;
            let unit = self.text(&dataset, UNITS)?;
            if is_scale(&dataset) {
                let coordinates = self.coordinates(&dataset, &name)?;
                results.dimensions.insert(name, Dimension { description, unit, coordinates });
            } else {
                let dimensions = self.dimension_names(&dataset, &name)?;
                let values = self.values(&dataset, &name)?;
                results.variables.insert(name, Variable { dimensions, description, unit, values });
            }
        }
        Ok(())
    }

    fn dimension_names(&self, dataset: &Dataset, name: &str) -> Result<Vec<String>> {
        if dataset.ndim() == 0 {
            return Ok(vec![]);
        }
        let expected = format!("one dimension for each axis of `{name}`");
        let list =
            dataset.attr(DIMENSION_LIST).and_then(|list| list.read_raw::<VarLenArray<ObjectReference1>>());
        let list = self.expect(&expected, list)?;
        let mut names = vec![];
        for references in &list {
            let [reference] = references.as_slice() else {
                return Err(self.error(&expected, format!("{} on one", references.len())));
            };
            match self.expect(&expected, dataset.dereference(reference))? {
                ReferencedObject::Dataset(scale) => {
                    names.push(scale.name().trim_start_matches('/').to_owned())
                }
                other => return Err(self.error(&expected, format!("{other:?}"))),
            }
        }
        Ok(names)
    }

    fn coordinates(&self, dataset: &Dataset, name: &str) -> Result<Coordinates> {
        match self.kind(dataset, name)? {
            TypeDescriptor::VarLenUnicode => {
                let texts = self.data::<VarLenUnicode>(dataset, name)?;
                let texts =
                    texts.iter().map(|text| self.utf8(text.as_bytes(), name)).collect::<Result<_>>()?;
                Ok(Coordinates::Texts(texts))
            }
            TypeDescriptor::Float(FloatSize::U8) => Ok(Coordinates::Numbers(self.data(dataset, name)?)),
            TypeDescriptor::Unsigned(IntSize::U8) => Ok(Coordinates::Integers(self.data(dataset, name)?)),
            other => Err(self.error(&format!("numbers or strings in `{name}`"), other.to_string())),
        }
    }

    fn values(&self, dataset: &Dataset, name: &str) -> Result<Values> {
        Ok(match self.kind(dataset, name)? {
            TypeDescriptor::Float(FloatSize::U4) => Values::F32(self.data(dataset, name)?),
            TypeDescriptor::Float(FloatSize::U8) => Values::F64(self.data(dataset, name)?),
            TypeDescriptor::Unsigned(IntSize::U1) => Values::U8(self.data(dataset, name)?),
            TypeDescriptor::Unsigned(IntSize::U4) => Values::U32(self.data(dataset, name)?),
            TypeDescriptor::Unsigned(IntSize::U8) => Values::U64(self.data(dataset, name)?),
            other => {
                return Err(self.error(&format!("f32, f64, u8, u32 or u64 in `{name}`"), other.to_string()));
            }
        })
    }

    fn kind(&self, dataset: &Dataset, name: &str) -> Result<TypeDescriptor> {
        let kind = dataset.dtype().and_then(|dtype| dtype.to_descriptor());
        self.expect(&format!("a supported element type in `{name}`"), kind)
    }

    fn data<T: H5Type>(&self, data: &Container, name: &str) -> Result<Vec<T>> {
        let shape = self.expect(&format!("a shape of `{name}`"), data.get_shape())?;
        let bytes = shape.iter().try_fold(size_of::<T>() as u64, |product, &n| product.checked_mul(n as u64));
        match bytes {
            Some(bytes) if bytes / MAX_COMPRESSION <= self.length => {
                self.expect(&format!("the data of `{name}`"), data.read_raw())
            }
            _ => Err(self.error(
                &format!("`{name}` to fit into a file of {} bytes", self.length),
                format!("the shape {shape:?}"),
            )),
        }
    }

    fn text(&self, at: &Location, name: &str) -> Result<String> {
        let text = at.attr(name).and_then(|attribute| attribute.read_scalar::<VarLenUnicode>());
        let text = self.expect(&format!("a string as attribute `{name}` of `{}`", at.name()), text)?;
        self.utf8(text.as_bytes(), name)
    }

    fn utf8(&self, bytes: &[u8], name: &str) -> Result<String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| self.error(&format!("UTF-8 in `{name}`"), e.to_string()))?;
        Ok(text.to_owned())
    }

    fn expect<T>(&self, expected: &str, result: ::hdf5::Result<T>) -> Result<T> {
        result.map_err(|e| self.error(expected, e.to_string()))
    }

    fn error(&self, expected: &str, got: String) -> Error {
        Error::NotResults { file: self.path.to_path_buf(), expected: expected.to_owned(), got }
    }
}
