//! Downloads one file over HTTP: interrupted downloads are resumed, the size is limited, and the SHA-256 is verified.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    net::IpAddr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use system::files;
use ureq::{
    Agent, Body,
    http::{Response, StatusCode, Uri, header, uri::Scheme},
};

use super::{partial::about, sources::Remote};
use crate::{Error, Result, checksum::Hashing};

/// The largest number of redirects.
const MAX_REDIRECTS: usize = 5;

/// Timeouts and limits of a download.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// The time for resolving the host and connecting to it.
    pub(super) connect: Duration,
    /// The longest time without data.
    pub(super) idle: Duration,
    /// The smallest rate in bytes per second, measured over at least `idle`.
    pub(super) least_per_second: u64,
    /// The largest number of attempts in a row with less than `progress` bytes.
    pub(super) attempts: u32,
    pub(super) progress: u64,
    /// The delay before the second attempt; later delays are longer.
    pub(super) pause: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            least_per_second: 1_024,
            attempts: 5,
            progress: 1 << 16,
            pause: Duration::from_secs(1),
        }
    }
}

/// An HTTP client for the files of one set.
pub(super) struct Client {
    set: &'static str,
    /// The URL of the folder, with a trailing `/`.
    base: String,
    agent: Agent,
    timeouts: Timeouts,
}

/// The reason why an attempt ended early; the download may be retried.
struct Broken(String);

impl Client {
    /// Fails if the URL is neither `https://` nor `http://` with this machine as the host.
    pub(super) fn new(set: &'static str, base: &str, timeouts: Timeouts) -> Result<Self> {
        let base = format!("{}/", base.trim_end_matches('/'));
        let uri =
            base.parse().ok().filter(|uri| is_safe(uri) || is_own(uri)).ok_or_else(|| Error::Fetch {
                name: set,
                at: base.clone(),
                what: "address",
                expected: "https://HOST/FOLDER, or http://HOST/FOLDER for a server on this machine"
                    .to_owned(),
                got: "another address".to_owned(),
                hint: "name another address with `--from URL`",
            })?;
        let config = Agent::config_builder()
            .user_agent(concat!("agon/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // Redirects are followed by `answer`, which checks each of them.
            .max_redirects(0)
            .timeout_resolve(Some(timeouts.connect))
            .timeout_connect(Some(timeouts.connect))
            .timeout_per_read(Some(timeouts.idle))
            .timeout_recv_response(Some(timeouts.idle))
            .max_idle_connections(0);
        // A server on this machine is contacted without a proxy.
        let config = if is_own(&uri) { config.proxy(None) } else { config };
        Ok(Self { set, base, agent: config.build().new_agent(), timeouts })
    }

    /// Downloads a file to `path`, resuming a partial one; `progress` is called with the bytes received.
    ///
    /// Fails with [`Error::Fetch`] if the file cannot be downloaded completely or has another size or SHA-256.
    pub(super) fn download(&self, remote: &Remote, path: &Path, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let mut options = File::options();
        let here = files::regular(options.read(true).write(true).create(true).truncate(false), path);
        let mut file = here.map_err(about(path))?;
        let mut have = file.metadata().map_err(about(path))?.len();
        if have > remote.bytes {
            have = 0;
        }
        let (mut furthest, mut attempts) = (have, 0);
        while have < remote.bytes {
            let Broken(why) = match self.attempt(remote, path, &mut file, &mut have, progress)? {
                Ok(()) => break,
                Err(broken) => broken,
            };
            attempts = if have >= furthest + self.timeouts.progress { 0 } else { attempts + 1 };
            furthest = furthest.max(have);
            if attempts == self.timeouts.attempts {
                let got = format!("{have}, then {why}, {attempts} times with little or no progress");
                return Err(self.failed(remote, "download", format!("{} bytes", remote.bytes), got, LATER));
            }
            thread::sleep(self.timeouts.pause * attempts);
        }
        file.set_len(remote.bytes).and_then(|()| file.sync_all()).map_err(about(path))?;

        file.rewind().map_err(about(path))?;
        let mut hashing = Hashing::new(&mut file);
        io::copy(&mut hashing, &mut io::sink()).map_err(about(path))?;
        let got = hashing.finish();
        if got != remote.sha256 {
            let expected = remote.sha256.to_owned();
            return Err(self.failed(remote, "SHA-256", expected, got, ELSEWHERE));
        }
        Ok(())
    }

    /// Sends one request from byte `have` on and reads its response; advances `have`.
    fn attempt(
        &self,
        remote: &Remote,
        path: &Path,
        file: &mut File,
        have: &mut u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<std::result::Result<(), Broken>> {
        let mut response = match self.answer(remote, *have)? {
            Ok(response) => response,
            Err(broken) => return Ok(Err(broken)),
        };
        match response.status() {
            StatusCode::PARTIAL_CONTENT => self.check_range(remote, *have, &response)?,
            // A server without range requests sends the whole file.
            StatusCode::OK => *have = 0,
            StatusCode::RANGE_NOT_SATISFIABLE if *have > 0 => {
                *have = 0;
                return Ok(Err(Broken("a rejected range request".to_owned())));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Ok(Err(Broken(format!("the status {status}"))));
            }
            status => {
                let got = status.to_string();
                return Err(self.failed(remote, "status", "200 OK".to_owned(), got, ELSEWHERE));
            }
        }
        let left = remote.bytes - *have;
        if let Some(length) = response.body().content_length().filter(|&length| length != left) {
            let got = format!("a Content-Length of {length}");
            return Err(self.failed(remote, "size", format!("{left} bytes"), got, ELSEWHERE));
        }

        file.set_len(*have).and_then(|()| file.seek(SeekFrom::Start(*have))).map_err(about(path))?;
        let mut body = response.body_mut().as_reader();
        let (start, first) = (Instant::now(), *have);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = match body.read(&mut buffer) {
                Ok(0) if *have == remote.bytes => return Ok(Ok(())),
                Ok(0) => return Ok(Err(Broken("a closed connection".to_owned()))),
                Ok(n) => n,
                Err(error) => return Ok(Err(Broken(error.to_string()))),
            };
            if n as u64 > remote.bytes - *have {
                let expected = format!("{} bytes", remote.bytes);
                return Err(self.failed(remote, "size", expected, "more".to_owned(), ELSEWHERE));
            }
            file.write_all(&buffer[..n]).map_err(about(path))?;
            *have += n as u64;
            progress(*have);
            let took = start.elapsed();
            let enough = self.timeouts.least_per_second as f64 * took.as_secs_f64();
            if took > self.timeouts.idle && ((*have - first) as f64) < enough {
                let least = self.timeouts.least_per_second;
                return Ok(Err(Broken(format!("less than {least} bytes a second"))));
            }
        }
    }

    /// The response to a request, after following redirects.
    fn answer(&self, remote: &Remote, have: u64) -> Result<std::result::Result<Response<Body>, Broken>> {
        let address = format!("{}{}", self.base, remote.name);
        let mut uri: Uri = address.parse().map_err(|error| {
            let expected = "a URI as in RFC 3986".to_owned();
            self.failed(remote, "address", expected, format!("{error}"), ELSEWHERE)
        })?;
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&uri);
            if have > 0 {
                request = request.header(header::RANGE, format!("bytes={have}-"));
            }
            match request.call() {
                Ok(response) if response.status().is_redirection() => {
                    uri = self.redirected(remote, &uri, &response)?;
                }
                Ok(response) => return Ok(Ok(response)),
                Err(error) => return Ok(Err(Broken(error.to_string()))),
            }
        }
        let expected = format!("at most {MAX_REDIRECTS}");
        Err(self.failed(remote, "redirects", expected, "more".to_owned(), ELSEWHERE))
    }

