//! Constants that lie in files beside the graph, as ONNX keeps those of models above 2 GB
//! (<https://onnx.ai/onnx/repo-docs/ExternalData.html>).

use std::collections::BTreeMap;
#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::proto::{DataType, Location, Model, Tensor};
use crate::mistake::mistake;

/// The files beside the graph, by the names that the graph has for them.
pub type Files = BTreeMap<String, Bytes>;

/// Where the bytes of a constant are.
#[derive(Default)]
pub struct ExternalData<'a> {
    file: &'a str,
    offset: usize,
    /// `None`: to the end of the file.
    length: Option<usize>,
}

impl<'a> ExternalData<'a> {
    /// Reads the entries of `external_data`.
    ///
    /// # Errors
    /// An entry is not a number, or the file is outside the folder of the graph.
    pub fn new(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Result<ExternalData<'a>> {
        let mut data = ExternalData::default();
        let number = |text: &str| {
            text.parse().with_context(|| format!("\"{text}\" is not a position in a weights file"))
        };
        for (key, value) in entries {
            match key {
                "location" => data.file = value,
                "offset" => data.offset = number(value)?,
                "length" => data.length = Some(number(value)?),
                _ => {}
            }
        }
        let inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        if data.file.is_empty() || !Path::new(data.file).components().all(inside) {
            bail!(
                "the graph has weights in \"{}\", which is not a file in the graph's folder; such a \
                 file is not read",
                data.file
            );
        }
        Ok(data)
    }

    /// The bytes of the constant, which share those of the file.
    ///
    /// # Errors
    /// The file is missing or too short.
    pub fn bytes(&self, files: &Files) -> Result<Bytes> {
        let ExternalData { file, offset, length } = *self;
        let found = files.get(file).with_context(|| {
            format!("the graph has weights in {file}, which is missing; put it next to the graph")
        })?;
        let end = length.map_or(Some(found.len()), |length| offset.checked_add(length));
        let end = end.filter(|&end| offset <= end && end <= found.len());
        let end = end.with_context(|| match mistake(found) {
            Some(mistake) => format!("{file} {mistake}"),
            None => {
                let bytes = found.len();
                format!("{file} has {bytes} bytes, fewer than the graph says; copy it again")
            }
        })?;
        Ok(found.slice(offset..end))
    }
}

/// The names of the files that constants lie in.
#[cfg(not(target_arch = "wasm32"))]
pub fn names(model: &Model) -> Result<BTreeSet<String>> {
    let constants = model.graph.iter().flat_map(|graph| {
        let values = graph.node.iter().flat_map(|node| &node.attribute);
        graph.initializer.iter().chain(values.filter_map(|attribute| attribute.t.as_ref()))
    });
    let external = constants.filter(|tensor| is_external(tensor)).map(external_data);
    external.map(|data| Ok(data?.file.to_owned())).collect()
}

/// Puts the bytes of each constant that lies in a file into the graph.
pub fn resolve(model: &mut Model, files: &Files) -> Result<()> {
    let constants = model.graph.iter_mut().flat_map(|graph| {
        let values = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        graph.initializer.iter_mut().chain(values.filter_map(|attribute| attribute.t.as_mut()))
    });
    for tensor in constants.filter(|tensor| is_external(tensor)) {
        tensor.raw_data = external_data(tensor)?.bytes(files)?;
        let bytes_each = DataType::try_from(tensor.data_type).ok().and_then(DataType::bytes);
        let length = tensor.dims.iter().try_fold(bytes_each.unwrap_or(0), |length, &size| {
            length.checked_mul(size.try_into().ok()?)
        });
        ensure!(
            bytes_each.is_none() || length == Some(tensor.raw_data.len()),
            "{} has {} bytes in its file, which do not fill its shape",
            tensor.name,
            tensor.raw_data.len()
        );
        tensor.data_location = Location::Default.into();
        tensor.external_data.clear();
    }
    Ok(())
}

fn is_external(tensor: &Tensor) -> bool {
    tensor.data_location == Location::External as i32
}

fn external_data(tensor: &Tensor) -> Result<ExternalData<'_>> {
    let entries = tensor.external_data.iter();
    ExternalData::new(entries.map(|entry| (entry.key.as_str(), entry.value.as_str())))
}
