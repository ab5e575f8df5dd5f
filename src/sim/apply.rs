//! Carrying out commands.

use super::command::{Applied, Command, CommandError};
use super::host::{Host, Node};
use super::trace::TraceKind;
use super::world::World;
use crate::base::{Endpoint, EventId, HostId};
use crate::client::{Admin, AdminRequest, Consumer, Producer};
use crate::machine::Input;
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
            Command::Consumer { name, topic, config } => {
                self.check_new_client(name)?;
                let consumer = Consumer::new(name, topic, config.clone(), self.bootstrap());
                Ok(self.start_client(line, format!("consumer {name}"), Node::Consumer(consumer)))
            }
            Command::Send { producer, key, value, partition } => {
                self.send_record(line, producer, key.as_deref(), value.as_deref(), *partition)
            }
            Command::Close { client } => self.close_client(line, client),
            Command::Tool(request) => Ok(self.start_tool(line, request)),
            Command::Fault(fault) => self.carry_out_fault(line, fault),
        }
    }

    fn start_client(&mut self, line: &str, name: String, node: Node) -> Applied {
        let cause = self.commanded(line);
        let host = self.add_host_because(Host::new(name, node, self.seed(), self.now()), Some(cause));
        self.with_host(host, Some(cause), |host, ctx| host.handle(Input::Started, ctx));
        Applied::Done
    }

    fn start_tool(&mut self, line: &str, request: &AdminRequest) -> Applied {
        let cause = self.commanded(line);
        let name = format!("tool {}", self.hosts().count());
        let admin = Node::Admin(Admin::new(request.clone(), self.bootstrap()));
        let host = self.add_host_because(Host::new(name, admin, self.seed(), self.now()), Some(cause));
        self.with_host(host, Some(cause), |host, ctx| host.handle(Input::Started, ctx));
        Applied::Tool(host)
    }

    fn send_record(
        &mut self,
        line: &str,
        producer: &str,
        key: Option<&str>,
        value: Option<&str>,
        partition: Option<i32>,
    ) -> Result<Applied, CommandError> {
        let found = self.producers().find(|(_, p)| p.name() == producer).map(|(host, _)| host);
        let host = found.ok_or_else(|| CommandError(format!("no producer {producer} is running")))?;
        self.check_not_paused(host)?;
        if partition.is_some_and(|p| p < 0) {
            let message = format!(
                "Invalid partition: {}. Partition number should always be non-negative or null.",
                partition.unwrap_or_default()
            );
            return Err(CommandError(message));
        }
        let cause = self.commanded(line);
        let bytes = |text: &str| bytes::Bytes::copy_from_slice(text.as_bytes());
        let mut result = Ok(());
        self.with_host(host, Some(cause), |host, ctx| {
            let record = Record {
                timestamp_ms: ctx.wall_clock_ms(),
                key: key.map(bytes),
                value: value.map(bytes),
                headers: Vec::new(),
            };
            if let Node::Producer(producer) = &mut host.node {
                result = producer.send(record, partition, ctx);
            }
        });
        result.map(|()| Applied::Done).map_err(|error| CommandError(error.to_string()))
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
        self.with_host(host, Some(cause), |host, ctx| match &mut host.node {
            Node::Producer(producer) => producer.close(ctx),
            Node::Consumer(consumer) => consumer.close(ctx),
            _ => {}
        });
        Ok(Applied::Done)
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

    /// The bootstrap servers that clients are given: every broker of the set-up.
    fn bootstrap(&self) -> Vec<Endpoint> {
        self.spec().brokers.iter().map(|broker| broker.listener.clone()).collect()
    }

    pub(super) fn commanded(&mut self, line: &str) -> EventId {
        self.emit(None, None, TraceKind::Commanded { line: line.to_string() })
    }
}
