//! The smallest page: what is said in the lobby, line by line.

#![forbid(unsafe_code)]

use chat::{KINDS, LOBBY, Room};
use rlsf::{GlobalTlsf, GlobalTlsfOptions};
use twinwire_client_wasm::{Start, Update, connect};

/// With 7 KB less of code than the allocator that std brings.
#[global_allocator]
static ALLOCATOR: GlobalTlsf<Small> = GlobalTlsf::new();

struct Small;

impl GlobalTlsfOptions for Small {
    const ENABLE_REALLOCATION: bool = false;
}

fn main() {
    wasm_bindgen_futures::spawn_local(async {
        let end = read().await.unwrap_or_else(|Said(error)| error);
        show(&end);
    });
}

/// Reads along until the connection is over; says why it was.
async fn read() -> Result<String, Said> {
    let client = connect("/ws", KINDS).await?;
    let name = LOBBY.to_owned();
    let mut lines = client
        .subscribe_from(Room { name }, Start::Last(20))
        .await?;
    show("You read along in the lobby.");
    while let Some(update) = lines.next().await {
        if let Update::Item(line) = update? {
            show(&format!("{}: {}", line.item.from, line.item.text));
        }
    }
    Ok(client.closed().await.to_string())
}

/// What an error says. In a `Box<dyn Error>` the page would carry how it looks to a programmer, too.
struct Said(String);

impl<E: std::error::Error> From<E> for Said {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Adds a line to the page.
fn show(line: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    if let Some((document, body)) = document.and_then(|page| page.body().map(|body| (page, body)))
        && let Ok(element) = document.create_element("pre")
    {
        element.set_text_content(Some(line));
        // Fails only for a node that can't stand there.
        let _ = body.append_child(&element);
    }
}
