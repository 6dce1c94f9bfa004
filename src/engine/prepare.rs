//! Writes prepared models.

use std::io::{self, Cursor, Seek, Write};

use super::encoder::reranker_or_embedder;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ModelFiles, prepared};

impl ModelFiles {
    /// The model as one file, which loads without a parser of graphs and is checked by a hash. It
    /// holds the numbers of the ONNX file unchanged, so scores have the same bits. The source of
    /// `model::prepared` describes the format.
    ///
    /// # Errors
    /// [`ErrorKind::UnsupportedModel`] if the graph is not an encoder that this library recognizes,
    /// [`ErrorKind::InvalidModel`] if it is damaged.
    pub fn prepare(&self) -> Result<Vec<u8>> {
        let mut file = Cursor::new(Vec::new());
        self.prepare_to(&mut file)?;
        Ok(file.into_inner())
    }

    /// [`ModelFiles::prepare`] into a writer, at its current position. Only a part of the weights
    /// is in memory at a time.
    ///
    /// # Errors
    /// As [`ModelFiles::prepare`], and [`ErrorKind::Io`] if the model cannot be written.
    pub fn prepare_to(&self, out: impl Write + Seek) -> Result<()> {
        let (config, encoder) = reranker_or_embedder(self)?;
        prepared::write(&encoder, &config, self, out).map_err(write_error)
    }
}

/// The error for a model that cannot be written.
pub(crate) fn write_error(error: io::Error) -> Error {
    let message = format!("cannot write the model ({error})");
    Error::new(ErrorKind::Io, message).with_source(error)
}
