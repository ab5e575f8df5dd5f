//! Answers to commands, as values and as lines of JSON.
//!
//! ```text
//! crash broker 2            {"ok":{"t":12.345678}}
//! show leader(orders-0)     {"ok":{"t":21.400012,"value":3}}
//! kafka-topics.sh --list    {"ok":{"t":21.512345,"out":"orders\n","exit":0}}
//! crash broker 9            {"error":{"message":"no broker 9: brokers are 1, 2, 3","column":14}}
//! ```

use crate::base::SimTime;
use crate::script::{self, Said, Value};
use serde::Serialize;

/// What came of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The world's time when it was done.
    pub time: SimTime,
    /// What `show` found.
    pub value: Option<Value>,
    /// What a tool printed to its standard output, or `status` said.
    pub out: Option<String>,
    /// What a tool printed to its standard error, when it printed anything there.
    pub err: Option<String>,
    /// A tool's exit status.
    pub exit: Option<i32>,
}

/// Why a command could not be done, or what an `expect` found instead of what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was found, and what would be right.
    pub message: String,
    /// The column of the command, from 1.
    pub column: u32,
}

impl From<script::Error> for Refusal {
    fn from(error: script::Error) -> Self {
        Self { message: error.message, column: error.column }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

/// The answer to a command that is done, at `time`, and said something or nothing.
pub(super) fn answer(time: SimTime, said: Option<&Said>) -> Result<Answer, Refusal> {
    let mut answer = Answer { time, ..Answer::default() };
    match said {
        None | Some(Said::Met) => {}
        Some(Said::Value(value)) => answer.value = Some(value.clone()),
        Some(Said::Status(text)) => answer.out = Some(text.clone()),
        Some(Said::Tool(tool)) => {
            answer.out = Some(tool.stdout.clone());
            answer.err = Some(tool.stderr.clone()).filter(|err| !err.is_empty());
            answer.exit = Some(tool.exit);
        }
        Some(Said::Failed(message) | Said::Refused(message)) => {
            return Err(Refusal { message: message.clone(), column: 1 });
        }
    }
    Ok(answer)
}

/// An answer as the control port gives it: one line of JSON, its end included.
pub fn answer_line(answer: &Result<Answer, Refusal>) -> String {
    let line = match answer {
        Ok(answer) => Line::Ok {
            t: answer.time.as_secs_f64(),
            value: answer.value.as_ref().map(value_json),
            out: answer.out.as_deref(),
            err: answer.err.as_deref(),
            exit: answer.exit,
        },
        Err(Refusal { message, column }) => Line::Error { message, column: *column },
    };
    let mut text = serde_json::to_string(&line).expect("an answer can be written as JSON");
    text.push('\n');
    text
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Ok {
        t: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<serde_json::Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        out: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        err: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit: Option<i32>,
    },
    Error {
        message: &'a str,
        column: u32,
    },
}

/// Spans of time are seconds, as `t` is.
fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::None => serde_json::Value::Null,
        Value::Number(n) => (*n).into(),
        Value::Duration(span) => (span.as_micros() as f64 / 1e6).into(),
        Value::Name(name) => name.as_str().into(),
        Value::Truth(truth) => (*truth).into(),
        Value::Set(members) => members.iter().map(value_json).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SimDuration;
    use crate::script::ToolOutput;

    fn line(said: Option<Said>) -> String {
        answer_line(&answer(SimTime(12_345_678), said.as_ref()))
    }

    #[test]
    fn answers_are_lines_of_json() {
        assert_eq!(line(None), "{\"ok\":{\"t\":12.345678}}\n");
        assert_eq!(line(Some(Said::Met)), "{\"ok\":{\"t\":12.345678}}\n");
        let set = Value::Set(vec![Value::Number(2), Value::None, Value::Name("up".into()), Value::Truth(true)]);
        assert_eq!(line(Some(Said::Value(set))), "{\"ok\":{\"t\":12.345678,\"value\":[2,null,\"up\",true]}}\n");
        let span = Said::Value(Value::Duration(SimDuration(1_500_000)));
        assert_eq!(line(Some(span)), "{\"ok\":{\"t\":12.345678,\"value\":1.5}}\n");
        let tool = ToolOutput { stdout: "orders\n".into(), stderr: "careful".into(), exit: 1 };
        let expected = "{\"ok\":{\"t\":12.345678,\"out\":\"orders\\n\",\"err\":\"careful\",\"exit\":1}}\n";
        assert_eq!(line(Some(Said::Tool(tool))), expected);
        let failed = Said::Failed("expected 1 = 2".into());
        assert_eq!(line(Some(failed)), "{\"error\":{\"message\":\"expected 1 = 2\",\"column\":1}}\n");
    }
}
