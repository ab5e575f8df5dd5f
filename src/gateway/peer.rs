//! A client's connection: frames in, frames out, as Kafka's `Selector` and `NetworkReceive` handle them.

use crate::base::{ConnId, SimDuration, SimTime};
use bytes::{Bytes, BytesMut};
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, Read, Write};

/// How much a frame that is larger than this grows at a time while its bytes come in: somebody who announces a large one
/// and sends nothing gets no memory for it.
const GROWTH: usize = 1 << 20;

/// Frames up to this size are copied out of what was read, so that whoever keeps one does not keep its neighbours.
const SMALL: usize = 16 << 10;

/// Length in bytes of a frame's length prefix.
const PREFIX: usize = 4;

/// A client's connection.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    /// The connection that it is in the world.
    pub(super) conn: ConnId,
    /// The broker at its other end, by its place among the ports.
    pub(super) port: usize,
    /// What was read and is no whole frame yet, or waits.
    read: BytesMut,
    /// What is to be written.
    unsent: VecDeque<Bytes>,
    /// The socket may have more to read.
    pub(super) readable: bool,
    /// Closed from within; what is unsent still goes out.
    pub(super) closing: bool,
    /// It stands in the queue of those to be served.
    pub(super) queued: bool,
    /// When something last came or could go, by the world's clock.
    pub(super) active_at: SimTime,
    limits: Limits,
}

/// What the broker's configs allow a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// `socket.request.max.bytes`.
    pub(super) request_max_bytes: usize,
    /// `connections.max.idle.ms`.
    pub(super) max_idle: SimDuration,
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A frame, without its length prefix.
    Frame(Bytes),
    /// Not a whole one yet.
    Nothing,
    /// The client closed, or the connection broke.
    End,
    /// A length that no frame may have: the connection is to be closed.
    BadLength(i32),
}

impl Peer {
    pub(super) fn new(stream: TcpStream, conn: ConnId, port: usize, limits: Limits, now: SimTime) -> Self {
        Self {
            stream,
            conn,
            port,
            read: BytesMut::new(),
            unsent: VecDeque::new(),
            readable: true,
            closing: false,
            queued: false,
            active_at: now,
            limits,
        }
    }

    /// When it will have been idle for too long.
    pub(super) fn expires_at(&self) -> SimTime {
        self.active_at + self.limits.max_idle
    }

    /// Takes frames (with their length prefix) to be written.
    pub(super) fn send(&mut self, frames: Vec<Bytes>) {
        self.unsent.extend(frames);
    }

    /// Whether all is written. Kafka reads a connection on only then.
    pub(super) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Whether a frame may be there to take: something was read, or can be.
    pub(super) fn may_have_more(&self) -> bool {
        self.readable || self.read.len() >= PREFIX
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while let Some(frame) = self.unsent.front_mut() {
            match self.stream.write(frame) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) if n == frame.len() => drop(self.unsent.pop_front()),
                Ok(n) => drop(frame.split_to(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next frame. `scratch` is room to read into.
    pub(super) fn next_frame(&mut self, scratch: &mut [u8]) -> Incoming {
        loop {
            match take_frame(&mut self.read, self.limits.request_max_bytes) {
                Incoming::Nothing => {}
                found => return found,
            }
            if !self.readable {
                return Incoming::Nothing;
            }
            // No more than belongs to the frame, once its length is known: what follows waits in the socket.
            let room = missing(&self.read).map_or(scratch.len(), |missing| missing.min(scratch.len()));
            match self.stream.read(&mut scratch[..room]) {
                Ok(0) => return Incoming::End,
                Ok(n) => self.read.extend_from_slice(&scratch[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Incoming::End,
            }
        }
    }
}

/// The length that the bytes' prefix says.
fn length(read: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(read.get(..PREFIX)?.try_into().expect("four bytes")))
}

/// How many bytes of a frame that has begun are still to come.
fn missing(read: &[u8]) -> Option<usize> {
    let length = usize::try_from(length(read)?).ok()?;
    Some((PREFIX + length).saturating_sub(read.len()))
}

fn take_frame(read: &mut BytesMut, max_bytes: usize) -> Incoming {
    let Some(length) = length(read) else { return Incoming::Nothing };
    let size = match usize::try_from(length) {
        Ok(size) if size <= max_bytes => PREFIX + size,
        _ => return Incoming::BadLength(length),
    };
    if read.len() < size {
        let missing = size - read.len();
        read.reserve(missing.min(GROWTH.max(read.len())));
        return Incoming::Nothing;
    }
    let frame = read.split_to(size).freeze().slice(PREFIX..);
    if read.is_empty() {
        // An idle connection holds no memory.
        *read = BytesMut::new();
    }
    Incoming::Frame(if size > SMALL { frame } else { Bytes::copy_from_slice(&frame) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(bytes: &[u8], max_bytes: usize) -> Vec<Incoming> {
        let mut read = BytesMut::from(bytes);
        let mut found = Vec::new();
        loop {
            match take_frame(&mut read, max_bytes) {
                Incoming::Frame(frame) => found.push(Incoming::Frame(frame)),
                other => {
                    found.push(other);
                    return found;
                }
            }
        }
    }

    #[test]
    fn frames_are_taken_one_by_one() {
        let frame = |bytes: &'static [u8]| Incoming::Frame(Bytes::from_static(bytes));
        assert_eq!(
            frames(b"\0\0\0\x02ab\0\0\0\0\0\0\0\x03cd", 100),
            [frame(b"ab"), frame(b""), Incoming::Nothing],
            "the third is not whole"
        );
        assert_eq!(frames(b"\0\0", 100), [Incoming::Nothing]);
    }

    #[test]
    fn lengths_that_no_frame_has_are_refused_at_once() {
        assert_eq!(frames(b"\0\0\0\x65", 100), [Incoming::BadLength(101)]);
        assert_eq!(frames(b"\xff\xff\xff\xffab", 100), [Incoming::BadLength(-1)]);
        // What a browser or a TLS client would send.
        assert_eq!(frames(b"GET / HTTP/1.1\r\n", 104_857_600), [Incoming::BadLength(0x4745_5420)]);
        assert_eq!(frames(b"\x16\x03\x01\x02\0", 104_857_600), [Incoming::BadLength(0x1603_0102)]);
    }

    #[test]
    fn a_large_frame_that_is_only_announced_takes_little_memory() {
        let mut read = BytesMut::from(&100_000_000i32.to_be_bytes()[..]);
        assert_eq!(take_frame(&mut read, 104_857_600), Incoming::Nothing);
        assert!(read.capacity() < 2 * GROWTH, "{} bytes", read.capacity());
        assert_eq!(missing(&read), Some(100_000_000));
    }

    #[test]
    fn a_large_frame_is_not_copied() {
        let mut bytes = BytesMut::from(&100_000i32.to_be_bytes()[..]);
        bytes.resize(100_004, 7);
        let at = bytes.as_ptr() as usize;
        let Incoming::Frame(frame) = take_frame(&mut bytes, 1 << 20) else { panic!("a frame") };
        assert_eq!((frame.as_ptr() as usize, frame.len()), (at + PREFIX, 100_000));
        assert_eq!(bytes.capacity(), 0, "nothing is kept for a connection that waits");
    }
}
