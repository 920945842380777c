//! A local HTTP server whose responses are chosen by a test; most of them are faulty.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A request: the path, and the first byte of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) from: Option<usize>,
}

/// The server; it stops when it is dropped.
pub(super) struct Server {
    /// The address, `http://127.0.0.1:PORT`.
    pub(super) address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

/// A connection from which one request has been read.
pub(super) struct Reply {
    pub(super) request: Request,
    /// The number of requests before this one.
    pub(super) number: usize,
    stream: TcpStream,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Starts a server that answers each request by `answer`, each in its own thread.
    pub(super) fn new(answer: impl Fn(Reply) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (requests, stopped) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let server = Self { address, requests: requests.clone(), stopped: stopped.clone() };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                let number = {
                    let mut requests = requests.lock().unwrap();
                    requests.push(request.clone());
                    requests.len() - 1
                };
                let reply = Reply { request, number, stream, stopped: stopped.clone() };
                let answer = answer.clone();
                thread::spawn(move || answer(reply));
            }
        });
        server
    }

    /// All requests so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // This connection wakes up the thread that waits for the next one.
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut from = None;
    for line in lines {
        let line = line.ok()?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Request { path, from })
}

impl Reply {
    /// Sends these bytes, and returns whether the connection was open; a closed connection is not an error.
    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends only the head of a response.
    pub(super) fn head(&mut self, status: &str, fields: &str) {
        self.send(format!("HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n"));
    }

    /// A correct response: the whole file, or the requested range.
    pub(super) fn file(&mut self, content: &[u8]) {
        self.cut(content, content.len());
    }

    /// A correct response that is cut off at byte `end` of the file.
    pub(super) fn cut(&mut self, content: &[u8], end: usize) {
        let from = self.request.from.unwrap_or(0);
        let (length, last) = (content.len() - from, content.len() - 1);
        let fields = format!("Content-Length: {length}\r\n");
        match self.request.from {
            None => self.head("200 OK", &fields),
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{last}/{}\r\n", content.len());
                self.head("206 Partial Content", &(fields + &range));
            }
        }
        self.send(&content[from..end.max(from)]);
    }

    /// Sends nothing until the server stops.
    pub(super) fn stall(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
    }
}
