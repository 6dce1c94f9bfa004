//! Constants that lie in files beside the graph, as ONNX keeps those of models above 2 GB
//! (<https://onnx.ai/onnx/repo-docs/ExternalData.html>).

use std::collections::BTreeMap;
#[cfg(not(target_arch = "wasm32"))]
use std::collections::BTreeSet;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::proto::{DataType, Location, Model, Tensor};

/// The files beside the graph, by what the graph calls them.
pub type Files = BTreeMap<String, Bytes>;

/// What a constant says of its place.
#[derive(Default)]
pub struct Place<'a> {
    file: &'a str,
    offset: usize,
    /// None: to the end of the file.
    length: Option<usize>,
}

impl<'a> Place<'a> {
    /// Reads the entries of `external_data`.
    pub fn new(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Place<'a>> {
        let mut place = Place::default();
        let number = |text: &str| {
            text.parse().with_context(|| format!("\"{text}\" is no place in a file of weights"))
        };
        for (key, value) in entries {
            match key {
                "location" => place.file = value,
                "offset" => place.offset = number(value)?,
                "length" => place.length = Some(number(value)?),
                _ => {}
            }
        }
        let inside = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        if place.file.is_empty() || !Path::new(place.file).components().all(inside) {
            bail!(
                "the graph has weights in \"{}\", which is no file in its own folder; such a file is \
                 not read",
                place.file
            );
        }
        Ok(place)
    }

    /// The bytes there.
    pub fn bytes(&self, files: &Files) -> Result<Bytes> {
        let Place { file, offset, length } = *self;
        let found = files.get(file).with_context(|| {
            format!("the graph has weights in {file}, which is not there; put it beside the graph")
        })?;
        let end = length.map_or(Some(found.len()), |length| offset.checked_add(length));
        let end = end.filter(|&end| offset <= end && end <= found.len()).with_context(|| {
            format!("{file} has {} bytes, fewer than the graph says; copy it again", found.len())
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
    let places = constants.filter(|tensor| is_external(tensor)).map(place);
    places.map(|place| Ok(place?.file.to_owned())).collect()
}

/// Gives each constant that lies in a file its bytes there.
pub fn resolve(model: &mut Model, files: &Files) -> Result<()> {
    let constants = model.graph.iter_mut().flat_map(|graph| {
        let values = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
        graph.initializer.iter_mut().chain(values.filter_map(|attribute| attribute.t.as_mut()))
    });
    for tensor in constants.filter(|tensor| is_external(tensor)) {
        tensor.raw_data = place(tensor)?.bytes(files)?;
        let number = DataType::try_from(tensor.data_type).ok().and_then(DataType::bytes);
        let length = tensor.dims.iter().try_fold(number.unwrap_or(0), |length, &size| {
            length.checked_mul(size.try_into().ok()?)
        });
        ensure!(
            number.is_none() || length == Some(tensor.raw_data.len()),
            "{} has {} bytes in its file, which do not fill its shape",
            tensor.name,
            tensor.raw_data.len()
        );
    }
    Ok(())
}

fn is_external(tensor: &Tensor) -> bool {
    tensor.data_location == Location::External as i32
}

fn place(tensor: &Tensor) -> Result<Place<'_>> {
    let entries = tensor.external_data.iter();
    Place::new(entries.map(|entry| (entry.key.as_str(), entry.value.as_str())))
}
