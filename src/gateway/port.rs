//! A broker's port: open while its process runs.
//!
//! When a broker dies, its clients' next attempts to connect are refused, and when it is back they succeed, on the same
//! port. In between the port is held by a socket that is bound but does not listen: nobody else gets it, and on loopback
//! no client that tries again and again connects to itself by chance (a connect to a free port in the ephemeral range
//! may choose that very port as its source).

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::SocketAddr;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// A port by its address.
pub(super) struct Port {
    address: SocketAddr,
    state: State,
}

enum State {
    /// Bound, but nobody can connect.
    Held(Socket),
    Open(TcpListener),
    /// Not even bound: somebody else took it when it was closed.
    Lost,
}

impl Port {
    /// Binds an address without listening on it; port 0 becomes any free one.
    pub(super) fn hold(address: SocketAddr) -> io::Result<Self> {
        let socket = bound(address)?;
        let address = socket.local_addr()?.as_socket().expect("an internet address");
        Ok(Self { address, state: State::Held(socket) })
    }

    /// Where it is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Listens.
    pub(super) fn open(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let socket = match std::mem::replace(&mut self.state, State::Lost) {
            State::Held(socket) => socket,
            State::Open(_) => panic!("a port is opened once"),
            State::Lost => bound(self.address)?,
        };
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(socket.into());
        registry.register(&mut listener, token, Interest::READABLE)?;
        self.state = State::Open(listener);
        Ok(())
    }

    /// Listens no longer: who connects is refused.
    pub(super) fn close(&mut self, registry: &Registry) -> io::Result<()> {
        if let State::Open(mut listener) = std::mem::replace(&mut self.state, State::Lost) {
            registry.deregister(&mut listener)?;
            drop(listener);
        }
        self.state = State::Held(bound(self.address)?);
        Ok(())
    }

    /// The next connection that waits.
    pub(super) fn accept(&self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let State::Open(listener) = &self.state else { return Ok(None) };
        match listener.accept() {
            Ok(accepted) => Ok(Some(accepted)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A port that was open until a moment ago still has connections that fade away. But a free port is to be one that
    // nobody holds, and two sockets that both reuse addresses may hold the same.
    let reuses = cfg!(unix) && address.port() != 0;
    socket.set_reuse_address(reuses)?;
    socket.bind(&address.into())?;
    socket.set_reuse_address(cfg!(unix))?;
    Ok(socket)
}
