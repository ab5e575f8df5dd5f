//! Faults and their ends.

use super::expression::node;
use super::{duration, flags};
use crate::base::{EventId, SimDuration};
use crate::script::ast::Fault;
use crate::script::cursor::{Cursor, Word};
use crate::script::error::Error;

/// Reads a fault from behind its verb on; nothing when the verb is no fault's.
pub(super) fn fault(verb: &str, cursor: &mut Cursor<'_>) -> Result<Option<Fault>, Error> {
    let fault = match verb {
        "crash" => Fault::Crash(node(cursor)?),
        "power-loss" => Fault::PowerLoss(node(cursor)?),
        "stop" => Fault::Stop(node(cursor)?),
        "start" => Fault::Start(node(cursor)?),
        "pause" => Fault::Pause(node(cursor)?),
        "resume" => Fault::Resume(node(cursor)?),
        "cut" => cut(cursor)?,
        "heal" if cursor.is_at_end() => Fault::Heal(None),
        "heal" => Fault::Heal(Some((node(cursor)?, node(cursor)?))),
        "slow" => slow(cursor)?,
        "reset" => Fault::Reset(node(cursor)?, node(cursor)?),
        "drop" => Fault::Drop(message(cursor)?),
        "delay" => Fault::Delay(message(cursor)?, duration(cursor, "a duration such as `2s`")?),
        "skew" => Fault::Skew(node(cursor)?, signed(cursor)?),
        _ => return Ok(None),
    };
    cursor.end(&format!("`{verb}` and what it takes"))?;
    Ok(Some(fault))
}

fn cut(cursor: &mut Cursor<'_>) -> Result<Fault, Error> {
    let (from, to) = (node(cursor)?, node(cursor)?);
    let mut one_way = None;
    while let Some(flag) = flags::next(cursor, "cut", &["--one-way"])? {
        let name = flag.name.clone();
        flags::once(&mut one_way, flag.no_value()?, &name)?;
    }
    Ok(Fault::Cut { from, to, one_way: one_way.is_some() })
}

/// `slow link NODE NODE --latency 300ms`, `slow disk NODE x10`, `slow cpu NODE x10`.
fn slow(cursor: &mut Cursor<'_>) -> Result<Fault, Error> {
    let what = cursor.expect_word("`link`, `disk` or `cpu`")?;
    match what.text.as_str() {
        "disk" => Ok(Fault::SlowDisk(node(cursor)?, factor(cursor)?)),
        "cpu" => Ok(Fault::SlowCpu(node(cursor)?, factor(cursor)?)),
        "link" => {
            let (from, to) = (node(cursor)?, node(cursor)?);
            let at = cursor.position();
            let mut latency = None;
            while let Some(flag) = flags::next(cursor, "slow link", &["--latency"])? {
                let name = flag.name.clone();
                let span = super::parse_duration(&flag.value(cursor, "a duration such as `300ms`")?)?;
                flags::once(&mut latency, span, &name)?;
            }
            let latency = latency.ok_or_else(|| Error::new(at, "the command ends here; `--latency` is missing"))?;
            Ok(Fault::SlowLink { from, to, latency })
        }
        other => Err(what.error(format!("`slow {other}`; it is `slow link`, `slow disk` or `slow cpu`"))),
    }
}

/// `x10`.
fn factor(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    let word = cursor.expect_word("a factor such as `x10`")?;
    match word.text.strip_prefix('x').map(str::parse) {
        Some(Ok(factor @ 1..)) => Ok(factor),
        _ => Err(word.error(format!("`{}` is no factor; it is a number behind an x, such as x10", word.text))),
    }
}

/// A message's id from the trace.
fn message(cursor: &mut Cursor<'_>) -> Result<EventId, Error> {
    let word = cursor.expect_word("a message's id from the trace")?;
    word.text.parse().map(EventId).map_err(|_| not_an_id(&word))
}

fn not_an_id(word: &Word) -> Error {
    word.error(format!("`{}` is no message's id; that is a number from the trace", word.text))
}

