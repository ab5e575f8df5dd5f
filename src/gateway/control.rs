//! A connection to the control port: commands in, one line of JSON out for each, in their order.

use super::answer::{Answer, Refusal, answer_line};
use crate::script::{MAX_SCRIPT_BYTES, goes_on};
use mio::net::TcpStream;
use std::io::{self, Read, Write};

/// A connection to the control port.
pub(super) struct Control {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
    unsent: Vec<u8>,
    /// The socket may have more to read.
    pub(super) readable: bool,
    /// A command of this connection has no answer yet; the next one waits for it.
    pub(super) waits: bool,
    /// It stands in the queue of those to be served.
    pub(super) queued: bool,
}

/// What reading came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Command(String),
    /// Not a whole one yet.
    Nothing,
    /// Whoever asked has closed, or the connection broke.
    End,
    /// A command longer than any script.
    TooLong,
}

impl Control {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new(), unsent: Vec::new(), readable: true, waits: false, queued: false }
    }

    pub(super) fn answer(&mut self, answer: &Result<Answer, Refusal>) {
        self.waits = false;
        self.unsent.extend_from_slice(answer_line(answer).as_bytes());
    }

    /// Whether all answers are written. The next command is read only then.
    pub(super) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The next command. `scratch` is room to read into.
    pub(super) fn next_command(&mut self, scratch: &mut [u8]) -> Asked {
        loop {
            if let Some(command) = take_command(&mut self.read) {
                return Asked::Command(command);
            }
            if self.read.len() > MAX_SCRIPT_BYTES {
                return Asked::TooLong;
            }
            if !self.readable {
                return Asked::Nothing;
            }
            match self.stream.read(scratch) {
                Ok(0) if self.read.is_empty() => return Asked::End,
                // The last line has no end, but it is over.
                Ok(0) => self.read.push(b'\n'),
                Ok(n) => self.read.extend_from_slice(&scratch[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Asked::End,
            }
        }
    }
}

/// The first whole command of what was read: a line, or more where it goes on. Blank lines and comments are skipped.
fn take_command(read: &mut Vec<u8>) -> Option<String> {
    let mut end = 0;
    while let Some(length) = read[end..].iter().position(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(&read[..end + length]).into_owned();
        end += length + 1;
        if goes_on(&text) {
            continue;
        }
        read.drain(..end);
        end = 0;
        let line = text.trim_start();
        if !line.is_empty() && !line.starts_with('#') {
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_lines_and_go_on_where_they_say_so() {
        let mut read = b"status\r\n\n# nothing\nrun \\\n  9s\nkafka-x.sh <<END\na\nEND\nshow ti".to_vec();
        let mut commands = Vec::new();
        while let Some(command) = take_command(&mut read) {
            commands.push(command);
        }
        assert_eq!(commands, ["status\r", "run \\\n  9s", "kafka-x.sh <<END\na\nEND"]);
        assert_eq!(read, b"show ti");
    }
}
