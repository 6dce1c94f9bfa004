//! Words that differ by one typo.

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

/// A beginning and an end of a word, of which every word that differs from it by one typo has one or both. `None` if
/// the word is too short for that.
pub fn kept_ends(word: &str) -> Option<(&str, &str)> {
    let starts: Vec<usize> = word.char_indices().map(|(start, _)| start).collect();
    // Two adjacent characters that are swapped may be the last one before the middle and the first one behind it.
    let middle = starts.len().div_ceil(2);
    (middle > 1).then(|| (&word[..starts[middle - 1]], &word[starts[middle]..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All words that differ from a word by one typo, with two letters and another one.
    fn typos(word: &str) -> Vec<String> {
        let chars: Vec<char> = word.chars().collect();
        let mut typos = Vec::new();
        for i in 0..=chars.len() {
            for other in ['a', 'b', 'ö'] {
                let put = |rest: &[char]| [&chars[..i], &[other], rest].concat();
                typos.push(put(&chars[i..]));
                typos.extend(chars.get(i + 1..).map(put));
            }
            typos.extend(chars.get(i + 1..).map(|rest| [&chars[..i], rest].concat()));
            if let Some([x, y, rest @ ..]) = chars.get(i..) {
                typos.push([&chars[..i], &[*y, *x], rest].concat());
            }
        }
        typos.into_iter().map(String::from_iter).collect()
    }

    #[test]
    fn a_word_with_a_typo_keeps_one_of_its_ends() {
        for word in ["abc", "abab", "aaaab", "bäumeö", "abbabab"] {
            let (beginning, end) = kept_ends(word).unwrap();
            assert!(beginning.len() < word.len() / 2 + 2 && !end.is_empty(), "{word}");
            let typos = typos(word);
            assert!(typos.len() > 20);
            for typo in typos {
                assert!(typo == word || is_one_typo(word, &typo), "{word} {typo}");
                assert!(typo.starts_with(beginning) || typo.ends_with(end), "{word} {typo}");
            }
        }
        for word in ["", "a", "ab", "öl"] {
            assert_eq!(kept_ends(word), None, "{word}");
        }
    }

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
