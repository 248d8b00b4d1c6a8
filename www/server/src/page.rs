//! The built page, and what it is allowed to do.

use std::path::{Path, PathBuf};

use actix_web::middleware::DefaultHeaders;
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

/// A folder with a built page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    folder: PathBuf,
    policy: String,
}

impl Page {
    /// Reads the page, and `minimal/` in it if that is there.
    pub(crate) fn find(folder: PathBuf) -> anyhow::Result<Self> {
        let page = folder.join(INDEX);
        anyhow::ensure!(
            page.is_file(),
            "there is no page at {}: run `cargo xtask start`, which builds it",
            page.display()
        );
        let mut policy = POLICY.to_owned();
        for page in [page, folder.join("minimal").join(INDEX)] {
            if page.is_file() {
                policy.extend(sources(&page)?);
            }
        }
        Ok(Self { folder, policy })
    }

    /// Serves it at the root. Comes after all else, as it answers every path.
    pub(crate) fn serve(&self, config: &mut ServiceConfig) {
        let headers = DefaultHeaders::new()
            .add(("Content-Security-Policy", self.policy.as_str()))
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("Referrer-Policy", "no-referrer"));
        let files = actix_files::Files::new("/", &self.folder)
            .index_file(INDEX)
            .redirect_to_slash_directory();
        config.service(web::scope("").wrap(headers).service(files));
    }
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
    fn inline_scripts_are_found_whole_and_others_left_out() {
        let html = "<head><script type=\"module\">\nimport 'a';\n</script>\
            <script src=\"b.js\"></script></head><body><script>c()</script>";
        assert_eq!(inline_scripts(html), ["\nimport 'a';\n", "c()"]);
        assert_eq!(inline_scripts("<p>none</p>"), [""; 0]);
    }
}
