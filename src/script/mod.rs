//! The script language: scenario files, golden tests, the page's terminal and command log are all lines of it.
//!
//! A script is lines, a line is a command as one would type it in a shell. [`Script::parse`] reads a whole script,
//! [`Line::parse`] one command that somebody types now; both come to the same values by the same grammar, and an error
//! names its line, its column, what was found there and what would be right.
//!
//! | file | holds |
//! |---|---|
//! | `source` | lines joined, comments gone, every character with its place |
//! | `cursor` | shell words and expression tokens |
//! | `grammar` | from words to statements |
//! | `built` | what the language has and this build has not |
//! | `tools` | Kafka's command-line tools, handed to [`crate::tools`] |
//! | `evaluate` | what an expression comes to in a world |
//! | `runner` | a script and its world, turn by turn |

mod ast;
mod built;
mod cursor;
mod date;
mod error;
mod evaluate;
mod expression;
mod grammar;
mod output;
mod runner;
mod source;
mod tools;

pub use crate::tools::ToolOutput;
pub use ast::{Fault, Line, Named, Node, Pattern, Script, Stated, Statement};
pub use date::format_utc;
pub use error::{Error, Position};
pub use evaluate::Evaluated;
pub use expression::{Comparison, Expression, ExpressionKind, Kind, Query, Value};
pub use output::{Origin, Output, Said, Summary};
pub use runner::{Reply, Runner, Turn};
pub use source::{MAX_SCRIPT_BYTES, goes_on};
pub use tools::ToolCall;
