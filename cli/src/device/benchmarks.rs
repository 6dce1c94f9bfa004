//! The file that remembers how fast devices are.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crossrank::{BenchmarkStore, DeviceBenchmark};

use crate::error::{CliError, io};
use crate::replace::replace;
use crate::user_cache;

/// A file in JSON, with the measurements by their keys.
pub struct BenchmarkFile(PathBuf);

impl BenchmarkFile {
    /// The file of this user, or `None` if the user has no home folder.
    pub fn of_user() -> Option<BenchmarkFile> {
        Some(BenchmarkFile(user_cache::folder()?.join("devices.json")))
    }

    /// Where it is, or will be.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All measurements, or none if the file cannot be read.
    fn read(&self) -> BTreeMap<String, DeviceBenchmark> {
        let text = fs::read(&self.0).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn add(&self, key: &str, benchmark: DeviceBenchmark) -> Result<(), CliError> {
        let path = &self.0;
        let mut benchmarks = self.read();
        benchmarks.insert(key.to_owned(), benchmark);
        let what = || format!("cannot write {}", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io(what()))?;
        }
        let text = serde_json::to_string_pretty(&benchmarks).expect("strings and numbers");
        // The file is replaced as a whole, because another command may be reading it.
        replace(path, |_, mut file| file.write_all(text.as_bytes()).map_err(io(what())))
    }
}

impl BenchmarkStore for BenchmarkFile {
    fn load(&self, key: &str) -> Option<DeviceBenchmark> {
        self.read().remove(key)
    }

    fn save(&self, key: &str, benchmark: &DeviceBenchmark) {
        // A measurement that cannot be saved is made again.
        let _ = self.add(key, *benchmark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_remembered() {
        let folder = temp_dir::TempDir::new().unwrap();
        let file = BenchmarkFile(folder.path().join("new").join("devices.json"));
        assert!(file.load("a").is_none());
        let benchmark = |difference| -> DeviceBenchmark {
            let time = serde_json::json!({ "secs": 0, "nanos": 5 });
            let benchmark = serde_json::json!({
                "documents": 4, "cpu": time, "gpu": time, "difference": difference,
            });
            serde_json::from_value(benchmark).unwrap()
        };
        file.add("a", benchmark(0.25)).unwrap();
        file.add("b", benchmark(0.5)).unwrap();
        let loaded = (file.load("a"), file.load("b"));
        assert_eq!(loaded, (Some(benchmark(0.25)), Some(benchmark(0.5))));
        assert_eq!(fs::read_dir(file.0.parent().unwrap()).unwrap().count(), 1);
        fs::write(&file.0, "{ torn").unwrap();
        assert!(file.load("a").is_none());
        assert!(file.read().is_empty());
    }
}
