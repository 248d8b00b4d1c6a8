//! Pieces of TypeScript: literals, names, comments, blocks.

/// The names that no type may have: TypeScript's own words, and those that the file declares, imports or calls.
const RESERVED: &str = "any arguments as async await bigint boolean break case catch class const continue debugger \
    declare default delete do else enum eval export extends false finally for function if implements import in \
    infer instanceof interface keyof let module namespace never new null number object of package private \
    protected public readonly require return static string super switch symbol this throw true try type typeof \
    undefined unique unknown var void while with yield \
    kinds encode decode decoders Decode globalThis CallKind StreamKind EventKind TopicKind U64 I64 U128 I128 Base64";

/// Writes a text as a string literal.
pub(crate) fn literal(text: &str) -> String {
    let mut literal = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            letter if letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') => {
                literal.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => literal.push(letter),
        }
    }
    literal.push('"');
    literal
}

/// Writes a property's name: bare where that is allowed.
pub(crate) fn property(name: &str) -> String {
    if is_identifier(name) {
        name.to_owned()
    } else {
        literal(name)
    }
}

fn is_identifier(name: &str) -> bool {
    let starts =
        name.starts_with(|first: char| first.is_alphabetic() || matches!(first, '_' | '$'));
    starts && name.chars().all(is_part)
}

fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

/// Returns true if the file may declare a type and a value of this name.
pub(crate) fn is_free(name: &str) -> bool {
    is_identifier(name) && RESERVED.split_whitespace().all(|word| word != name)
}

/// Makes a text part of a longer name.
pub(crate) fn part_of_name(text: &str) -> String {
    text.replace(|letter| !is_part(letter), "_")
}

/// Writes docs as a comment with its line's end; nothing for empty ones.
pub(crate) fn comment(docs: &str) -> String {
    let docs = docs.replace("*/", "*\\/");
    let docs = docs.trim_end();
    match docs.lines().count() {
        0 => String::new(),
        1 => format!("/** {} */\n", docs.trim()),
        _ => {
            let line = |line: &str| format!(" * {line}").trim_end().to_owned() + "\n";
            let lines: String = docs.lines().map(line).collect();
            format!("/**\n{lines} */\n")
        }
    }
}

/// Moves all lines but the first to the right.
pub(crate) fn indent(text: &str, spaces: usize) -> String {
    text.replace('\n', &format!("\n{:spaces$}", ""))
}

/// Writes members between braces: on one line if they are short and have no comments.
pub(crate) fn braces(members: &[String]) -> String {
    let line = members.join(" ");
    let line = format!("{{ {} }}", line.strip_suffix(';').unwrap_or(&line));
    if line.len() <= 80 && !line.contains('\n') {
        return line;
    }
    block(members)
}

/// Writes members between braces, a line for each.
pub(crate) fn block(members: &[String]) -> String {
    let member = |member: &String| format!("  {}\n", indent(member, 2));
    let members: String = members.iter().map(member).collect();
    format!("{{\n{members}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_escaped() {
        assert_eq!(
            literal("a\"b\\c\nd\u{7f}\u{2028}é"),
            r#""a\"b\\c\nd\u007f\u2028é""#
        );
    }

    #[test]
    fn properties_are_quoted_only_where_they_must_be() {
        for (name, written) in [
            ("a_b", "a_b"),
            ("größe", "größe"),
            ("a-b", "\"a-b\""),
            ("2", "\"2\""),
        ] {
            assert_eq!(property(name), written);
        }
    }

    #[test]
    fn comments_end_only_at_their_end() {
        assert_eq!(comment(""), "");
        assert_eq!(comment("a */ b"), "/** a *\\/ b */\n");
        assert_eq!(comment("a\n\n  b"), "/**\n * a\n *\n *   b\n */\n");
    }

    #[test]
    fn words_of_the_language_and_of_the_file_are_not_free() {
        for name in ["string", "kinds", "CallKind", "a b", ""] {
            assert!(!is_free(name), "{name}");
        }
        assert!(is_free("Greet") && is_free("Record"));
    }
}
