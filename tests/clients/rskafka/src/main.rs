//! rskafka: a client that leaves retries and leaders of partitions to the library and groups to nobody.
//!
//! Started as `rskafka-client SCENARIO` with the cluster in BOOTSTRAP and the gateway's control port in CONTROL.

use chrono::{DateTime, TimeDelta, Utc};
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::{Record, RecordAndOffset};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as AnyError;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

type Result<T> = std::result::Result<T, Box<dyn AnyError>>;

/// The n-th record that every client writes: some have no key, no value or no headers.
fn record(n: usize) -> Record {
    let key = (n % 10 != 9).then(|| format!("key-{}", n % 7).into_bytes());
    let value = (n % 13 != 12 || key.is_none()).then(|| format!("value {n} ü").into_bytes());
    let headers = match n % 2 {
        0 => BTreeMap::new(),
        _ => BTreeMap::from([("n".to_owned(), n.to_string().into_bytes())]),
    };
    Record { key, value, headers, timestamp: at(n as i64) }
}

fn text(value: &str) -> Record {
    Record { key: None, value: Some(value.into()), headers: BTreeMap::new(), timestamp: at(0) }
}

/// So many seconds after a fixed moment.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_700_000_000 + seconds)
}

fn bootstrap() -> Vec<String> {
    std::env::var("BOOTSTRAP").expect("BOOTSTRAP").split(',').map(str::to_owned).collect()
}

async fn client() -> Result<Client> {
    Ok(ClientBuilder::new(bootstrap()).client_id("rskafka").build().await?)
}

async fn partition(topic: &str, partition: i32) -> Result<PartitionClient> {
    Ok(client().await?.partition_client(topic, partition, UnknownTopicHandling::Retry).await?)
}