    /// The target of a redirect. Fails if it is not encrypted or is not a full URL.
    fn redirected(&self, remote: &Remote, from: &Uri, response: &Response<Body>) -> Result<Uri> {
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|location| location.to_str().ok()).unwrap_or_default();
        let whole = match (location.starts_with('/') && !location.starts_with("//"), from.authority()) {
            (true, Some(host)) => format!("{}://{host}{location}", from.scheme_str().unwrap_or_default()),
            _ => location.to_owned(),
        };
        whole.parse().ok().filter(|to| is_safe(to) || (is_own(from) && is_own(to))).ok_or_else(|| {
            let expected = "a redirect to https://HOST/PATH".to_owned();
            self.failed(
                remote,
                "redirect",
                expected,
                format!("one to `{}`", location.escape_debug()),
                ELSEWHERE,
            )
        })
    }

    /// Fails if the response is not the requested range.
    fn check_range(&self, remote: &Remote, have: u64, response: &Response<Body>) -> Result<()> {
        let range = response.headers().get(header::CONTENT_RANGE);
        let range = range.and_then(|range| range.to_str().ok()).unwrap_or_default();
        let expected = format!("bytes {have}-{}/{}", remote.bytes - 1, remote.bytes);
        if range == expected {
            return Ok(());
        }
        Err(self.failed(remote, "range", expected, format!("`{}`", range.escape_debug()), ELSEWHERE))
    }

    fn failed(
        &self,
        remote: &Remote,
        what: &'static str,
        expected: String,
        got: String,
        hint: &'static str,
    ) -> Error {
        let at = format!("{}{}", self.base, remote.name);
        Error::Fetch { name: self.set, at, what, expected, got, hint }
    }
}

const LATER: &str = "try again later, or name a folder with copies of the files with `--from URL`";
const ELSEWHERE: &str = "name a folder with copies of the published files with `--from URL`";

/// Whether the connection is encrypted or local.
fn is_safe(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS) && uri.host().is_some()
}

/// Whether the URL is an unencrypted server on this machine.
fn is_own(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let own = host == "localhost" || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    uri.scheme() == Some(&Scheme::HTTP) && own
}
