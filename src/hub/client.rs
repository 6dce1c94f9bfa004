//! Requests to the hub: the list of a repository's files, and the files.

use std::thread;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::{Response, Uri};
use ureq::{Agent, Body};

use super::options::{HubOptions, is_inside};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{RequestError, RetryPolicy, is_transient, retry_after};

/// The hub redirects to its file storage in one to three steps.
const MAX_REDIRECTS: usize = 10;
/// A listing has about 200 bytes for each file.
const MAX_LISTING_BYTES: u64 = 64 << 20;

/// The files of a repository at a commit.
pub(super) struct Listing {
    pub commit: String,
    pub files: Vec<RemoteFile>,
}

/// A file of a repository.
#[derive(Debug)]
pub(super) struct RemoteFile {
    pub path: String,
    pub size: u64,
    /// The hash in hexadecimal: the SHA-256 of a large file, or git's SHA-1 of another one.
    pub hash: String,
}

/// Makes requests to a hub.
pub(super) struct Client {
    agent: Agent,
    /// The address of the hub, without a slash at its end.
    endpoint: String,
    token: Option<String>,
    retry: RetryPolicy,
    timeout: Duration,
}

/// A listing as the hub sends it.
#[derive(Deserialize)]
struct ListingBody {
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
            return invalid("the token must consist of visible ASCII characters; correct HF_TOKEN");
        }
        let agent = Agent::config_builder()
            .user_agent(concat!("crossrank/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // `get` follows redirects, so that the token is sent only to the hub.
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
            retry: RetryPolicy { retries: options.retries, first_delay: options.retry_delay },
            timeout: options.timeout,
        })
    }

    /// The address of a file.
    pub fn url(&self, repository: &str, commit: &str, path: &str) -> String {
        format!("{}/{repository}/resolve/{commit}/{path}", self.endpoint)
    }

    /// Lists the files of a repository.
    pub fn list(&self, repository: &str, revision: &str) -> Result<Listing> {
        let revision = revision.replace('/', "%2F");
        let url =
            format!("{}/api/models/{repository}/revision/{revision}?blobs=true", self.endpoint);
        let text = self.repeat(|| {
            let mut response = self.get(&url, 0)?;
            let body = response.body_mut().with_config().limit(MAX_LISTING_BYTES);
            body.read_to_string().map_err(|error| self.broken(&error))
        })?;
        let invalid = |what: &str| {
            let message = format!(
                "{} does not list the files of {repository} ({what}); check that it is the address \
                 of a hub",
                self.endpoint
            );
            Error::new(ErrorKind::RemoteInvalidAnswer, message)
        };
        let body: ListingBody =
            serde_json::from_str(&text).map_err(|error| invalid(&error.to_string()))?;
        if !is_hash(&body.sha, 40) {
            return Err(invalid("its commit is not a hash"));
        }
        let files = body.siblings.into_iter().filter_map(|sibling| {
            let Sibling { rfilename: path, size, blob_id, lfs } = sibling;
            let hash = lfs.map(|lfs| lfs.sha256).filter(|hash| is_hash(hash, 64));
            let hash = hash.or_else(|| blob_id.filter(|hash| is_hash(hash, 40)))?;
            // The path becomes a path in the cache.
            is_inside(&path).then_some(RemoteFile { path, size: size?, hash })
        });
        let files: Vec<RemoteFile> = files.collect();
        if files.is_empty() {
            return Err(invalid("it has no files with hashes"));
        }
        Ok(Listing { commit: body.sha, files })
    }

    /// Repeats a call until it succeeds, or fails permanently.
    fn repeat<T>(&self, call: impl Fn() -> Result<T, RequestError>) -> Result<T> {
        let mut retry = 0;
        loop {
            match call() {
                Ok(value) => return Ok(value),
                Err(error) => self.wait(error, retry)?,
            }
            retry += 1;
        }
    }

    /// Waits after a failure, before retry number `retry`, counted from 0. Returns an error if the
    /// request is not to be repeated.
    pub fn wait(&self, failure: RequestError, retry: u32) -> Result<()> {
        thread::sleep(self.retry.wait_after(failure, retry)?);
        Ok(())
    }

    /// Requests an address, from byte `start` on. Follows redirects; the token is sent only to the
    /// hub.
    pub fn get(&self, url: &str, start: u64) -> Result<Response<Body>, RequestError> {
        let mut url = url.to_owned();
        let hub = origin(&self.endpoint);
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&url).header("accept-encoding", "identity");
            if start > 0 {
                request = request.header("range", format!("bytes={start}-"));
            }
            if let Some(token) = self.token.as_ref().filter(|_| origin(&url) == hub) {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| self.unreachable(&url, error))?;
            if !response.status().is_redirection() {
                return self.accept(&url, response);
            }
            let location = header(&response, "location");
            url = location.and_then(|to| resolve_redirect(&url, to)).ok_or_else(|| {
                let message =
                    format!("{} redirects to an address that is not allowed", without_query(&url));
                RequestError::Permanent(Error::new(ErrorKind::RemoteInvalidAnswer, message))
            })?;
        }
        let message = format!("{} redirects too often", self.endpoint);
        Err(RequestError::Permanent(Error::new(ErrorKind::RemoteInvalidAnswer, message)))
    }

    /// Accepts a response, or turns its status into an error.
    fn accept(&self, url: &str, response: Response<Body>) -> Result<Response<Body>, RequestError> {
        let status = response.status();
        // 416: the file has no bytes from `start` on.
        if status.is_success() || status.as_u16() == 416 {
            return Ok(response);
        }
        let message = format!("{} answers {}", without_query(url), status.as_u16());
        if is_transient(status.as_u16()) {
            let retry_after = header(&response, "retry-after").and_then(retry_after);
            return Err(RequestError::Transient { message, retry_after });
        }
        let has_token = self.token.is_some();
        let advice = match (header(&response, "x-error-code"), status.as_u16()) {
            (Some("GatedRepo"), _) => {
                "its owner requires you to accept terms: do so on the model's page, and set \
                 HF_TOKEN"
            }
            (Some("RevisionNotFound"), _) => "there is no such revision; check its name",
            (Some("RepoNotFound"), _) | (None, 404) if has_token => {
                "there is no such model, or the token does not open it; check the name"
            }
            (Some("RepoNotFound"), _) | (None, 401 | 404) if !has_token => {
                "there is no such model, or it is private; check the name, or set HF_TOKEN"
            }
            (_, 401) => "the token is not valid; check HF_TOKEN",
            (_, 403) => "the token does not allow it; check its rights",
            _ => "check the model's name and the hub's address",
        };
        Err(Error::new(ErrorKind::RemoteRefused, format!("{message}: {advice}")).into())
    }

    fn unreachable(&self, url: &str, error: ureq::Error) -> RequestError {
        let place = without_query(url);
        if let ureq::Error::BadUri(_) | ureq::Error::InvalidProxyUrl | ureq::Error::Rustls(_) =
            error
        {
            let message = format!(
                "cannot connect to {place} ({error}); check HF_ENDPOINT, and the proxies and \
                 certificates of this machine"
            );
            return Error::new(ErrorKind::RemoteUnavailable, message).into();
        }
        RequestError::transient(match error {
            ureq::Error::Timeout(_) => {
                format!("{place} does not answer within {} ms", self.timeout.as_millis())
            }
            error => format!("{place} cannot be reached, or hangs up ({error})"),
        })
    }

    /// The error for a response that ends early.
    pub fn broken(&self, error: &dyn std::error::Error) -> RequestError {
        RequestError::transient(format!("{} closed the connection early ({error})", self.endpoint))
    }
}

pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn is_hash(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// An address without its query, which holds signatures in addresses of file storage.
fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// The scheme, the host and the port of an address that a request may go to.
fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?;
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let host = authority.host().to_lowercase();
    Some((scheme.to_owned(), host, authority.port_u16().unwrap_or(default_port)))
}

/// The address that a redirect leads to. From https: it must not lead to http:.
fn resolve_redirect(from: &str, to: &str) -> Option<String> {
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
        let resolve = |to| resolve_redirect(from, to);
        assert_eq!(resolve("/x?y").as_deref(), Some("https://hub.example/x?y"));
        assert_eq!(resolve("//cdn.example/x").as_deref(), Some("https://cdn.example/x"));
        assert_eq!(resolve("https://cdn.example/x").as_deref(), Some("https://cdn.example/x"));
        assert_eq!(resolve("http://hub.example/x"), None);
        assert_eq!(resolve("file:///etc/passwd"), None);
        assert_eq!(resolve_redirect("http://a/", "http://b/").as_deref(), Some("http://b/"));
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