/// Every record of a partition.
async fn read(topic: &str, number: i32) -> Result<Vec<RecordAndOffset>> {
    let partition = partition(topic, number).await?;
    let mut next = partition.get_offset(OffsetAt::Earliest).await?;
    let mut found: Vec<RecordAndOffset> = Vec::new();
    loop {
        let (records, high_watermark) = partition.fetch_records(next, 1..10_000_000, 200).await?;
        next = records.last().map_or(next, |last| last.offset + 1);
        found.extend(records);
        if next >= high_watermark {
            return Ok(found);
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(found: &[T], expected: &[T]) -> Result<()> {
    match found.iter().zip(expected).position(|(a, b)| a != b) {
        Some(at) => Err(format!("at {at}: found {:?}, expected {:?}", found[at], expected[at]).into()),
        None if found.len() != expected.len() => {
            Err(format!("found {}, expected {}", found.len(), expected.len()).into())
        }
        None => Ok(()),
    }
}

async fn metadata() -> Result<()> {
    let topics = client().await?.list_topics().await?;
    let ready = topics.iter().find(|topic| topic.name == "ready").ok_or("no topic `ready`")?;
    same(&ready.partitions.iter().copied().collect::<Vec<_>>(), &[0, 1, 2])
}

async fn create_topics() -> Result<()> {
    let controller = client().await?.controller_client()?;
    controller.create_topic("made", 4, 3, 10_000).await?;
    let topics = client().await?.list_topics().await?;
    let made = topics.iter().find(|topic| topic.name == "made").ok_or("no topic `made`")?;
    same(&made.partitions.iter().copied().collect::<Vec<_>>(), &[0, 1, 2, 3])?;
    match controller.create_topic("made", 1, 3, 10_000).await {
        Err(Error::ServerError { protocol_error: ProtocolError::TopicAlreadyExists, .. }) => Ok(()),
        other => Err(format!("a topic was created twice: {other:?}").into()),
    }
}

async fn produce_fetch() -> Result<()> {
    for number in 0..3 {
        let partition = partition("ready", number).await?;
        let records: Vec<Record> = (0..300).filter(|n| n % 3 == number as usize).map(record).collect();
        for some in records.chunks(7) {
            partition.produce(some.to_vec(), Compression::NoCompression).await?;
        }
        let found: Vec<Record> = read("ready", number).await?.into_iter().map(|found| found.record).collect();
        same(&found, &records)?;
    }
    Ok(())
}

async fn list_offsets() -> Result<()> {
    let partition = partition("ready", 1).await?;
    for n in 0..10 {
        partition.produce(vec![record(n)], Compression::NoCompression).await?;
    }
    let mut found = vec![partition.get_offset(OffsetAt::Earliest).await?, partition.get_offset(OffsetAt::Latest).await?];
    for n in [0, 4, 9] {
        found.push(partition.get_offset(OffsetAt::Timestamp(at(n) - TimeDelta::milliseconds(500))).await?);
    }
    same(&found, &[0, 10, 0, 4, 9])
}

async fn compression() -> Result<()> {
    let partition = partition("ready", 0).await?;
    let mut expected = Vec::new();
    for codec in [Compression::Gzip, Compression::Lz4, Compression::Snappy, Compression::Zstd] {
        let records: Vec<Record> = (0..100).map(|n| text(&format!("{codec:?} {n} {}", "x".repeat(100)))).collect();
        partition.produce(records.clone(), codec).await?;
        expected.extend(records);
    }
    let found: Vec<Record> = read("ready", 0).await?.into_iter().map(|found| found.record).collect();
    same(&found, &expected)
}

async fn large() -> Result<()> {
    let partition = partition("ready", 0).await?;
    let value = "x".repeat(900_000);
    for _ in 0..20 {
        partition.produce(vec![text(&value)], Compression::NoCompression).await?;
    }
    let found = read("ready", 0).await?;
    if found.len() != 20 || found.iter().any(|found| found.record.value.as_deref() != Some(value.as_bytes())) {
        return Err(format!("{} records", found.len()).into());
    }
    match partition.produce(vec![text(&"x".repeat(1_500_000))], Compression::NoCompression).await {
        Err(Error::ServerError { protocol_error: ProtocolError::MessageTooLarge, .. }) => Ok(()),
        other => Err(format!("a record that is too large: {other:?}").into()),
    }
}

/// The gateway's control port: commands in, answers out.
struct Control(BufReader<TcpStream>);

impl Control {
    async fn ask(&mut self, command: &str) -> Result<serde_json::Value> {
        self.0.write_all(format!("{command}\n").as_bytes()).await?;
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let answer: serde_json::Value = serde_json::from_str(&line)?;
        match answer.get("ok") {
            Some(ok) => Ok(ok["value"].clone()),
            None => Err(format!("{command}: {}", answer["error"]["message"]).into()),
        }
    }
}

/// Writes on while a fault happens: what was acknowledged is there in the end.
async fn through(fault: &str) -> Result<()> {
    let partition = partition("faulty", 0).await?;
    let mut control = Control(BufReader::new(TcpStream::connect(std::env::var("CONTROL")?).await?));
    let mut acknowledged = BTreeSet::new();
    let write = async {
        for n in 0.. {
            partition.produce(vec![text(&n.to_string())], Compression::NoCompression).await?;
            acknowledged.insert(n.to_string().into_bytes());
        }
        Ok::<(), Error>(())
    };
    let fault = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let leader = control.ask("show leader(faulty-0)").await?;
        let commands = match fault {
            "leader-crash" => vec![
                format!("crash broker {leader}"),
                "run until leader(faulty-0) != none and epoch(faulty-0) > 0 within 30s".into(),
                format!("start broker {leader}"),
            ],
            "leader-stop" => {
                vec![format!("stop broker {leader}"), "run until epoch(faulty-0) > 0 within 30s".into()]
            }
            "leader-pause" => vec![format!("pause broker {leader}"), String::new(), format!("resume broker {leader}")],
            "leader-cut" => vec![
                format!("cut outside broker {leader}"),
                String::new(),
                String::new(),
                format!("heal outside broker {leader}"),
            ],
            _ => vec![format!("reset outside broker {leader}"); 3],
        };
        for command in commands {
            match command.as_str() {
                "" => tokio::time::sleep(Duration::from_secs(1)).await,
                command => drop(control.ask(command).await?),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        Ok::<(), Box<dyn AnyError>>(())
    };
    tokio::select! {
        written = write => written?,
        done = fault => done?,
    }
    let found: BTreeSet<Vec<u8>> = read("faulty", 0).await?.into_iter().filter_map(|found| found.record.value).collect();
    match acknowledged.difference(&found).count() {
        _ if acknowledged.is_empty() => Err("nothing was acknowledged".into()),
        0 => Ok(()),
        lost => Err(format!("{lost} of {} acknowledged records are lost", acknowledged.len()).into()),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let scenario = std::env::args().nth(1).ok_or("a scenario is missing")?;
    match scenario.as_str() {
        "metadata" => metadata().await,
        "create-topics" => create_topics().await,
        "produce-fetch" => produce_fetch().await,
        "list-offsets" => list_offsets().await,
        "compression" => compression().await,
        "large" => large().await,
        fault @ ("leader-crash" | "leader-stop" | "leader-pause" | "leader-cut" | "reset") => through(fault).await,
        other => Err(format!("no scenario {other}").into()),
    }
}
