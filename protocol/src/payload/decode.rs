//! The guard over a deserializer: counts levels, asks the dialect, hides claimed lengths.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::dialect::{Dialect, NOTED, PayloadWatch};
use super::json::Asked;

/// A deserializer under watch.
pub(super) struct Decoder<'a, I, D> {
    pub(super) inner: I,
    pub(super) watch: PayloadWatch<'a>,
    pub(super) asked: Asked,
    pub(super) dialect: PhantomData<D>,
}

/// A visitor, a seed or an access under watch.
struct WatchedDeserialize<'a, T, D> {
    inner: T,
    watch: PayloadWatch<'a>,
    dialect: PhantomData<D>,
}

impl<'a, T, D> WatchedDeserialize<'a, T, D> {
    fn new(inner: T, watch: PayloadWatch<'a>) -> Self {
        Self {
            inner,
            watch,
            dialect: PhantomData,
        }
    }

    fn deeper<E: Error>(&self) -> Result<PayloadWatch<'a>, E> {
        self.watch.deeper().ok_or_else(|| E::custom(NOTED))
    }
}

macro_rules! pass_on {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $method<V: Visitor<'de>>(
            self, $($argument: $type,)* visitor: V,
        ) -> Result<V::Value, I::Error> {
            self.inner.$method($($argument,)* WatchedDeserialize::<_, D>::new(visitor, self.watch))
        }
    )*};
}

macro_rules! ask_dialect {
    ($($method:ident, $dialect:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, I::Error> {
            let visitor = WatchedDeserialize::<_, D>::new(visitor, self.watch);
            D::$dialect(self.inner, visitor, self.watch)
        }
    )*};
}

impl<'de, I: Deserializer<'de>, D: Dialect> Deserializer<'de> for Decoder<'_, I, D> {
    type Error = I::Error;

    pass_on! {
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_ignored_any();
    }

    ask_dialect! {
        deserialize_u64, read_u64;
        deserialize_i64, read_i64;
        deserialize_u128, read_u128;
        deserialize_i128, read_i128;
        deserialize_bytes, read_bytes;
        deserialize_byte_buf, read_byte_buf;
        deserialize_identifier, read_identifier;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, I::Error> {
        let visitor = WatchedDeserialize::<_, D>::new(visitor, self.watch);
        if self.asked.get() {
            return D::read_readable(self.inner, visitor, self.watch);
        }
        D::read_any(self.inner, visitor, self.watch)
    }

    fn is_human_readable(&self) -> bool {
        let is_readable = self.inner.is_human_readable();
        if is_readable {
            self.asked.set();
        }
        is_readable
    }
}

macro_rules! leaves {
    ($($method:ident, $type:ty;)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>, D: Dialect> Visitor<'de> for WatchedDeserialize<'_, V, D> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    leaves! {
        visit_bool, bool;
        visit_i8, i8;
        visit_i16, i16;
        visit_i32, i32;
        visit_i64, i64;
        visit_i128, i128;
        visit_u8, u8;
        visit_u16, u16;
        visit_u32, u32;
        visit_u64, u64;
        visit_u128, u128;
        visit_f32, f32;
        visit_f64, f64;
        visit_char, char;
        visit_str, &str;
        visit_borrowed_str, &'de str;
        visit_string, String;
        visit_bytes, &[u8];
        visit_borrowed_bytes, &'de [u8];
        visit_byte_buf, Vec<u8>;
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_some<I: Deserializer<'de>>(self, inner: I) -> Result<V::Value, I::Error> {
        let watch = self.deeper()?;
        self.inner.visit_some(watch.decoder::<_, D>(inner))
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_newtype_struct<I: Deserializer<'de>>(self, inner: I) -> Result<V::Value, I::Error> {
        let watch = self.deeper()?;
        self.inner
            .visit_newtype_struct(watch.decoder::<_, D>(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let watch = self.deeper()?;
        self.inner
            .visit_seq(WatchedDeserialize::<_, D>::new(access, watch))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let watch = self.deeper()?;
        self.inner
            .visit_map(WatchedDeserialize::<_, D>::new(access, watch))
    }

    /// A variant's content counts, see [`VariantAccess`]; its name doesn't.
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner
            .visit_enum(WatchedDeserialize::<_, D>::new(access, self.watch))
    }
}

impl<'de, T: DeserializeSeed<'de>, D: Dialect> DeserializeSeed<'de>
    for WatchedDeserialize<'_, T, D>
{
    type Value = T::Value;

    fn deserialize<I: Deserializer<'de>>(self, inner: I) -> Result<T::Value, I::Error> {
        self.inner.deserialize(self.watch.decoder::<_, D>(inner))
    }
}

/// Tells no length: serde would reserve up to 1 MiB for each claim, at every level of nesting.
/// Collections grow by what has really arrived.
impl<'de, A: SeqAccess<'de>, D: Dialect> SeqAccess<'de> for WatchedDeserialize<'_, A, D> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.inner
            .next_element_seed(WatchedDeserialize::<_, D>::new(seed, self.watch))
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

/// Tells no length, as above.
impl<'de, A: MapAccess<'de>, D: Dialect> MapAccess<'de> for WatchedDeserialize<'_, A, D> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        self.inner
            .next_key_seed(WatchedDeserialize::<_, D::Key>::new(seed, self.watch))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.inner
            .next_value_seed(WatchedDeserialize::<_, D>::new(seed, self.watch))
    }

    fn size_hint(&self) -> Option<usize> {
        None
    }
}

impl<'de, 'a, A: EnumAccess<'de>, D: Dialect> EnumAccess<'de> for WatchedDeserialize<'a, A, D> {
    type Error = A::Error;
    type Variant = WatchedDeserialize<'a, A::Variant, D>;

    fn variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<(T::Value, Self::Variant), A::Error> {
        let (name, variant) = self.inner.variant_seed(seed)?;
        Ok((name, WatchedDeserialize::new(variant, self.watch)))
    }
}

impl<'de, A: VariantAccess<'de>, D: Dialect> VariantAccess<'de> for WatchedDeserialize<'_, A, D> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let watch = self.deeper()?;
        self.inner
            .newtype_variant_seed(WatchedDeserialize::<_, D>::new(seed, watch))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let watch = self.deeper()?;
        self.inner
            .tuple_variant(length, WatchedDeserialize::<_, D>::new(visitor, watch))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let watch = self.deeper()?;
        self.inner
            .struct_variant(fields, WatchedDeserialize::<_, D>::new(visitor, watch))
    }
}
