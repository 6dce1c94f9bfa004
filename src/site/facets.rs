//! Filters and sort keys of a search.

#[cfg(not(target_arch = "wasm32"))]
use std::cmp::Ordering;
use std::collections::HashMap;

use super::bytes::FileKind;
use super::manifest::{Facets, Manifest};
use super::order::{sort_numbers, sorted};
use super::search_options::{SearchOptions, SortKey};
use super::store::{Absent, File, Store};

/// The pages that filters choose, and the sort keys.
pub(super) struct Chosen<'a> {
    /// Ascending; all if there are none.
    pages: Option<Vec<u32>>,
    facets: Option<&'a Facets>,
}

impl<'a> Chosen<'a> {
    /// The pages that the options choose, if they choose some. `None` if the file that says so is not there yet.
    pub fn new(
        options: &SearchOptions,
        manifest: &Manifest,
        store: &'a Store,
        absent: &mut Absent,
    ) -> Option<Option<Chosen<'a>>> {
        let filters: Vec<_> =
            options.filters.iter().filter(|(_, values)| !values.is_empty()).collect();
        if filters.is_empty() && options.sort.is_none() {
            return Some(None);
        }
        // Without the file, no page can be said to have a value.
        let nothing = Some(Some(Chosen { pages: Some(Vec::new()), facets: None }));
        let Some(hash) = manifest.facets else { return nothing };
        let facets = match store.file(FileKind::Facets, hash, absent) {
            Some(File::Facets(facets)) => facets,
            _ if absent.missing.contains(&(FileKind::Facets, hash)) => return nothing,
            _ => return None,
        };
        let named = &manifest.filters;
        let mut pages: Option<Vec<u32>> = None;
        for (name, wanted) in filters {
            let mut some: Vec<u32> = Vec::new();
            for (filter, lists) in
                named.iter().zip(&facets.filters).filter(|(f, _)| f.name == *name)
            {
                let lists =
                    filter.values.iter().zip(lists).filter(|(of, _)| wanted.contains(&of.value));
                lists.for_each(|(_, list)| some.extend(list));
            }
            sort_numbers(&mut some);
            if let Some(before) = &pages {
                some.retain(|page| before.binary_search(page).is_ok());
            }
            pages = Some(some);
        }
        Some(Some(Chosen { pages, facets: Some(facets) }))
    }

    pub fn allows(&self, page: u32) -> bool {
        self.pages.as_ref().is_none_or(|pages| pages.binary_search(&page).is_ok())
    }

    /// The sections in the order of a sort key, those of pages without it at the end.
    pub fn sort(
        &self,
        key: &SortKey,
        sections: &[(u32, f32)],
        page: impl Fn(u32) -> u32,
    ) -> Vec<(u32, f32)> {
        let keys = self.facets.into_iter().flat_map(|facets| &facets.sorts);
        let ranks: HashMap<u32, u32> = keys
            .filter(|(name, _)| *name == key.name)
            .flat_map(|(_, ranks)| ranks.iter().copied())
            .collect();
        let place = |section: u32| match ranks.get(&page(section)) {
            Some(&rank) if key.descending => u32::MAX - 1 - rank,
            Some(&rank) => rank,
            None => u32::MAX,
        };
        sorted(sections, &|a, b| {
            place(a.0).cmp(&place(b.0)).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0))
        })
    }
}

/// The ranks of a sort key's values: equal ones have the same. Numbers have the order of numbers, and are before
/// other values.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn ranks(values: &[(u32, String)]) -> Vec<(u32, u32)> {
    let number = |value: &str| value.parse::<f64>().ok().filter(|number| number.is_finite());
    let compare = |a: &str, b: &str| match (number(a), number(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    };
    let mut distinct: Vec<&str> = values.iter().map(|(_, value)| value.as_str()).collect();
    distinct.sort_by(|a, b| compare(a, b));
    distinct.dedup_by(|a, b| compare(a, b).is_eq());
    let rank = |value: &str| distinct.partition_point(|other| compare(other, value).is_lt());
    values.iter().map(|(page, value)| (*page, rank(value) as u32)).collect()
}
