//! Carrying out commands.

use super::command::{Applied, Command, CommandError, Restart};
use super::host::{Host, Node};
use super::trace::TraceKind;
use super::world::World;
use crate::base::{Endpoint, EventId, HostId};
use crate::client::{Call, Consumer, Producer, ProducerRecord};
use crate::machine::Input;
use crate::tools::{Invocation, Tool};
use crate::wire::records::Record;

impl World {
    /// Carries out a command now. `line` is the command in the script language, for the trace.
    ///
    /// # Errors
    /// When it cannot be done; nothing of it has been then.
    pub fn apply(&mut self, line: &str, command: &Command) -> Result<Applied, CommandError> {
        let applied = self.carry_out(line, command);
        self.drop_stale_alarms();
        applied
    }

    fn carry_out(&mut self, line: &str, command: &Command) -> Result<Applied, CommandError> {
        match command {
            Command::Producer { name, topic, config, workload } => {
                self.check_new_client(name)?;
                let producer = Producer::new(name, topic, config.clone(), workload.clone(), self.bootstrap());
                Ok(self.start_client(line, format!("producer {name}"), Node::Producer(producer)))
            }
            Command::Consumer { name, reads, config } => {
                self.check_new_client(name)?;
                let consumer = Consumer::new(name, reads.clone(), config.clone(), self.bootstrap());
                Ok(self.start_client(line, format!("consumer {name}"), Node::Consumer(consumer)))
            }
            Command::Send { producer, key, value, partition, topic, timestamp_ms, headers } => {
                let bytes = |text: &String| bytes::Bytes::copy_from_slice(text.as_bytes());
                let headers = headers.iter().map(|(name, value)| (name.clone(), Some(bytes(value)))).collect();
                let (key, value) = (key.as_ref().map(bytes), value.as_ref().map(bytes));
                let record = ProducerRecord {
                    topic: topic.as_deref().map(Into::into),
                    partition: *partition,
                    timestamp_ms: *timestamp_ms,
                    record: Record { timestamp_ms: 0, key, value, headers },
                };
                self.send_record(line, producer, record)
            }
            Command::Flush { producer } => {
                let host = self.running_producer(producer)?;
                let cause = self.commanded(line);
                self.with_host(host, Some(cause), |host, ctx| {
                    if let Node::Producer(producer) = &mut host.node {
                        producer.flush(ctx);
                    }
                });
                Ok(Applied::Done)
            }
            Command::Call { consumer, call } => self.call_consumer(line, consumer, call),
            Command::Close { client } => self.close_client(line, client),
            Command::Restart(restart) => self.restart(line, restart),
            Command::Tool(invocation) => Ok(self.start_tool(line, invocation)),
            Command::Fault(fault) => self.carry_out_fault(line, fault),
            Command::Broker(broker) => self.join(line, broker),
        }
    }

    fn start_client(&mut self, line: &str, name: String, node: Node) -> Applied {
        let cause = self.commanded(line);
        let host = self.add_host_because(Host::new(name, node, self.seed(), self.now()), Some(cause));
        self.with_host(host, Some(cause), |host, ctx| host.handle(Input::Started, ctx));
        Applied::Done
    }

    fn start_tool(&mut self, line: &str, invocation: &Invocation) -> Applied {
        let cause = self.commanded(line);
        let name = format!("tool {}", self.hosts().count());
        let tool = Node::Tool(Box::new(Tool::new(invocation.clone(), self.bootstrap())));
        let host = self.add_host_because(Host::new(name, tool, self.seed(), self.now()), Some(cause));
        self.with_host(host, Some(cause), |host, ctx| host.handle(Input::Started, ctx));
        Applied::Tool(host)
    }

    fn running_producer(&self, name: &str) -> Result<HostId, CommandError> {
        let found = self.producers().find(|(_, p)| p.name() == name).map(|(host, _)| host);
        let host = found.ok_or_else(|| CommandError(format!("no producer {name} is running")))?;
        self.check_not_paused(host)?;
        Ok(host)
    }

    fn send_record(&mut self, line: &str, producer: &str, record: ProducerRecord) -> Result<Applied, CommandError> {
        let host = self.running_producer(producer)?;
        let cause = self.commanded(line);
        let mut result = Ok(());
        self.with_host(host, Some(cause), |host, ctx| {
            if let Node::Producer(producer) = &mut host.node {
                result = producer.send(record, ctx);
            }
        });
        result.map(|()| Applied::Done).map_err(|error| CommandError(error.to_string()))
    }

