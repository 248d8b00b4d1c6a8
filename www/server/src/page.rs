//! The built page, and what it is allowed to do.

use std::path::{Path, PathBuf};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::{DefaultHeaders, Next, from_fn};
use actix_web::web::{self, ServiceConfig};
use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

const INDEX: &str = "index.html";

/// What belongs to the page and nothing else: no other origin, no inline style, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    script-src 'self' 'wasm-unsafe-eval'";

/// The folders of pages of their own in the page's.
const INNER: [&str; 2] = ["/lobby", "/minimal"];

/// The built page, and those in its folder.
#[derive(Clone, Debug)]
pub(crate) struct Pages(Vec<Page>);

impl Pages {
    /// Reads the page, and those of its folders that are there.
    pub(crate) fn find(folder: PathBuf) -> anyhow::Result<Self> {
        let page = folder.join(INDEX);
        anyhow::ensure!(
            page.is_file(),
            "there is no page at {}: run `cargo xtask start`, which builds it",
            page.display()
        );
        let inner = INNER.map(|path| (path, folder.join(&path[1..])));
        let inner = inner.into_iter().filter(|(_, folder)| folder.is_dir());
        // The root's last: the first that a path begins with is asked.
        let all = inner.chain([("", folder.clone())]);
        let pages = all.map(|(path, folder)| Page::read(path, folder));
        pages.collect::<anyhow::Result<_>>().map(Self)
    }

    /// Serves the pages. Comes after all else, as the one at the root answers every path.
    pub(crate) fn serve(&self, config: &mut ServiceConfig) {
        for page in &self.0 {
            page.serve(config);
        }
    }
}

/// A folder with a built page.
#[derive(Clone, Debug)]
struct Page {
    /// Its path on the server, without a slash at the end.
    path: &'static str,
    folder: PathBuf,
    policy: String,
}

impl Page {
    fn read(path: &'static str, folder: PathBuf) -> anyhow::Result<Self> {
        let mut policy = POLICY.to_owned();
        policy.extend(sources(&folder.join(INDEX))?);
        Ok(Self {
            path,
            folder,
            policy,
        })
    }

    /// Serves the page's files, with what it is allowed to do.
    ///
    /// Of a file that has one beside it in brotli or gzip (`.br`, `.gz`), that one is sent to a client that
    /// takes it.
    fn serve(&self, config: &mut ServiceConfig) {
        let headers = DefaultHeaders::new()
            .add(("Content-Security-Policy", self.policy.as_str()))
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("Referrer-Policy", "no-referrer"))
            // Of each file: actix-files says it only where it sends the compressed one.
            .add(("Vary", "Accept-Encoding"));
        let files = actix_files::Files::new("", &self.folder)
            .index_file(INDEX)
            .redirect_to_slash_directory()
            .try_compressed();
        let scope = web::scope(self.path).wrap(headers).wrap(from_fn(keep));
        config.service(scope.service(files));
    }
}

/// Says for how long browsers and proxies may keep an answer (RFC 9111 §5.2.2, RFC 8246).
async fn keep(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let hashed = is_hashed(request.path());
    let mut response = next.call(request).await?;
    let status = response.status();
    // A file that is missing while a new page is copied isn't missing for ever.
    let there = status.is_success() || status == StatusCode::NOT_MODIFIED;
    let value = if hashed && there {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let value = HeaderValue::from_static(value);
    response.headers_mut().insert(CACHE_CONTROL, value);
    Ok(response)
}

/// Returns true if a file's name holds a hash of its content, as in `www-0123456789abcdef_bg.wasm`: whatever
/// is in the file, it never changes.
fn is_hashed(path: &str) -> bool {
    /// Trunk writes 64 bits without their leading zeros.
    const DIGITS: std::ops::RangeInclusive<usize> = 12..=16;
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut parts = name.split(['-', '_', '.']).skip(1);
    parts.any(|part| {
        let digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        DIGITS.contains(&part.len()) && part.bytes().all(digit)
    })
}

/// The policy's sources for a page's inline scripts: trunk writes one, which starts the program.
fn sources(page: &Path) -> anyhow::Result<Vec<String>> {
    let html = std::fs::read_to_string(page);
    let html = html.with_context(|| format!("can't read {}", page.display()))?;
    let hash = |script: &str| BASE64_STANDARD.encode(Sha256::digest(script));
    let scripts = inline_scripts(&html).into_iter();
    Ok(scripts
        .map(|script| format!(" 'sha256-{}'", hash(script)))
        .collect())
}

fn inline_scripts(html: &str) -> Vec<&str> {
    let tags = html.split("<script").skip(1);
    let scripts = tags.filter_map(|rest| {
        let (attributes, rest) = rest.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        (!attributes.contains("src=")).then_some(script)
    });
    scripts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_told_from_a_name() {
        for name in [
            "/www-95cbf8e8d3c5b4ab_bg.wasm",
            "/minimal/minimal-5cbf8e8d3c5b4ab.js",
            "/style-13f7e3ff00112233.css",
        ] {
            assert!(is_hashed(name), "{name}");
        }
        for name in [
            "/",
            "/index.html",
            "/0123456789abcdef",
            "/0123456789abcdef/",
            "/a-decade.css",
            "/a-0123456789ABCDEF.js",
        ] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn inline_scripts_are_found_whole_and_others_left_out() {
        let html = "<head><script type=\"module\">\nimport 'a';\n</script>\
            <script src=\"b.js\"></script></head><body><script>c()</script>";
        assert_eq!(inline_scripts(html), ["\nimport 'a';\n", "c()"]);
        assert_eq!(inline_scripts("<p>none</p>"), [""; 0]);
    }
}
