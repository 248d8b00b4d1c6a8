use core::fmt;

use crate::Class;

use super::{Content, Descriptor, Field, Tagging, Variant, check};

/// Sixty-four bits that differ when two ends mean different things by one name.
///
/// FNV-1a over the descriptor in prefix order, finished by SplitMix64's mixer. Each node starts
/// with a byte that tells what it is; counts and lengths (eight bytes, little endian) precede what
/// they count, so no two descriptors feed the same bytes. It tells mistakes apart, not attacks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Returns the fingerprint of one type.
    #[must_use]
    pub const fn of(shape: &Descriptor) -> Self {
        Hash::new().shape(shape).finish()
    }

    /// Returns the fingerprint of a kind: its class, its name, and the shapes that its class calls for. Of
    /// a call these are request, reply and error; of a stream request, item and error; of an event
    /// its own; of a topic key and item.
    ///
    /// # Panics
    ///
    /// At compile time, when `name` is empty, longer than 64 bytes or holds a control character,
    /// when a topic's key could be written in two ways, or when a shape refers to a recursive type outside itself.
    #[must_use]
    pub const fn of_kind(class: Class, name: &str, shapes: &[&Descriptor]) -> Self {
        assert!(
            check::is_kind_name(name),
            "a kind's name has 1 to 64 bytes and no control characters"
        );
        assert!(
            !matches!(class, Class::Topic) || check::is_canonical(shapes[0]),
            "a topic's key holds no floats, maps or sets, and foreign types only if their `Descriptor::Foreign` \
             says `key`: equal keys must be equal bytes"
        );
        let mut hash = Hash::new().byte(KIND | class.number()).text(name);
        let mut index = 0;
        while index < shapes.len() {
            assert!(
                !check::has_free_reference(shapes[index]),
                "`Reference` means nothing outside the recursive type it belongs to"
            );
            hash = hash.shape(shapes[index]);
            index += 1;
        }
        hash.finish()
    }

    /// Returns the eight bytes of the wire, little endian.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    /// From the eight bytes of the wire, little endian.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

/// With the class's number the first byte of a kind's fingerprint, apart from all of
/// [`Hash::shape`]'s.
const KIND: u8 = 0x80;

struct Hash(u64);

impl Hash {
    const fn new() -> Self {
        // FNV-1a's offset basis of 64 bits, and below its prime.
        Self(0xcbf2_9ce4_8422_2325)
    }

    const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }

    const fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    const fn text(self, text: &str) -> Self {
        self.number(text.len() as u64).bytes(text.as_bytes())
    }

    const fn bytes(mut self, bytes: &[u8]) -> Self {
        let mut index = 0;
        while index < bytes.len() {
            self = self.byte(bytes[index]);
            index += 1;
        }
        self
    }

    /// FNV's last bytes barely reach the high bits; the mixer spreads them.
    const fn finish(self) -> Fingerprint {
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Fingerprint(mixed ^ (mixed >> 31))
    }

    const fn shape(self, shape: &Descriptor) -> Self {
        match shape {
            Descriptor::Bool => self.byte(1),
            Descriptor::U8 => self.byte(2),
            Descriptor::U16 => self.byte(3),
            Descriptor::U32 => self.byte(4),
            Descriptor::U64 => self.byte(5),
            Descriptor::U128 => self.byte(6),
            Descriptor::I8 => self.byte(7),
            Descriptor::I16 => self.byte(8),
            Descriptor::I32 => self.byte(9),
            Descriptor::I64 => self.byte(10),
            Descriptor::I128 => self.byte(11),
            Descriptor::F32 => self.byte(12),
            Descriptor::F64 => self.byte(13),
            Descriptor::Char => self.byte(14),
            Descriptor::String => self.byte(15),
            Descriptor::Bytes => self.byte(16),
            Descriptor::Unit => self.byte(17),
            Descriptor::Option(item) => self.byte(18).shape(item),
            Descriptor::Sequence(item) => self.byte(19).shape(item),
            Descriptor::Array(item, length) => self.byte(20).number(*length as u64).shape(item),
            Descriptor::Map(key, value) => self.byte(21).shape(key).shape(value),
            Descriptor::Tuple(items) => self.byte(22).shapes(items),
            Descriptor::Struct {
                fields,
                deny_unknown,
            } => self.byte(23).byte(*deny_unknown as u8).fields(fields),
            Descriptor::Enum {
                tagging,
                variants,
                deny_unknown,
            } => self
                .byte(24)
                .byte(*deny_unknown as u8)
                .tagging(tagging)
                .variants(variants),
            Descriptor::Recursive(inner) => self.byte(25).shape(inner),
            Descriptor::Reference => self.byte(26),
            Descriptor::Named(_, inner) => self.shape(inner),
            Descriptor::Foreign { name, version, .. } => {
                self.byte(27).text(name).number(*version as u64)
            }
        }
    }

    const fn shapes(mut self, items: &[&Descriptor]) -> Self {
        self = self.number(items.len() as u64);
        let mut index = 0;
        while index < items.len() {
            self = self.shape(items[index]);
            index += 1;
        }
        self
    }

    const fn fields(mut self, fields: &[Field]) -> Self {
        self = self.number(fields.len() as u64);
        let mut index = 0;
        while index < fields.len() {
            let field = &fields[index];
            self = self
                .text(field.name)
                .byte(field.optional as u8)
                .shape(field.shape);
            index += 1;
        }
        self
    }

    const fn tagging(self, tagging: &Tagging) -> Self {
        match tagging {
            Tagging::External => self.byte(0),
            Tagging::Adjacent { tag, content } => self.byte(1).text(tag).text(content),
        }
    }

    const fn variants(mut self, variants: &[Variant]) -> Self {
        self = self.number(variants.len() as u64);
        let mut index = 0;
        while index < variants.len() {
            let variant = &variants[index];
            self = self.text(variant.name);
            self = match variant.content {
                Content::Unit => self.byte(0),
                Content::Newtype(item) => self.byte(1).shape(item),
                Content::Tuple(items) => self.byte(2).shapes(items),
                Content::Struct(fields) => self.byte(3).fields(fields),
            };
            index += 1;
        }
        self
    }
}
