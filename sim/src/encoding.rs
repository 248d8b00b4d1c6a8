//! The encodings in which clients read topics: as they are published, longer as in JSON, and of an older build, which
//! hasn't all values.

use core::any::TypeId;

use twinwire::Format;
use twinwire::limits::MAX_PART;
use twinwire::log::Encoding;

/// The number of encodings.
pub(crate) const ENCODINGS: usize = 3;

struct Item;
struct OlderItem;

/// The encoding of a session, by its place.
pub(crate) fn encoding_of(session: usize) -> Encoding {
    match session % ENCODINGS {
        0 => Encoding::Canonical,
        1 => Encoding::Converted {
            item: TypeId::of::<Item>(),
            format: Format::Json,
            encode: longer,
        },
        _ => Encoding::Converted {
            item: TypeId::of::<OlderItem>(),
            format: Format::Postcard,
            encode: older,
        },
    }
}

/// Returns what a session of this place reads of an item, if its encoding has that and it isn't too long.
pub(crate) fn in_encoding(session: usize, item: &[u8]) -> Option<Vec<u8>> {
    let written = match session % ENCODINGS {
        0 => Some(item.to_vec()),
        1 => longer(item),
        _ => older(item),
    };
    written.filter(|written| written.len() <= MAX_PART)
}

fn longer(item: &[u8]) -> Option<Vec<u8>> {
    Some(item.iter().flat_map(|byte| [*byte, *byte]).collect())
}

fn older(item: &[u8]) -> Option<Vec<u8>> {
    let has_it = item.first().is_some_and(|byte| byte % 5 > 0);
    has_it.then(|| item.iter().map(|byte| !byte).collect())
}
