//! The page's files over a real socket, as `curl -I` shows them.

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use testkit::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WASM: &str = "/www-0123456789abcdef_bg.wasm";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The server with a page of a few files, which go when the test ends.
struct Showcase {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Showcase {
    fn start(name: &str) -> io::Result<Self> {
        Self::start_with(name, &[])
    }

    fn start_with(name: &str, arguments: &[&str]) -> io::Result<Self> {
        let folder = format!("twinwire-page-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let www = folder.join("www");
        for page in ["minimal", "lobby"] {
            fs::create_dir_all(www.join(page))?;
        }
        fs::write(folder.join("secret"), "of the machine")?;
        for (file, content) in [
            ("index.html", "<p>the page</p>"),
            ("index.html.br", "the page in brotli"),
            ("minimal/index.html", "<script>smallest()</script>"),
            ("lobby/index.html", "<script src=\"lobby.js\"></script>"),
            (&WASM[1..], "\0asm, as it is"),
            (&format!("{}.br", &WASM[1..]), "brotli"),
            (&format!("{}.gz", &WASM[1..]), "gzip"),
            ("www-0123456789abcdef.js", "only as it is"),
        ] {
            fs::write(www.join(file), content)?;
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_twinwire-server"))
            .args(["--port", "0", "--www"])
            .arg(&www)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line
            .trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Ok(Self {
            child,
            folder,
            port: port.expect("it says where it listens"),
        })
    }

    /// Sends one request on a connection of its own.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let exchange = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            io::Result::Ok(answer)
        };
        let answer = soon("an answer", exchange).await;
        let answer = answer.expect("it is answered, and the connection closed");
        Answer::of(&String::from_utf8_lossy(&answer))
    }
}

impl Drop for Showcase {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.and_then(|code| code.parse().ok()).expect("a status"),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[tokio::test]
async fn pages_are_asked_for_again_and_hashed_files_never() {
    let showcase = Showcase::start("keep").unwrap();
    for page in ["/", "/index.html", "/minimal/"] {
        for method in ["GET", "HEAD"] {
            let answer = showcase.ask(method, page, &[]).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header("cache-control"), "no-cache");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert!(!answer.header("content-security-policy").is_empty());
        }
    }
    let answer = showcase.ask("HEAD", WASM, &[]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("cache-control"), IMMUTABLE);
    assert_eq!(answer.header("content-type"), "application/wasm");
    assert_eq!(answer.header("content-length"), "14");
    assert!(!answer.header("etag").is_empty(), "{answer:?}");
    // What isn't there now may be there later.
    let missing = WASM.replace("www", "old");
    let answer = showcase.ask("GET", &missing, &[]).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("cache-control"), "no-cache");
}

/// Returns the sources of scripts that an answer's policy allows.
fn script_sources(answer: &Answer) -> &str {
    let policy = answer.header("content-security-policy");
    let mut directives = policy.split("; ");
    directives
        .find_map(|directive| directive.strip_prefix("script-src "))
        .expect("the policy names the sources of scripts")
}

#[tokio::test]
async fn a_page_may_run_its_own_inline_scripts_and_no_others() {
    let showcase = Showcase::start("policies").unwrap();
    for (path, inline) in [
        ("/", false),
        ("/lobby/", false),
        ("/lobby/index.html", false),
        ("/minimal/", true),
    ] {
        let answer = showcase.ask("GET", path, &[]).await;
        let sources = script_sources(&answer);
        let rest = sources.strip_prefix("'self' 'wasm-unsafe-eval'");
        let rest = rest.expect("the least that a page needs");
        assert_eq!(rest.starts_with(" 'sha256-"), inline, "{path}: {sources}");
        assert_eq!(rest.is_empty(), !inline, "{path}: {sources}");
    }
    for path in ["/lobby", "/minimal"] {
        let answer = showcase.ask("GET", path, &[]).await;
        assert_eq!(answer.header("location"), format!("{path}/"));
    }
}

