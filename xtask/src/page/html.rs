//! A page's index.html: what it asks trunk for, and what stands there once that is built.

use anyhow::{Context, Result, bail, ensure};

/// Marks the links that stand for something that is built.
const MARK: &str = "<link data-trunk ";

/// Marks a script in TypeScript, which trunk doesn't build: a page has this, or a program for trunk.
const SCRIPT: &str = "<script type=\"module\" src=\"";

/// The end of such a script.
const SCRIPT_END: &str = "\"></script>";

/// A page's program, as its index.html wants it built.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program<'a> {
    /// The manifest, beside the index.html.
    pub(super) manifest: &'a str,
    pub(super) profile: &'a str,
    /// Options of wasm-opt, the level first.
    pub(super) wasm_opt: Vec<String>,
}

/// Something that is built and linked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asset<'a> {
    /// A file beside the index.html.
    Style(&'a str),
    Program(Program<'a>),
    /// A script in TypeScript beside the index.html, which imports the npm package.
    Script(&'a str),
}

/// An index.html in its order: text as it is, and assets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Asset(Asset<'a>),
}

/// Reads an index.html. What only trunk understands is an error, so that both build the same page.
pub(super) fn parts(html: &str) -> Result<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut rest = html;
    loop {
        let (link, script) = (rest.find(MARK), rest.find(SCRIPT));
        let Some(at) = link.into_iter().chain(script).min() else {
            break;
        };
        let (text, tag) = rest.split_at(at);
        parts.push(Part::Text(text));
        let (asset, after) = if script == Some(at) {
            let inner = tag[SCRIPT.len()..].split_once(SCRIPT_END);
            let (file, after) = inner.context("a script has more than a type and a source")?;
            (Asset::Script(file), after)
        } else {
            let inner = tag[MARK.len()..].split_once('>');
            let (attributes, after) = inner.context("a link of trunk's has no end")?;
            (asset(attributes)?, after)
        };
        parts.push(Part::Asset(asset));
        rest = after;
    }
    ensure!(
        !rest.contains("data-trunk"),
        "write `{MARK}…>`: trunk's links are found by it"
    );
    parts.push(Part::Text(rest));
    Ok(parts)
}

fn asset(attributes: &str) -> Result<Asset<'_>> {
    let (mut rel, mut href, mut profile) = (None, None, None);
    let (mut level, mut params) = (None, None);
    for (name, value) in pairs(attributes)? {
        match name {
            "rel" => rel = Some(value),
            "href" => href = Some(value),
            "data-cargo-profile-release" => profile = Some(value),
            "data-wasm-opt" => level = Some(value),
            "data-wasm-opt-params" => params = Some(value),
            // Every other value would ask for hashes of the program too.
            "data-integrity" if value == "none" => {}
            _ => bail!("`{name}=\"{value}\"` of a link of trunk's isn't known here"),
        }
    }
    let href = href.context("a link of trunk's has no href")?;
    match rel {
        Some("css") => Ok(Asset::Style(href)),
        Some("rust") => {
            let level = level.context("the program's link has no data-wasm-opt")?;
            let params = params.unwrap_or_default().split_whitespace();
            let params = params.map(str::to_owned);
            Ok(Asset::Program(Program {
                manifest: href,
                profile: profile.context("the program's link has no data-cargo-profile-release")?,
                wasm_opt: std::iter::once(format!("-O{level}"))
                    .chain(params)
                    .collect(),
            }))
        }
        _ => bail!("a link of trunk's asks for {rel:?}, which isn't known here"),
    }
}

/// Returns the attributes of a tag, all of which must be of the form `name="value"`.
fn pairs(attributes: &str) -> Result<Vec<(&str, &str)>> {
    let mut pairs = Vec::new();
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let pair = rest.split_once("=\"").and_then(|(name, rest)| {
            let (value, rest) = rest.split_once('"')?;
            Some(((name.trim(), value), rest.trim_start()))
        });
        let (pair, after) = pair.with_context(|| format!("`{rest}` isn't name=\"value\""))?;
        pairs.push(pair);
        rest = after;
    }
    Ok(pairs)
}

