//! Reading expressions: `or` binds least, then `and`, then `not`, then a comparison.

use crate::base::{SimDuration, TopicPartition};
use crate::check::LAWS;
use crate::script::ast::{Named, Node};
use crate::script::cursor::{Cursor, Token};
use crate::script::error::{Error, Position, nearest};
use crate::script::expression::{Comparison, Expression, ExpressionKind, Kind, Query, Value};

/// How deeply an expression may nest: more than anybody reads, and little enough for the stack.
const MAX_DEPTH: usize = 64;

const FUNCTIONS: [&str; 33] = [
    "leader",
    "isr",
    "elr",
    "replicas",
    "epoch",
    "partition-epoch",
    "hw",
    "leo",
    "start",
    "size",
    "acked",
    "last-error",
    "producer-id",
    "producer-epoch",
    "buffer-available",
    "failed",
    "lost",
    "delivered",
    "worked",
    "position",
    "duplicates",
    "unprocessed",
    "lag",
    "committed",
    "assigned",
    "topics",
    "members",
    "generation",
    "state",
    "time",
    "controller",
    "coordinator",
    "law",
];

/// Reads an expression of any kind.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Expression, Error> {
    or(cursor, 0)
}

/// Reads an expression that is true or false.
pub(super) fn predicate(cursor: &mut Cursor<'_>) -> Result<Expression, Error> {
    let read = expression(cursor)?;
    match read.kind() {
        Kind::Truth => Ok(read),
        kind => {
            let message = format!("`{}` is {kind}; compare it, as in `{} = …`", read.text, read.text);
            Err(Error::new(read.at, message))
        }
    }
}

fn spanned(
    cursor: &mut Cursor<'_>,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<ExpressionKind, Error>,
) -> Result<Expression, Error> {
    let at = cursor.position();
    let start = *cursor;
    let kind = read(cursor)?;
    Ok(Expression { at, text: cursor.text_since(start), kind })
}

