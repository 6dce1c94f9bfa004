//! The languages of pages.

/// The language that pages are searched in, of a language tag: its first part, and for Chinese the
/// script.
pub fn language_group(tag: &str) -> String {
    let tag = tag.to_ascii_lowercase().replace('_', "-");
    let mut parts = tag.split('-');
    match parts.next().unwrap_or_default() {
        "zh" => match parts.any(|part| matches!(part, "hant" | "tw" | "hk" | "mo")) {
            true => "zh-hant".into(),
            false => "zh".into(),
        },
        primary => primary.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_do_not_count_and_scripts_of_chinese_do() {
        for (tag, group) in
            [("en-US", "en"), ("pt_BR", "pt"), ("zh-TW", "zh-hant"), ("zh-Hans-SG", "zh"), ("", "")]
        {
            assert_eq!(language_group(tag), group);
        }
    }
}