    fn call_consumer(&mut self, line: &str, consumer: &str, call: &Call) -> Result<Applied, CommandError> {
        let found = self.consumers().find(|(_, c)| c.name() == consumer).map(|(host, _)| host);
        let host = found.ok_or_else(|| CommandError(format!("no consumer {consumer} is running")))?;
        self.check_not_paused(host)?;
        let cause = self.commanded(line);
        let mut result = Ok(());
        self.with_host(host, Some(cause), |host, ctx| {
            if let Node::Consumer(consumer) = &mut host.node {
                result = consumer.call(call.clone(), ctx);
            }
        });
        result.map(|()| Applied::Done).map_err(CommandError)
    }

    fn close_client(&mut self, line: &str, client: &str) -> Result<Applied, CommandError> {
        let is_it = |node: &Node| match node {
            Node::Producer(producer) => producer.name() == client,
            Node::Consumer(consumer) => consumer.name() == client,
            _ => false,
        };
        let found = self.hosts().find(|(_, host)| host.running && is_it(&host.node)).map(|(id, _)| id);
        let host = found.ok_or_else(|| CommandError(format!("no client {client} is running")))?;
        self.check_not_paused(host)?;
        let cause = self.commanded(line);
        self.host_mut(host).next = None;
        self.begin_closing(host, cause);
        Ok(Applied::Done)
    }

    fn begin_closing(&mut self, host: HostId, cause: EventId) {
        self.with_host(host, Some(cause), |host, ctx| match &mut host.node {
            Node::Producer(producer) => producer.close(ctx),
            Node::Consumer(consumer) => consumer.close(ctx),
            _ => {}
        });
    }

    /// The client that a restart is of, and what it is to be.
    ///
    /// # Errors
    /// Why it cannot be that.
    fn restarted(&self, restart: &Restart) -> Result<(HostId, Node), CommandError> {
        // Who is started again already is changed once more.
        let found = self.hosts().find_map(|(id, host)| match (host.to_be(), restart) {
            (Node::Producer(it), Restart::Producer(name, changes)) if it.name() == name => {
                Some((id, it.again(changes, self.bootstrap()).map(Node::Producer)))
            }
            (Node::Consumer(it), Restart::Consumer(name, changes)) if it.name() == name => {
                Some((id, it.again(changes, self.bootstrap()).map(Node::Consumer)))
            }
            _ => None,
        });
        let (host, node) = found.ok_or_else(|| {
            CommandError(match restart {
                Restart::Producer(name, _) => format!("there is no producer {name}"),
                Restart::Consumer(name, _) => format!("there is no consumer {name}"),
            })
        })?;
        self.check_not_paused(host)?;
        Ok((host, node.map_err(|error| CommandError(error.to_string()))?))
    }

    /// Whether a client could be started again so.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check_restart(&self, restart: &Restart) -> Result<(), CommandError> {
        self.restarted(restart).map(drop)
    }

    fn restart(&mut self, line: &str, restart: &Restart) -> Result<Applied, CommandError> {
        let (id, node) = self.restarted(restart)?;
        let cause = self.commanded(line);
        self.host_mut(id).next = Some(Box::new(node));
        if self.is_running(id) {
            self.begin_closing(id, cause);
        } else {
            self.start_next(id, cause);
        }
        Ok(Applied::Done)
    }

    /// Where a process has ended, the one that is to follow it starts.
    pub(super) fn start_next(&mut self, id: HostId, cause: EventId) {
        if self.host(id).next.is_some() {
            let host = self.host_mut(id);
            host.node = *host.next.take().expect("it was looked at");
            self.start(id, cause);
        }
    }

    fn check_not_paused(&self, host: HostId) -> Result<(), CommandError> {
        match self.is_paused(host) {
            true => Err(CommandError(format!("{} is paused", self.host_name(host)))),
            false => Ok(()),
        }
    }

    fn check_new_client(&self, name: &str) -> Result<(), CommandError> {
        if self.producer(name).is_some() || self.consumer(name).is_some() {
            return Err(CommandError(format!("there is a client {name} already")));
        }
        Ok(())
    }

    /// The bootstrap servers that clients are given: every broker.
    fn bootstrap(&self) -> Vec<Endpoint> {
        self.brokers().filter_map(|(_, server)| server.broker_listener().cloned()).collect()
    }

    pub(super) fn commanded(&mut self, line: &str) -> EventId {
        self.emit(None, None, TraceKind::Commanded { line: line.to_string() })
    }
}