fn or(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression, Error> {
    let start = (cursor.position(), *cursor);
    let mut left = and(cursor, depth)?;
    while cursor.take_keyword("or") {
        let right = and(cursor, depth)?;
        left = joined(start, cursor, ExpressionKind::Or, left, right)?;
    }
    Ok(left)
}

fn and(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression, Error> {
    let start = (cursor.position(), *cursor);
    let mut left = not(cursor, depth)?;
    while cursor.take_keyword("and") {
        let right = not(cursor, depth)?;
        left = joined(start, cursor, ExpressionKind::And, left, right)?;
    }
    Ok(left)
}

fn joined(
    start: (Position, Cursor<'_>),
    cursor: &Cursor<'_>,
    make: fn(Box<Expression>, Box<Expression>) -> ExpressionKind,
    left: Expression,
    right: Expression,
) -> Result<Expression, Error> {
    let (left, right) = (truth(left)?, truth(right)?);
    Ok(Expression { at: start.0, text: cursor.text_since(start.1), kind: make(Box::new(left), Box::new(right)) })
}

/// The expression, which has to be true or false.
fn truth(read: Expression) -> Result<Expression, Error> {
    match read.kind() {
        Kind::Truth => Ok(read),
        kind => Err(Error::new(read.at, format!("`{}` is {kind} where something true or false belongs", read.text))),
    }
}

fn not(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression, Error> {
    if depth > MAX_DEPTH {
        let message = format!("an expression more than {MAX_DEPTH} deep; take it apart into several lines");
        return Err(Error::new(cursor.position(), message));
    }
    spanned(cursor, |cursor| {
        if cursor.take_keyword("not") {
            return Ok(ExpressionKind::Not(Box::new(truth(not(cursor, depth + 1)?)?)));
        }
        comparison(cursor, depth)
    })
}

fn comparison(cursor: &mut Cursor<'_>, depth: usize) -> Result<ExpressionKind, Error> {
    let left = primary(cursor, depth)?;
    let (token, at) = cursor.peek_token()?;
    let operator = match token {
        Token::Sign("=") => Comparison::Equal,
        Token::Sign("!=") => Comparison::NotEqual,
        Token::Sign("<") => Comparison::Less,
        Token::Sign("<=") => Comparison::AtMost,
        Token::Sign(">") => Comparison::Greater,
        Token::Sign(">=") => Comparison::AtLeast,
        Token::Sign("==") => return Err(Error::new(at, "`==`; equality is written `=`")),
        _ => return Ok(left.kind),
    };
    cursor.token()?;
    let right = primary(cursor, depth)?;
    comparable(operator, &left, &right, at)?;
    Ok(ExpressionKind::Compare { operator, left: Box::new(left), right: Box::new(right) })
}

fn comparable(operator: Comparison, left: &Expression, right: &Expression, at: Position) -> Result<(), Error> {
    let (a, b) = (left.kind(), right.kind());
    if a == Kind::Truth || b == Kind::Truth {
        let side = if a == Kind::Truth { left } else { right };
        return Err(Error::new(side.at, format!("`{}` is true or false already; it is not compared", side.text)));
    }
    if a != b && a != Kind::None && b != Kind::None {
        let message = format!("`{}` is {b}, but `{}` is {a}; compare like with like", right.text, left.text);
        return Err(Error::new(right.at, message));
    }
    let ordered = |kind| matches!(kind, Kind::Number | Kind::Duration);
    if operator.is_order() && !(ordered(a) && ordered(b)) {
        let kind = if ordered(a) { b } else { a };
        return Err(Error::new(at, format!("neither greater nor less is known of {kind}; compare with `=` or `!=`")));
    }
    Ok(())
}

fn primary(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expression, Error> {
    spanned(cursor, |cursor| {
        let (token, at) = cursor.token()?;
        match token {
            Token::Sign("(") => {
                let inner = or(cursor, depth + 1)?;
                cursor.expect_sign(")", &format!("closes the bracket of column {}", at.column))?;
                Ok(inner.kind)
            }
            Token::Sign("{") => set(cursor).map(|members| ExpressionKind::Literal(Value::Set(members))),
            Token::Quoted(name) => Ok(ExpressionKind::Literal(Value::Name(name))),
            Token::Word(word) => match cursor.take_sign("(") {
                true => call(cursor, &word, at),
                false => bare(cursor, word, at),
            },
            found => {
                Err(Error::new(at, format!("{found} where a value or a function such as `leader(orders-0)` belongs")))
            }
        }
    })
}

/// A word that is no function.
fn bare(cursor: &mut Cursor<'_>, word: String, at: Position) -> Result<ExpressionKind, Error> {
    if word == "laws" {
        return match cursor.take_keyword("hold") {
            true => Ok(ExpressionKind::LawsHold),
            false => Err(Error::new(cursor.position(), "`laws` without `hold`; write `laws hold`")),
        };
    }
    if matches!(word.as_str(), "and" | "or" | "not" | "within" | "hold" | "holds") {
        return Err(Error::new(at, format!("`{word}` where a value or a function such as `leader(orders-0)` belongs")));
    }
    Ok(ExpressionKind::Literal(literal(word)))
}

/// What a word says: a number and a duration are read as such, anything else is a name.
fn literal(word: String) -> Value {
    if word == "none" {
        return Value::None;
    }
    if let Ok(number) = word.parse() {
        return Value::Number(number);
    }
    word.parse::<SimDuration>().map_or_else(|_| Value::Name(word), Value::Duration)
}

fn set(cursor: &mut Cursor<'_>) -> Result<Vec<Value>, Error> {
    let mut members = Vec::new();
    if cursor.take_sign("}") {
        return Ok(members);
    }
    loop {
        match cursor.token()? {
            (Token::Word(word), _) => members.push(literal(word)),
            (Token::Quoted(name), _) => members.push(Value::Name(name)),
            (found, at) => return Err(Error::new(at, format!("{found} where a member of the set belongs"))),
        }
        if cursor.take_sign("}") {
            return Ok(members);
        }
        cursor.expect_sign(",", "or `}` follows a member of the set")?;
    }
}

/// A function's arguments and what it is, from behind its opening bracket on.
fn call(cursor: &mut Cursor<'_>, name: &str, at: Position) -> Result<ExpressionKind, Error> {
    if name == "law" {
        let (law, law_at) = argument(cursor, "a law's name")?;
        if !LAWS.iter().any(|(known, _)| *known == law) {
            let known: Vec<_> = LAWS.iter().map(|(known, _)| *known).collect();
            return Err(Error::new(law_at, format!("no law is called `{law}`; the laws are {}", known.join(", "))));
        }
        close(cursor, name)?;
        return match cursor.take_keyword("holds") {
            true => Ok(ExpressionKind::LawHolds(law)),
            false => {
                Err(Error::new(cursor.position(), format!("`law({law})` without `holds`; write `law({law}) holds`")))
            }
        };
    }
    let query = query(cursor, name, at)?;
    close(cursor, name)?;
    Ok(ExpressionKind::Query(query))
}

fn close(cursor: &mut Cursor<'_>, name: &str) -> Result<(), Error> {
    cursor.expect_sign(")", &format!("ends what `{name}(` was given"))
}

fn query(cursor: &mut Cursor<'_>, name: &str, at: Position) -> Result<Query, Error> {
    Ok(match name {
        "leader" => Query::Leader(partition(cursor)?),
        "isr" => Query::Isr(partition(cursor)?),
        "elr" => Query::Elr(partition(cursor)?),
        "replicas" => Query::Replicas(partition(cursor)?),
        "epoch" => Query::Epoch(partition(cursor)?),
        "partition-epoch" => Query::PartitionEpoch(partition(cursor)?),
        "hw" => Query::HighWatermark(partition(cursor)?, replica(cursor)?),
        "leo" => Query::LogEnd(partition(cursor)?, replica(cursor)?),
        "start" => Query::LogStart(partition(cursor)?, replica(cursor)?),
        "size" => Query::LogSize(partition(cursor)?, replica(cursor)?),
        "acked" => Query::Acked(argument(cursor, "a producer's name")?.0),
        "last-error" => Query::LastError(argument(cursor, "a producer's name")?.0),
        "producer-id" => Query::ProducerId(argument(cursor, "a producer's name")?.0),
        "producer-epoch" => Query::ProducerEpoch(argument(cursor, "a producer's name")?.0),
        "buffer-available" => Query::BufferAvailable(argument(cursor, "a producer's name")?.0),
        "failed" => Query::Failed(argument(cursor, "a producer's name")?.0),
        "lost" => Query::Lost,
        "delivered" => Query::Delivered(argument(cursor, "a consumer's name")?.0),
        "worked" => Query::Worked(argument(cursor, "a consumer's name")?.0),
        "position" => {
            let consumer = argument(cursor, "a consumer's name")?.0;
            cursor.expect_sign(",", "and a partition follow the consumer")?;
            Query::Position(consumer, partition(cursor)?)
        }
        "duplicates" => Query::Duplicates(group(cursor)?),
        "unprocessed" => Query::Unprocessed(group(cursor)?),
        "lag" => {
            let group = group(cursor)?;
            let of = if cursor.take_sign(",") { Some(partition(cursor)?) } else { None };
            Query::Lag(group, of)
        }
        "committed" => {
            let group = group(cursor)?;
            cursor.expect_sign(",", "and a partition follow the group")?;
            Query::Committed(group, partition(cursor)?)
        }
        "assigned" => Query::Assigned(argument(cursor, "a consumer's name")?.0),
        "topics" => Query::Topics(argument(cursor, "a client's name")?.0),
        "members" => Query::Members(group(cursor)?),
        "generation" => Query::Generation(group(cursor)?),
        "state" => state(cursor)?,
        "time" => Query::Time,
        "controller" => Query::Controller,
        "coordinator" => Query::Coordinator(group(cursor)?),
        unknown => return Err(unknown_function(unknown, at)),
    })
}

fn unknown_function(name: &str, at: Position) -> Error {
    let hint = match nearest(name, &FUNCTIONS) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("the functions are {}", FUNCTIONS.join(", ")),
    };
    Error::new(at, format!("unknown function `{name}`; {hint}"))
}

/// One argument: a name of any kind.
fn argument(cursor: &mut Cursor<'_>, what: &str) -> Result<(String, Position), Error> {
    match cursor.token()? {
        (Token::Word(text) | Token::Quoted(text), at) => Ok((text, at)),
        (found, at) => Err(Error::new(at, format!("{found} where {what} belongs"))),
    }
}

fn group(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    argument(cursor, "a group's name").map(|(name, _)| name)
}

/// A partition as Kafka writes it: the topic, a dash, the index.
fn partition(cursor: &mut Cursor<'_>) -> Result<TopicPartition, Error> {
    let (text, at) = argument(cursor, "a partition such as `orders-0`")?;
    let split = text.rsplit_once('-').and_then(|(topic, index)| Some((topic, index.parse().ok()?)));
    match split {
        Some((topic, index)) if !topic.is_empty() && index >= 0 => Ok(TopicPartition::new(topic, index)),
        _ => Err(Error::new(
            at,
            format!("`{text}` where a partition belongs: a topic, a dash and a number, as in `orders-0`"),
        )),
    }
}

/// `, 2` or `, broker 2`: whose copy is meant.
fn replica(cursor: &mut Cursor<'_>) -> Result<Option<i32>, Error> {
    if !cursor.take_sign(",") {
        return Ok(None);
    }
    cursor.take_keyword("broker");
    let (text, at) = argument(cursor, "a broker's id")?;
    match text.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(Error::new(at, format!("`{text}` where a broker's id, a number, belongs"))),
    }
}

/// What `state(` was given: a host, or else a group.
fn state(cursor: &mut Cursor<'_>) -> Result<Query, Error> {
    let mut ahead = *cursor;
    if let (Token::Word(word), _) = ahead.token()? {
        let is_kind = ["broker", "controller", "producer", "consumer"].contains(&word.as_str());
        let follows = ahead.peek_token()?.0;
        if follows == Token::Sign("(") || is_kind && matches!(follows, Token::Word(_) | Token::Quoted(_)) {
            return node(cursor).map(|named| Query::NodeState(Box::new(named.node)));
        }
    }
    group(cursor).map(Query::GroupState)
}

const NODES: &str = "a host is `broker 2`, `controller 101`, `producer p1`, `consumer c1`, `outside`, \
                     `leader(orders-0)`, `coordinator(g)` or `controller()`";

/// Reads a host: its kind and its name, or a function that names one.
pub(super) fn node(cursor: &mut Cursor<'_>) -> Result<Named, Error> {
    let start = *cursor;
    let (token, at) = cursor.token()?;
    let Token::Word(word) = token else { return Err(Error::new(at, format!("{token} where a host belongs; {NODES}"))) };
    if cursor.peek_token()?.0 == Token::Sign("(") {
        // Looked at before it is read: only these take no host themselves, so that hosts do not nest.
        if !["leader", "coordinator", "controller"].contains(&word.as_str()) {
            return Err(Error::new(at, format!("`{word}` names no host; {NODES}")));
        }
        *cursor = start;
        return primary(cursor, 0).map(|function| Named { node: Node::Found(function), at });
    }
    let (node, at) = match word.as_str() {
        "broker" => with_place(node_id(cursor, "broker")?, Node::Broker),
        "controller" => with_place(node_id(cursor, "controller")?, Node::Controller),
        "producer" => with_place(argument(cursor, "a producer's name")?, Node::Producer),
        "consumer" => with_place(argument(cursor, "a consumer's name")?, Node::Consumer),
        "outside" => (Node::Outside, at),
        _ => return Err(Error::new(at, format!("`{word}` where a host belongs; {NODES}"))),
    };
    Ok(Named { node, at })
}

fn with_place<T>((name, at): (T, Position), node: fn(T) -> Node) -> (Node, Position) {
    (node(name), at)
}

fn node_id(cursor: &mut Cursor<'_>, kind: &str) -> Result<(i32, Position), Error> {
    let (text, at) = argument(cursor, &format!("the {kind}'s id"))?;
    let id = text.parse().map_err(|_| Error::new(at, format!("`{text}` where the {kind}'s id, a number, belongs")))?;
    Ok((id, at))
}