/// `+500ms`, `-2s`: microseconds.
fn signed(cursor: &mut Cursor<'_>) -> Result<i64, Error> {
    let word = cursor.expect_word("a difference such as `+500ms`")?;
    let span = |text: &str| text.parse::<SimDuration>().ok().and_then(|span| i64::try_from(span.0).ok());
    let micros = match word.text.split_at_checked(1) {
        Some(("+", rest)) => span(rest),
        Some(("-", rest)) => span(rest).map(|micros| -micros),
        _ => None,
    };
    micros.ok_or_else(|| {
        word.error(format!("`{}` is no difference; it is a sign and a duration, such as +500ms", word.text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::ast::{Named, Node};
    use crate::script::error::Position;
    use crate::script::source::{Item, read};

    /// The fault of a line, before anybody asks whether it is built.
    fn parsed(text: &str) -> Result<Fault, String> {
        let Ok(Some(Item::Command(source))) = read(text).map(|items| items.into_iter().next()) else {
            panic!("{text} is one command")
        };
        let mut cursor = Cursor::new(&source);
        let verb = cursor.word().expect("a verb").text;
        fault(&verb, &mut cursor).map(|fault| fault.expect("a fault")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_fault_is_read() {
        let at = |column, node| Named { node, at: Position { line: 1, column } };
        let broker = |id, column| at(column, Node::Broker(id));
        for (text, fault) in [
            ("crash broker 2", Fault::Crash(broker(2, 14))),
            ("crash producer p1", Fault::Crash(at(16, Node::Producer("p1".into())))),
            ("power-loss controller 101", Fault::PowerLoss(at(23, Node::Controller(101)))),
            ("stop broker 1", Fault::Stop(broker(1, 13))),
            ("start broker 1", Fault::Start(broker(1, 14))),
            ("pause consumer c1", Fault::Pause(at(16, Node::Consumer("c1".into())))),
            ("resume consumer c1", Fault::Resume(at(17, Node::Consumer("c1".into())))),
            ("cut broker 1 broker 2", Fault::Cut { from: broker(1, 12), to: broker(2, 21), one_way: false }),
            ("cut broker 1 broker 2 --one-way", Fault::Cut { from: broker(1, 12), to: broker(2, 21), one_way: true }),
            ("cut outside broker 1", Fault::Cut { from: at(5, Node::Outside), to: broker(1, 20), one_way: false }),
            ("heal", Fault::Heal(None)),
            ("heal broker 1 broker 2", Fault::Heal(Some((broker(1, 13), broker(2, 22))))),
            (
                "slow link broker 1 broker 2 --latency 300ms",
                Fault::SlowLink { from: broker(1, 18), to: broker(2, 27), latency: SimDuration::from_millis(300) },
            ),
            ("reset broker 1 broker 2", Fault::Reset(broker(1, 14), broker(2, 23))),
            ("drop 4711", Fault::Drop(EventId(4711))),
            ("delay 4711 2s", Fault::Delay(EventId(4711), SimDuration::from_secs(2))),
            ("skew broker 1 +500ms", Fault::Skew(broker(1, 13), 500_000)),
            ("skew broker 1 -2s", Fault::Skew(broker(1, 13), -2_000_000)),
            ("slow disk broker 1 x10", Fault::SlowDisk(broker(1, 18), 10)),
            ("slow cpu broker 1 x3", Fault::SlowCpu(broker(1, 17), 3)),
        ] {
            assert_eq!(parsed(text), Ok(fault), "{text}");
        }
        assert!(
            matches!(parsed("crash leader(orders-0)"), Ok(Fault::Crash(Named { node: Node::Found(f), .. })) if f.text == "leader(orders-0)")
        );
    }

    #[test]
    fn what_is_no_fault_is_told() {
        for (text, error) in [
            ("crash", "1:6: the command's end where a host belongs"),
            ("crash broker x", "1:14: `x` where the broker's id, a number, belongs"),
            ("crash hw(t-0)", "1:7: `hw` names no host"),
            ("crash 2", "1:7: `2` where a host belongs"),
            ("crash broker 1 2", "1:16: `2` after `crash` and what it takes; nothing more belongs there"),
            ("slow memory broker 1", "1:6: `slow memory`; it is `slow link`, `slow disk` or `slow cpu`"),
            ("slow disk broker 1 10", "1:20: `10` is no factor; it is a number behind an x, such as x10"),
            ("slow link broker 1 broker 2", "1:28: the command ends here; `--latency` is missing"),
            ("skew broker 1 500ms", "1:15: `500ms` is no difference; it is a sign and a duration, such as +500ms"),
            ("drop m1", "1:6: `m1` is no message's id; that is a number from the trace"),
            ("cut broker 1", "1:13: the command's end where a host belongs"),
        ] {
            let found = parsed(text).expect_err(text);
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }
}
