//! The hub's HTTP paths: what a repository holds, and its files.

use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::HubOptions;
use super::options::is_inside;
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{MAX_RETRY_AFTER, backoff, retry_after};

/// A file goes from the hub to its store by way of one or two others.
const MAX_REDIRECTS: usize = 10;
/// A listing has some 200 bytes a file.
const LARGEST_LISTING: u64 = 64 << 20;

/// What a repository holds at a commit.
pub(super) struct Listing {
    pub commit: String,
    pub files: Vec<File>,
}

/// A file of a repository.
#[derive(Debug)]
pub(super) struct File {
    pub path: String,
    pub size: u64,
    /// In hexadecimal: of a large file the SHA-256, of another the SHA-1 that git gives it.
    pub hash: String,
}

/// Why a request brought nothing, or not all.
pub(super) enum HubError {
    Final(Error),
    /// It may be over by the next request.
    Passing {
        message: String,
        retry_after: Option<Duration>,
    },
}

impl HubError {
    pub fn passing(message: impl Into<String>) -> HubError {
        HubError::Passing { message: message.into(), retry_after: None }
    }
}

impl From<Error> for HubError {
    fn from(error: Error) -> HubError {
        HubError::Final(error)
    }
}

pub(super) struct Client {
    agent: Agent,
    /// Without a slash at its end.
    endpoint: String,
    token: Option<String>,
    retries: u32,
    retry_delay: Duration,
    timeout: Duration,
}

#[derive(Deserialize)]
struct ListingForm {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
}

impl Client {
    pub fn new(options: &HubOptions) -> Result<Client> {
        let invalid = |message| Err(Error::new(ErrorKind::InvalidArgument, message));
        if origin(&options.endpoint).is_none() {
            return invalid(
                "the hub's address must begin with http: or https:, and hold no user name; \
                 correct HF_ENDPOINT or the endpoint given",
            );
        }
        let token = options.token.clone();
        if token.as_ref().is_some_and(|t| t.is_empty() || !t.bytes().all(|b| b.is_ascii_graphic()))
        {
            return invalid("the token is no text of visible ASCII characters; correct HF_TOKEN");
        }
        let agent = Agent::config_builder()
            .user_agent(concat!("crossrank/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // They are followed here, where it is seen to that the token stays with the hub.
            .max_redirects(0)
            .timeout_resolve(Some(options.timeout))
            .timeout_connect(Some(options.timeout))
            .timeout_recv_response(Some(options.timeout))
            .timeout_per_read(Some(options.timeout))
            .build()
            .new_agent();
        Ok(Client {
            agent,
            endpoint: options.endpoint.trim_end_matches('/').to_owned(),
            token,
            retries: options.retries,
            retry_delay: options.retry_delay,
            timeout: options.timeout,
        })
    }

    /// Where a file is.
    pub fn address(&self, repository: &str, commit: &str, path: &str) -> String {
        format!("{}/{repository}/resolve/{commit}/{path}", self.endpoint)
    }

    /// What a repository holds.
    pub fn list(&self, repository: &str, revision: &str) -> Result<Listing> {
        let revision = revision.replace('/', "%2F");
        let url =
            format!("{}/api/models/{repository}/revision/{revision}?blobs=true", self.endpoint);
        let text = self.persist(|| {
            let mut response = self.get(&url, 0)?;
            let body = response.body_mut().with_config().limit(LARGEST_LISTING);
            body.read_to_string().map_err(|error| self.broken(&error))
        })?;
        let wrong = |what: &str| {
            let message = format!(
                "{} answers no listing of {repository}'s files ({what}); check that it is a hub's \
                 address",
                self.endpoint
            );
            Error::new(ErrorKind::RemoteInvalidAnswer, message)
        };
        let form: ListingForm =
            serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
        if !is_hash(&form.sha, 40) {
            return Err(wrong("its commit is no hash"));
        }
        let files = form.siblings.into_iter().filter_map(|sibling| {
            let Sibling { rfilename: path, size, blob_id, lfs } = sibling;
            let hash = lfs.map(|lfs| lfs.sha256).filter(|hash| is_hash(hash, 64));
            let hash = hash.or_else(|| blob_id.filter(|hash| is_hash(hash, 40)))?;
            // It becomes a path of the cache.
            is_inside(&path).then_some(File { path, size: size?, hash })
        });
        let files: Vec<File> = files.collect();
        if files.is_empty() {
            return Err(wrong("it has no files with hashes"));
        }
        Ok(Listing { commit: form.sha, files })
    }

    /// Calls until it succeeds or fails for good.
    fn persist<T>(&self, call: impl Fn() -> Result<T, HubError>) -> Result<T> {
        let mut retry = 0;
        loop {
            let failure = match call() {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            self.wait(failure, retry)?;
            retry += 1;
        }
    }

    /// Waits before a retry, counted from 0; an error where there is to be none.
    pub fn wait(&self, failure: HubError, retry: u32) -> Result<()> {
        let (message, retry_after) = match failure {
            HubError::Final(error) => return Err(error),
            HubError::Passing { message, retry_after } => (message, retry_after),
        };
        let wait = retry_after.unwrap_or_else(|| backoff(self.retry_delay, retry));
        if retry >= self.retries || wait > MAX_RETRY_AFTER {
            let rest = retry_after.filter(|rest| !rest.is_zero());
            let rest = rest.map(|rest| format!(" and asks for {} s of rest", rest.as_secs()));
            let message = format!("{message}{}; try again later", rest.unwrap_or_default());
            return Err(Error::new(ErrorKind::RemoteUnavailable, message));
        }
        thread::sleep(wait);
        Ok(())
    }

    /// Asks for what is at an address, from a byte on. Redirects are followed; the token goes to
    /// the hub alone.
    pub fn get(&self, url: &str, start: u64) -> Result<Response<Body>, HubError> {
        let mut url = url.to_owned();
        let home = origin(&self.endpoint);
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&url).header("accept-encoding", "identity");
            if start > 0 {
                request = request.header("range", format!("bytes={start}-"));
            }
            if let Some(token) = self.token.as_ref().filter(|_| origin(&url) == home) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| self.unreachable(&url, error))?;
            if !response.status().is_redirection() {
                return self.accept(&url, response);
            }
            let location = header(&response, "location");
            url = location.and_then(|to| joined(&url, to)).ok_or_else(|| {
                let message = format!("{} redirects to nowhere it may", place(&url));
                HubError::Final(Error::new(ErrorKind::RemoteInvalidAnswer, message))
            })?;
        }
        let message = format!("{} redirects in circles", self.endpoint);
        Err(HubError::Final(Error::new(ErrorKind::RemoteInvalidAnswer, message)))
    }

