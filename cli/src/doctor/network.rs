//! The settings of downloads, without what is secret in them.

use std::env;
use std::path::Path;

use crossrank::hub::HubOptions;
use serde::Serialize;

use super::caches::display;
use super::problem::Problem;

/// A variable of the environment that is set.
#[derive(Serialize)]
pub struct Setting {
    pub name: &'static str,
    pub value: String,
}

/// How a variable may be shown.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Path,
    /// An address, which may hold a name and a password.
    Url,
    Secret,
}

const VARIABLES: [(&str, Kind); 15] = [
    ("HF_ENDPOINT", Kind::Url),
    ("HF_HUB_OFFLINE", Kind::Plain),
    ("HF_TOKEN", Kind::Secret),
    ("HF_TOKEN_PATH", Kind::Path),
    ("HF_HOME", Kind::Path),
    ("HF_HUB_CACHE", Kind::Path),
    ("XDG_CACHE_HOME", Kind::Path),
    // The first proxy that is set is used.
    ("ALL_PROXY", Kind::Url),
    ("all_proxy", Kind::Url),
    ("HTTPS_PROXY", Kind::Url),
    ("https_proxy", Kind::Url),
    ("HTTP_PROXY", Kind::Url),
    ("http_proxy", Kind::Url),
    ("NO_PROXY", Kind::Plain),
    ("no_proxy", Kind::Plain),
];

/// The variables that are set, and what is wrong with them.
pub fn settings(options: &HubOptions, problems: &mut Vec<Problem>) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, kind) in VARIABLES {
        let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else { continue };
        let value = value.to_string_lossy();
        problems.extend(problem(name, &value));
        let value = match kind {
            Kind::Plain => value.into_owned(),
            Kind::Path => display(Path::new(&*value)),
            Kind::Url => without_secrets(&value),
            Kind::Secret => "set".to_owned(),
        };
        settings.push(Setting { name, value });
    }
    let is_damaged = |token: &str| token.contains(|c: char| c.is_whitespace() || c.is_control());
    if options.token.as_deref().is_some_and(is_damaged) {
        let message = "the access token holds white space; set HF_TOKEN to the token alone";
        problems.push(Problem::broken(message.into()));
    }
    settings
}

/// What is wrong with the value of a variable. The message holds no part of an address.
fn problem(name: &'static str, value: &str) -> Option<Problem> {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match name {
        "HF_ENDPOINT" if !matches!(scheme.as_deref(), Some("http" | "https")) => {
            let message =
                "HF_ENDPOINT does not begin with https:// or http://; correct or unset it";
            Some(Problem::broken(message.into()))
        }
        "HF_HUB_OFFLINE" => {
            const KNOWN: [&str; 8] = ["1", "ON", "YES", "TRUE", "0", "OFF", "NO", "FALSE"];
            let is_known = KNOWN.contains(&value.to_uppercase().as_str());
            let message = format!("HF_HUB_OFFLINE is {value}, which counts as 0; say 1 or 0");
            (!is_known).then(|| Problem::warning(message))
        }
        "HF_TOKEN_PATH" if !Path::new(value).is_file() => {
            Some(Problem::warning("HF_TOKEN_PATH names no file; correct or unset it".into()))
        }
        "HF_HOME" | "HF_HUB_CACHE" | "XDG_CACHE_HOME" if !Path::new(value).is_absolute() => {
            let message =
                format!("{name} is not an absolute path, so each folder has its own cache");
            Some(Problem::warning(message))
        }
        _ if !name.to_ascii_uppercase().ends_with("_PROXY")
            || name.eq_ignore_ascii_case("NO_PROXY") =>
        {
            None
        }
        _ => match scheme.as_deref() {
            None | Some("http" | "https") => None,
            Some(_) => Some(Problem::warning(format!(
                "{name} names a proxy of a kind that crossrank cannot use; name one with http:// or \
                 https://"
            ))),
        },
    }
}

/// An address without its user, its password and its parameters.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    // A password may hold any character, so the last @ ends it.
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}***@{place}"),
        None => format!("{scheme}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_secrets() {
        for (url, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://me:pass@word@proxy:3128/a", "http://***@proxy:3128/a"),
            ("me:secret@proxy", "***@proxy"),
            ("https://hub.example/x?token=secret#secret", "https://hub.example/x"),
            ("https://token@hub.example", "https://***@hub.example"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