/// Returns the tag of a stylesheet.
pub(super) fn style(url: &str, sha384: &str) -> String {
    format!("<link rel=\"stylesheet\" href=\"{url}\" integrity=\"sha384-{sha384}\">")
}

/// Returns the tags of a program, which load both of its files at once and run it.
pub(super) fn program(script: &str, wasm: &str) -> String {
    format!(
        "<script type=\"module\">\nimport init from '{script}';\n\
         await init({{ module_or_path: '{wasm}' }});\n</script>\n    \
         <link rel=\"modulepreload\" href=\"{script}\" crossorigin=\"anonymous\">\n    {}",
        preload(wasm)
    )
}

/// Returns the tags of a bundled script, and of the module that it fetches.
pub(super) fn script(script: &str, wasm: &str) -> String {
    format!(
        "<script type=\"module\" src=\"{script}\"></script>\n    {}",
        preload(wasm)
    )
}

fn preload(wasm: &str) -> String {
    format!(
        "<link rel=\"preload\" href=\"{wasm}\" crossorigin=\"anonymous\" as=\"fetch\" \
         type=\"application/wasm\">"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: &str = "<link data-trunk rel=\"rust\" href=\"Cargo.toml\" \
        data-cargo-profile-release=\"small\" data-wasm-opt=\"z\" \
        data-wasm-opt-params=\"--converge --strip\" data-integrity=\"none\">";

    #[test]
    fn assets_are_found_in_their_places_and_text_stays() {
        let html = format!("<p>a<link data-trunk rel=\"css\" href=\"s.css\"><p>b{RUST}\n");
        let program = Program {
            manifest: "Cargo.toml",
            profile: "small",
            wasm_opt: ["-Oz", "--converge", "--strip"].map(str::to_owned).to_vec(),
        };
        let expect = vec![
            Part::Text("<p>a"),
            Part::Asset(Asset::Style("s.css")),
            Part::Text("<p>b"),
            Part::Asset(Asset::Program(program)),
            Part::Text("\n"),
        ];
        assert_eq!(parts(&html).unwrap(), expect);
    }

    #[test]
    fn a_script_is_found_among_links() {
        let html = "<p><script type=\"module\" src=\"a.ts\"></script>\
            <link data-trunk rel=\"css\" href=\"../s.css\">";
        let expect = vec![
            Part::Text("<p>"),
            Part::Asset(Asset::Script("a.ts")),
            Part::Text(""),
            Part::Asset(Asset::Style("../s.css")),
            Part::Text(""),
        ];
        assert_eq!(parts(html).unwrap(), expect);
        let wrong = "<script type=\"module\" src=\"a.ts\" async></script>";
        let error = parts(wrong).unwrap_err().to_string();
        assert!(error.contains("more than a type and a source"), "{error}");
    }

    #[test]
    fn what_only_trunk_understands_is_refused_by_its_name() {
        for (html, named) in [
            ("<link data-trunk rel=\"sass\" href=\"a\">", "sass"),
            (
                "<link data-trunk rel=\"css\" href=\"a\" data-inline=\"1\">",
                "data-inline",
            ),
            ("<link data-trunk rel=\"css\">", "href"),
            ("<link data-trunk rel=\"rust\" href=\"a\">", "data-wasm-opt"),
            ("<link data-trunk rel=css href=\"a\">", "rel=css"),
            ("<link rel=\"css\" data-trunk href=\"a\">", "data-trunk"),
            (&RUST.replace("\"none\"", "\"sha256\""), "data-integrity"),
        ] {
            let error = format!("{:#}", parts(html).unwrap_err());
            assert!(error.contains(named), "{html}: {error}");
        }
    }

    #[test]
    fn the_pages_of_this_clone_are_understood() {
        let workspace = crate::workspace::Workspace::find().unwrap();
        for page in ["www", "www/minimal", "www/lobby"] {
            let file = workspace.root().join(page).join("index.html");
            let html = std::fs::read_to_string(file).unwrap();
            let parts = parts(&html).unwrap();
            let runs =
                |part: &&Part| matches!(part, Part::Asset(Asset::Program(_) | Asset::Script(_)));
            assert_eq!(parts.iter().filter(runs).count(), 1, "{page}");
        }
    }
}
