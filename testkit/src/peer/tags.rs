//! Which connections are open under which tag, and who was released.

use std::collections::HashMap;

use tokio::sync::watch;

#[derive(Default)]
struct Tag {
    open: usize,
    releases: u64,
}

/// The open connections by tag; clones share one table.
///
/// Bounded by the number of connections: a tag leaves with its last connection.
#[derive(Clone, Default)]
pub(super) struct Tags(watch::Sender<HashMap<String, Tag>>);

impl Tags {
    /// Counts a connection under `key` until the guard is dropped.
    pub(super) fn enter(&self, key: &str) -> Tagged {
        self.0
            .send_modify(|tags| tags.entry(key.to_owned()).or_default().open += 1);
        let seen = self.releases(key);
        Tagged {
            tags: self.clone(),
            key: key.to_owned(),
            seen,
        }
    }

    /// Releases whoever is tagged `key` now.
    pub(super) fn release(&self, key: &str) {
        self.0.send_modify(|tags| {
            if let Some(tag) = tags.get_mut(key) {
                tag.releases += 1;
            }
        });
    }

    /// Waits until at most `most` connections are open under `key`, and gives their number.
    pub(super) async fn at_most(&self, key: &str, most: usize) -> usize {
        let open = |tags: &HashMap<String, Tag>| tags.get(key).map_or(0, |tag| tag.open);
        let mut table = self.0.subscribe();
        // The sender lives in `self`, so waiting can't fail.
        table
            .wait_for(|tags| open(tags) <= most)
            .await
            .map_or(0, |tags| open(&tags))
    }

    fn releases(&self, key: &str) -> u64 {
        self.0.borrow().get(key).map_or(0, |tag| tag.releases)
    }
}

/// One counted connection.
pub(super) struct Tagged {
    tags: Tags,
    key: String,
    /// Releases that happened before this connection: they aren't meant for it.
    seen: u64,
}

impl Tagged {
    /// Waits for a release that came after this connection did.
    pub(super) async fn released(&self) {
        let mut table = self.tags.0.subscribe();
        let later = |tags: &HashMap<String, Tag>| {
            tags.get(&self.key)
                .is_some_and(|tag| tag.releases > self.seen)
        };
        let _ = table.wait_for(later).await;
    }
}

impl Drop for Tagged {
    fn drop(&mut self) {
        self.tags.0.send_modify(|tags| {
            if let Some(tag) = tags.get_mut(&self.key) {
                tag.open -= 1;
                if tag.open == 0 {
                    tags.remove(&self.key);
                }
            }
        });
    }
}
