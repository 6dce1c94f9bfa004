//! JavaScript's view of a GPU.

use serde::Serialize;

use crate::gpu::Adapter;

/// Facts about an adapter.
#[derive(Serialize)]
pub(super) struct AdapterInfo<'a> {
    adapter: &'a str,
    backend: &'a str,
    software: bool,
}

impl AdapterInfo<'_> {
    pub fn of(adapter: &Adapter) -> AdapterInfo<'_> {
        let Adapter { name, backend, software, .. } = adapter;
        AdapterInfo { adapter: name, backend, software: *software }
    }
}
