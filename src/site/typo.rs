//! Whether two words differ by one typo.

/// Whether two words differ by one character that is missing, added or another one, or by two adjacent
/// characters that are swapped.
pub fn is_one_typo(a: &str, b: &str) -> bool {
    if a.len().abs_diff(b.len()) > 4 {
        return false;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same..], &b[same..]);
    match (a, b) {
        ([], [_]) | ([_], []) => true,
        ([x, rest_a @ ..], [y, rest_b @ ..]) => {
            let swapped = match (rest_a, rest_b) {
                ([x2, rest_a @ ..], [y2, rest_b @ ..]) => x == y2 && y == x2 && rest_a == rest_b,
                _ => false,
            };
            rest_a == rest_b || rest_a == b || a == rest_b || swapped
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_typo_is_one_change() {
        for (a, b) in [
            ("tabel", "table"),
            ("tble", "table"),
            ("tablee", "table"),
            ("cable", "table"),
            ("abc", "ab"),
            ("öl", "ol"),
        ] {
            assert!(is_one_typo(a, b) && is_one_typo(b, a), "{a} {b}");
        }
        for (a, b) in [("table", "table"), ("tbale", "tabel"), ("abcd", "ab"), ("abc", "cab")] {
            assert!(!is_one_typo(a, b) && !is_one_typo(b, a), "{a} {b}");
        }
    }
}
