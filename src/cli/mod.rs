//! The native command line: `terrarium run FILE`, `terrarium explore`, `terrarium gateway`.
//!
//! Exit status: 0 all well; 1 an expectation failed or a law broke; 2 the script or the command line is wrong; 3 a fault
//! of our own.

mod arguments;
mod explore;
mod gateway;
mod lines;
mod narrator;
mod run;
mod text;
mod trace;
mod wire;

pub use arguments::{Call, ExploreArguments, GatewayArguments, RunArguments, parse};

use std::io::Write;

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// All well.
    Good = 0,
    /// An expectation failed or a law broke.
    Failed = 1,
    /// The script or the command line is wrong.
    Wrong = 2,
    /// A fault of our own.
    OurFault = 3,
}

/// Does what a command line asks.
///
/// `out` and `err` are the program's standard output and error. One that nobody reads any more ends nothing: the exit
/// status still tells how the run went.
pub fn main(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let mut console = Console::new(out, err);
    let status = match parse(arguments) {
        Ok(Call::Print(text)) => {
            console.out(text);
            Status::Good
        }
        Ok(Call::Run(arguments)) => run::run(&arguments, &mut console),
        Ok(Call::Explore(arguments)) => explore::run(&arguments, &mut console),
        Ok(Call::Gateway(arguments)) => gateway::gateway(&arguments, &mut console),
        Err(message) => {
            console.err(&format!("terrarium: {message}\n"));
            Status::Wrong
        }
    };
    console.end(status)
}

/// Where a program prints.
struct Console<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Why printing to `out` ended, when it did.
    closed: Option<std::io::Error>,
}

impl<'a> Console<'a> {
    fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err, closed: None }
    }

    fn out(&mut self, text: &str) {
        if self.closed.is_none() {
            self.closed = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).err();
        }
    }

    fn err(&mut self, text: &str) {
        // When not even the errors can be printed, the exit status has to do.
        let _ = self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush());
    }

    /// The exit status, in which output that got lost counts, unless its reader went away, as `head` does.
    fn end(mut self, status: Status) -> Status {
        match self.closed.take() {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                self.err(&format!("terrarium: the output cannot be written: {error}\n"));
                Status::Wrong
            }
            _ => status,
        }
    }
}
