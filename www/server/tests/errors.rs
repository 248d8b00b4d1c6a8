//! What `twinwire-server` says of a command line that it can't follow, in the list that `twinwire-server`'s own tests
//! keep of all errors.

use std::net::TcpListener;
use std::process::Command;
use std::{fs, io};

const LIST: &str = include_str!("../../../server/tests/errors.txt");

/// Runs the program, which has to fail, and returns what it prints.
fn failure(arguments: &[&str]) -> io::Result<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_twinwire-server"))
        .args(arguments)
        .env_remove("RUST_BACKTRACE")
        .env_remove("RUST_LIB_BACKTRACE")
        .output()?;
    assert!(!output.status.success(), "{arguments:?}");
    Ok(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

#[test]
fn a_wrong_command_line_is_told_what_to_change() -> io::Result<()> {
    let www = format!("twinwire-errors-{}", std::process::id());
    let www = std::env::temp_dir().join(www);
    fs::create_dir_all(&www)?;
    fs::write(www.join("index.html"), "<p>the page</p>")?;
    let page = www.display().to_string();
    let held = TcpListener::bind("127.0.0.1:0")?;
    let port = held.local_addr()?.port().to_string();
    let mut section = String::from("# command line of twinwire-server\n");
    for (name, arguments) in [
        ("another server runs", ["--www", &page, "--port", &port]),
        (
            "a folder without a page",
            ["--www", "nowhere", "--port", "0"],
        ),
        ("all origins", ["--www", &page, "--allow-origin", "*"]),
        ("a name for an address", ["--www", &page, "--host", "me"]),
        ("a large port", ["--www", &page, "--port", "70000"]),
        ("a time with a unit", ["--www", &page, "--keep", "2m"]),
        ("an unknown option", ["--www", &page, "--prot", "9600"]),
    ] {
        let printed = failure(&arguments)?;
        let printed = printed.replace(&format!(":{port}"), ":9501");
        let printed = printed.replace('\n', "\n    ").replace("\n    \n", "\n\n");
        section += &format!("\n{name}\n    {printed}\n");
    }
    fs::remove_dir_all(www)?;
    assert!(
        LIST.contains(&section),
        "server/tests/errors.txt needs:\n{section}"
    );
    Ok(())
}
