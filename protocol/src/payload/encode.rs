//! The guard over a serializer: counts levels, asks the dialect.

use core::fmt::Display;
use core::marker::PhantomData;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::dialect::{Dialect, NOTED, PayloadWatch};

/// A serializer under watch.
pub(super) struct Encoder<'a, S, D> {
    pub(super) inner: S,
    pub(super) watch: PayloadWatch<'a>,
    pub(super) dialect: PhantomData<D>,
}

/// A value to be written under watch.
struct WatchedSerialize<'a, 'v, T: ?Sized, D> {
    value: &'v T,
    watch: PayloadWatch<'a>,
    dialect: PhantomData<D>,
}

impl<T: Serialize + ?Sized, D: Dialect> Serialize for WatchedSerialize<'_, '_, T, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(self.watch.encoder::<_, D>(serializer))
    }
}

impl<'a, S: Serializer, D> Encoder<'a, S, D> {
    // Levels are counted as the reading side counts them, or a value could be written that nobody
    // can read.
    fn deeper(&self) -> Result<PayloadWatch<'a>, S::Error> {
        self.watch.deeper().ok_or_else(|| S::Error::custom(NOTED))
    }
}

macro_rules! pass_on {
    ($($method:ident, $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

macro_rules! ask_dialect {
    ($($method:ident, $dialect:ident, $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            D::$dialect(self.inner, value, self.watch)
        }
    )*};
}

impl<'a, S: Serializer, D: Dialect> Serializer for Encoder<'a, S, D> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Compound<'a, S::SerializeSeq, D>;
    type SerializeTuple = Compound<'a, S::SerializeTuple, D>;
    type SerializeTupleStruct = Compound<'a, S::SerializeTupleStruct, D>;
    type SerializeTupleVariant = Compound<'a, S::SerializeTupleVariant, D>;
    type SerializeMap = Compound<'a, S::SerializeMap, D>;
    type SerializeStruct = Compound<'a, S::SerializeStruct, D>;
    type SerializeStructVariant = Compound<'a, S::SerializeStructVariant, D>;

    pass_on! {
        serialize_bool, bool;
        serialize_i8, i8;
        serialize_i16, i16;
        serialize_i32, i32;
        serialize_u8, u8;
        serialize_u16, u16;
        serialize_u32, u32;
        serialize_char, char;
        serialize_str, &str;
        serialize_unit_struct, &'static str;
    }

    ask_dialect! {
        serialize_u64, write_u64, u64;
        serialize_i64, write_i64, i64;
        serialize_u128, write_u128, u128;
        serialize_i128, write_i128, i128;
        serialize_f32, write_f32, f32;
        serialize_f64, write_f64, f64;
        serialize_bytes, write_bytes, &[u8];
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = WatchedSerialize::<_, D> {
            value,
            watch: self.deeper()?,
            dialect: PhantomData,
        };
        self.inner.serialize_some(&value)
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = WatchedSerialize::<_, D> {
            value,
            watch: self.deeper()?,
            dialect: PhantomData,
        };
        self.inner.serialize_newtype_struct(name, &value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = WatchedSerialize::<_, D> {
            value,
            watch: self.deeper()?,
            dialect: PhantomData,
        };
        self.inner
            .serialize_newtype_variant(name, index, variant, &value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let watch = self.deeper()?;
        Ok(Compound {
            inner: self.inner.serialize_seq(length)?,
            watch,
            dialect: PhantomData,
        })
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        let watch = self.deeper()?;
        Ok(Compound {
            inner: self.inner.serialize_tuple(length)?,
            watch,
            dialect: PhantomData,
        })
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let watch = self.deeper()?;
        let inner = self.inner.serialize_tuple_struct(name, length)?;
        Ok(Compound {
            inner,
            watch,
            dialect: PhantomData,
        })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let watch = self.two_deeper()?;
        let inner = self
            .inner
            .serialize_tuple_variant(name, index, variant, length)?;
        Ok(Compound {
            inner,
            watch,
            dialect: PhantomData,
        })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let watch = self.deeper()?;
        Ok(Compound {
            inner: self.inner.serialize_map(length)?,
            watch,
            dialect: PhantomData,
        })
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        let watch = self.deeper()?;
        let inner = self.inner.serialize_struct(name, length)?;
        Ok(Compound {
            inner,
            watch,
            dialect: PhantomData,
        })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let watch = self.two_deeper()?;
        let inner = self
            .inner
            .serialize_struct_variant(name, index, variant, length)?;
        Ok(Compound {
            inner,
            watch,
            dialect: PhantomData,
        })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'a, S: Serializer, D> Encoder<'a, S, D> {
    /// JSON writes a variant with several fields as an object in an object; `serde_json` counts
    /// both when it reads, so the guard counts both as well.
    fn two_deeper(&self) -> Result<PayloadWatch<'a>, S::Error> {
        self.deeper()?
            .deeper()
            .ok_or_else(|| S::Error::custom(NOTED))
    }
}

/// A compound of several values, under watch.
pub(super) struct Compound<'a, C, D> {
    inner: C,
    watch: PayloadWatch<'a>,
    dialect: PhantomData<D>,
}

impl<'a, C, D: Dialect> Compound<'a, C, D> {
    fn watched<'v, T: ?Sized>(&self, value: &'v T) -> WatchedSerialize<'a, 'v, T, D> {
        WatchedSerialize {
            value,
            watch: self.watch,
            dialect: PhantomData,
        }
    }
}

macro_rules! unnamed {
    ($($trait:ident, $method:ident;)*) => {$(
        impl<C: $trait, D: Dialect> $trait for Compound<'_, C, D> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let value = self.watched(value);
                self.inner.$method(&value)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

unnamed! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

macro_rules! named {
    ($($trait:ident;)*) => {$(
        impl<C: $trait, D: Dialect> $trait for Compound<'_, C, D> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                let value = self.watched(value);
                self.inner.serialize_field(name, &value)
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(name)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

named! {
    SerializeStruct;
    SerializeStructVariant;
}

impl<C: SerializeMap, D: Dialect> SerializeMap for Compound<'_, C, D> {
    type Ok = C::Ok;
    type Error = C::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        let key = WatchedSerialize::<_, D::Key> {
            value: key,
            watch: self.watch,
            dialect: PhantomData,
        };
        self.inner.serialize_key(&key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let value = self.watched(value);
        self.inner.serialize_value(&value)
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