    /// A response that brings something, or what its status means.
    fn accept(&self, url: &str, response: Response<Body>) -> Result<Response<Body>, HubError> {
        let status = response.status();
        // 416: there is nothing from that byte on.
        if status.is_success() || status.as_u16() == 416 {
            return Ok(response);
        }
        let message = format!("{} answers {}", place(url), status.as_u16());
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            let retry_after = header(&response, "retry-after").and_then(retry_after);
            return Err(HubError::Passing { message, retry_after });
        }
        let known = self.token.is_some();
        let advice = match (header(&response, "x-error-code"), status.as_u16()) {
            (Some("GatedRepo"), _) => {
                "its owner asks for consent: give it on the model's page, and set HF_TOKEN to a \
                 token of that account"
            }
            (Some("RevisionNotFound"), _) => "there is no such revision; check its name",
            (Some("RepoNotFound"), _) | (None, 404) if known => {
                "there is no such model, or the token does not open it; check the name"
            }
            (Some("RepoNotFound"), _) | (None, 401 | 404) if !known => {
                "there is no such model, or it is private; check the name, or set HF_TOKEN"
            }
            (_, 401) => "the token is not valid; check HF_TOKEN",
            (_, 403) => "the token does not allow it; check its rights",
            _ => "check the model's name and the hub's address",
        };
        Err(Error::new(ErrorKind::RemoteRefused, format!("{message}: {advice}")).into())
    }

    fn unreachable(&self, url: &str, error: ureq::Error) -> HubError {
        let place = place(url);
        if let ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl | ureq::Error::Rustls(_) =
            error
        {
            let message = format!(
                "{place} cannot be asked ({error}); check HF_ENDPOINT, and the proxies and \
                 certificates of this machine"
            );
            return Error::new(ErrorKind::RemoteUnavailable, message).into();
        }
        HubError::passing(match error {
            ureq::Error::Timeout(_) => {
                format!("{place} does not answer within {} ms", self.timeout.as_millis())
            }
            error => format!("{place} cannot be reached, or hangs up ({error})"),
        })
    }

    /// A response that ends before its time.
    pub fn broken(&self, error: &dyn std::error::Error) -> HubError {
        HubError::passing(format!("{} hangs up on the way ({error})", self.endpoint))
    }
}

pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// An address without its query, where stores have their signatures.
fn place(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Scheme, host and port.
fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let host = authority.host().to_lowercase();
    Some((scheme.to_owned(), host, authority.port_u16().unwrap_or(usual)))
}

/// Where a redirect leads. From https: it may not lead to http:.
fn joined(from: &str, to: &str) -> Option<String> {
    let uri: Uri = from.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?.as_str());
    let url = if to.starts_with("//") {
        format!("{scheme}:{to}")
    } else if to.starts_with('/') {
        format!("{scheme}://{authority}{to}")
    } else {
        to.to_owned()
    };
    let (new, ..) = origin(&url)?;
    (scheme != "https" || new == "https").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_the_web_and_stay_encrypted() {
        let from = "https://hub.example/a/b?c";
        let joined = |to| joined(from, to);
        assert_eq!(joined("/x?y").as_deref(), Some("https://hub.example/x?y"));
        assert_eq!(joined("//cdn.example/x").as_deref(), Some("https://cdn.example/x"));
        assert_eq!(joined("https://cdn.example/x").as_deref(), Some("https://cdn.example/x"));
        assert_eq!(joined("http://hub.example/x"), None);
        assert_eq!(joined("file:///etc/passwd"), None);
        assert_eq!(super::joined("http://a/", "http://b/").as_deref(), Some("http://b/"));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://Hub.example/a"), origin("https://hub.example:443/b"));
        assert_ne!(origin("https://hub.example/"), origin("http://hub.example/"));
        assert_ne!(origin("https://hub.example/"), origin("https://hub.example:8443/"));
        assert_ne!(origin("https://hub.example/"), origin("https://hub.example.org/"));
        assert_eq!(origin("https://user@hub.example/"), None);
    }
}
