//! Shapes of types whose `Serialize` asks for the format: text in JSON, often something shorter in postcard.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::{Descriptor, Shape};

macro_rules! foreign {
    ($($type:ty => $name:literal, key: $key:literal;)*) => {$(
        impl Shape for $type {
            const SHAPE: &'static Descriptor = &Descriptor::Foreign {
                name: $name,
                version: 1,
                key: $key,
            };
        }
    )*};
}

foreign! {
    IpAddr => "std::net::IpAddr", key: true;
    Ipv4Addr => "std::net::Ipv4Addr", key: true;
    Ipv6Addr => "std::net::Ipv6Addr", key: true;
    // Postcard leaves out the flow and the scope of an IPv6 address: two that differ there are equal bytes.
    SocketAddr => "std::net::SocketAddr", key: false;
    SocketAddrV4 => "std::net::SocketAddrV4", key: true;
    SocketAddrV6 => "std::net::SocketAddrV6", key: false;
}

#[cfg(feature = "uuid")]
foreign! {
    ::uuid::Uuid => "uuid::Uuid", key: true;
}

#[cfg(feature = "chrono")]
foreign! {
    ::chrono::DateTime<::chrono::Utc> => "chrono::DateTime<Utc>", key: true;
    // Equal instants have different offsets.
    ::chrono::DateTime<::chrono::FixedOffset> => "chrono::DateTime<FixedOffset>", key: false;
    ::chrono::NaiveDate => "chrono::NaiveDate", key: true;
    ::chrono::NaiveDateTime => "chrono::NaiveDateTime", key: true;
    ::chrono::NaiveTime => "chrono::NaiveTime", key: true;
}

#[cfg(feature = "time")]
foreign! {
    ::time::Date => "time::Date", key: true;
    ::time::Duration => "time::Duration", key: true;
    // Equal instants have different offsets.
    ::time::OffsetDateTime => "time::OffsetDateTime", key: false;
    ::time::PrimitiveDateTime => "time::PrimitiveDateTime", key: true;
    ::time::Time => "time::Time", key: true;
    ::time::UtcDateTime => "time::UtcDateTime", key: true;
}

/// Seconds and nanoseconds, as chrono writes them in both formats.
#[cfg(feature = "chrono")]
impl Shape for ::chrono::TimeDelta {
    const SHAPE: &'static Descriptor = <(i64, i32)>::SHAPE;
}
