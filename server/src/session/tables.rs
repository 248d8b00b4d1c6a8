//! The clients' tables of kinds, kept so that a client need not send its own again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use twinwire::frame::KindTable;

/// The number of tables that are kept: one for each build of each application that still runs somewhere.
const KEPT: usize = 64;

/// The tables of clients that were welcomed, the last used last.
///
/// Behind a mutex, as all workers meet here; it is held to copy or to push, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Tables(Mutex<VecDeque<Arc<KindTable>>>);

impl Tables {
    pub(crate) fn known(&self) -> Vec<Arc<KindTable>> {
        let tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.iter().map(Arc::clone).collect()
    }

    /// Keeps a table, and drops the oldest if there are too many.
    pub(crate) fn learn(&self, table: &Arc<KindTable>) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is in use is as good as new.
        tables.retain(|known| known.digest() != table.digest());
        if tables.len() == KEPT {
            tables.pop_front();
        }
        tables.push_back(Arc::clone(table));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use twinwire::frame::{KindEntry, KindTable};
    use twinwire::{Class, Fingerprint};

    use super::{KEPT, Tables};

    fn table(name: &str) -> Arc<KindTable> {
        let kind = KindEntry {
            name: name.to_owned(),
            class: Class::Call,
            fingerprint: Fingerprint::from_bytes([0; 8]),
        };
        Arc::new(KindTable::new(vec![kind]))
    }

    #[test]
    fn each_table_is_kept_once_and_the_least_lately_used_goes_first() {
        let tables = Tables::default();
        let all: Vec<_> = (0..=KEPT).map(|i| table(&i.to_string())).collect();
        for table in &all {
            tables.learn(table);
            tables.learn(&Arc::new((**table).clone()));
        }
        assert_eq!(tables.known(), all[1..]);
        tables.learn(&all[1]);
        tables.learn(&all[0]);
        assert!(tables.known().contains(&all[1]), "it was in use");
        assert!(!tables.known().contains(&all[2]));
    }
}
