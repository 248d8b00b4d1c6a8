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
