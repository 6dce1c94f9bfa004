//! The order of things. Everything that the reader sorts is sorted by one instance of the algorithm: one for each
//! type would take up a tenth of its WebAssembly.

use std::cmp::Ordering;

/// Copies of items in an order. Equal ones stay in theirs.
pub fn sorted<T: Clone>(items: &[T], compare: &dyn Fn(&T, &T) -> Ordering) -> Vec<T> {
    let order = sorted_indices(items.len(), &|a, b| compare(&items[a], &items[b]));
    order.into_iter().map(|index| items[index as usize].clone()).collect()
}

/// Sorts numbers in their order.
pub fn sort_numbers(numbers: &mut Vec<u32>) {
    *numbers = sorted(numbers, &u32::cmp);
}

fn sorted_indices(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_unstable_by(|&a, &b| compare(a as usize, b as usize).then(a.cmp(&b)));
    order
}
