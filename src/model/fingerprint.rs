//! The fingerprint of a model, which tells it from others.

use super::files::ModelFiles;
use super::hash::{Hasher, digest, hexadecimal};
use super::safetensors::hash_of;

impl ModelFiles {
    /// The fingerprint of the model, in hexadecimal: a SHA-256 of everything that it computes with.
    pub fn fingerprint(&self) -> String {
        hexadecimal(&self.hasher(None).key())
    }

    /// Begins a hash with `fingerprint`, which stands for the files. By default the fingerprint
    /// is the hash in a prepared model, or consists of the SHA-256 of the graph, the tokenizer, the
    /// configuration and the external weights.
    pub(crate) fn hasher(&self, fingerprint: Option<&str>) -> Hasher {
        let of_files = || match hash_of(&self.onnx) {
            // The hash covers all files, but these two may have been replaced since.
            Some(hash) => {
                let hash = String::from_utf8(hash.to_vec()).unwrap_or_default();
                match ModelFiles::from_checked(self.onnx.clone()) {
                    Ok(own) if (&own.tokenizer, &own.config) == (&self.tokenizer, &self.config) => {
                        hash
                    }
                    _ => [hash, digest(&self.tokenizer), digest(&self.config)].join(" "),
                }
            }
            None => {
                let files = [&self.onnx, &self.tokenizer, &self.config].into_iter();
                // The heads of cross-encoders that consist of modules.
                let modules = self.embedding.iter();
                let modules =
                    modules.filter(|(name, _)| !ModelFiles::EMBEDDING.contains(&&***name));
                let others = self.external.values().chain(modules.map(|(_, file)| file));
                let hashes = files.chain(others).map(|file| digest(file));
                hashes.collect::<Vec<_>>().join(" ")
            }
        };
        let fingerprint = fingerprint.map_or_else(of_files, str::to_owned);
        Hasher::default().part(fingerprint.as_bytes())
    }
}