/// Every address of 127.0.0.0/8 is this machine's on Linux: here they stand for those that it has in networks.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_host_the_page_and_its_wire_answer_at_other_addresses() {
    let showcase = Showcase::start_with("host", &["--host", "0.0.0.0"]).unwrap();
    let addr = |host| std::net::SocketAddr::from(([127, 0, 0, host], showcase.port));
    let ask = async |path: &str, headers: String| {
        let mut client = testkit::raw::Client::tcp(addr(2)).await?;
        let host = addr(2);
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        client.ask(request.as_bytes()).await
    };
    let page = soon("the page", ask("/", String::new())).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
    for (origin, status) in [(addr(2), "101"), (addr(3), "403")] {
        let headers = format!(
            "{}Origin: http://{origin}\r\nSec-WebSocket-Protocol: twinwire.0.postcard\r\n",
            testkit::raw::HANDSHAKE
        );
        let answer = soon("an answer", ask("/ws", headers)).await.unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{origin}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_coding_that_a_client_prefers_is_sent_and_told() {
    let showcase = Showcase::start("codings").unwrap();
    for (accept, coding, body) in [
        ("br", "br", "brotli"),
        ("gzip, deflate, br", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip", "gzip"),
        ("br;q=0, gzip", "gzip", "gzip"),
        ("br;q=0, gzip;q=0", "", "\0asm, as it is"),
        ("identity", "", "\0asm, as it is"),
        ("zstd", "", "\0asm, as it is"),
    ] {
        let answer = showcase
            .ask("GET", WASM, &[("Accept-Encoding", accept)])
            .await;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert_eq!(answer.body, body, "{accept}");
        assert_eq!(
            answer.header("content-type"),
            "application/wasm",
            "{accept}"
        );
        assert_eq!(answer.header("cache-control"), IMMUTABLE, "{accept}");
        let vary = answer.header("vary");
        assert!(
            vary.eq_ignore_ascii_case("accept-encoding"),
            "{accept}: {vary}"
        );
    }
    let script = WASM.replace("_bg.wasm", ".js");
    let answer = showcase
        .ask("GET", &script, &[("Accept-Encoding", "br")])
        .await;
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(answer.body, "only as it is");
    assert!(
        answer
            .header("vary")
            .eq_ignore_ascii_case("accept-encoding")
    );
    let page = showcase
        .ask("GET", "/", &[("Accept-Encoding", "gzip, br")])
        .await;
    assert_eq!(page.header("content-encoding"), "br");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
}

#[tokio::test]
async fn who_has_a_file_is_told_so_and_each_coding_is_another_file() {
    let showcase = Showcase::start("etags").unwrap();
    let plain = showcase.ask("GET", WASM, &[]).await;
    let brotli = showcase
        .ask("GET", WASM, &[("Accept-Encoding", "br")])
        .await;
    assert_ne!(plain.header("etag"), brotli.header("etag"));
    let known = [("If-None-Match", plain.header("etag"))];
    let answer = showcase.ask("GET", WASM, &known).await;
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
    assert_eq!(answer.header("cache-control"), IMMUTABLE);
    let known = [
        ("If-None-Match", brotli.header("etag")),
        ("Accept-Encoding", "br"),
    ];
    assert_eq!(showcase.ask("GET", WASM, &known).await.status, 304);
    let other = [("If-None-Match", "\"other\"")];
    assert_eq!(showcase.ask("GET", WASM, &other).await.status, 200);
}

#[tokio::test]
async fn a_part_of_a_file_can_be_had_and_none_beyond_its_end() {
    let showcase = Showcase::start("ranges").unwrap();
    let answer = showcase.ask("GET", WASM, &[("Range", "bytes=1-3")]).await;
    assert_eq!((answer.status, answer.body.as_str()), (206, "asm"));
    assert_eq!(answer.header("content-range"), "bytes 1-3/14");
    let answer = showcase.ask("GET", WASM, &[("Range", "bytes=99-")]).await;
    assert_eq!(answer.status, 416);
    assert_eq!(answer.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn a_path_that_climbs_out_finds_nothing() {
    let showcase = Showcase::start("climbing").unwrap();
    for path in [
        "/../secret",
        "/minimal/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/minimal/%2e%2e/%2e%2e/secret",
        "//../secret",
        "/.%00./secret",
    ] {
        let answer = showcase.ask("GET", path, &[]).await;
        assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        assert!(!answer.body.contains("of the machine"), "{path}");
    }
    let answer = showcase.ask("POST", WASM, &[("Content-Length", "0")]).await;
    assert_eq!(answer.status, 405);
}
