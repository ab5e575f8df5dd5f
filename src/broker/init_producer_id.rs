//! InitProducerId: an id for a producer (`TransactionCoordinator`, `RPCProducerIdManager`).
//!
//! Ids are unique in the cluster because the controller hands them out in blocks of 1000. A broker takes from its block,
//! asks for the next one when nine tenths of it are gone, and while it has none says COORDINATOR_LOAD_IN_PROGRESS, which
//! is what the first producers of a fresh broker hear.

use super::{Broker, Served, Serving};
use crate::base::{ConnId, SimDuration, SimTime, earlier};
use crate::machine::{Ctx, Input};
use crate::network::ControllerChannel;
use crate::network::controller_channel::{ActiveController, ChannelEvent};
use crate::wire::messages::{AllocateProducerIdsRequest, InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use crate::wire::{ApiKey, BrokerId, ErrorCode, RequestKind, ResponseKind};

/// How long a request for a block may wait for a controller (the channel's `retryTimeoutMs`).
const CHANNEL_TIMEOUT: SimDuration = SimDuration::from_secs(60);
/// How long a broker waits before it asks for a block again (`RPCProducerIdManager.RETRY_BACKOFF_MS`).
const RETRY_BACKOFF: SimDuration = SimDuration::from_millis(50);
const NO_PRODUCER_ID: i64 = -1;
const NO_PRODUCER_EPOCH: i16 = -1;

/// Ids that are a broker's to give (`ProducerIdsBlock`).
#[derive(Clone, Copy, Debug)]
struct Block {
    next: i64,
    end: i64,
    /// When this id is given, the next block is asked for.
    prefetch_at: i64,
}

/// Whether the controller is asked for a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Request {
    /// There is enough.
    #[default]
    None,
    /// It is to be asked, from this moment on.
    Due(SimTime),
    InFlight,
}

/// A broker's producer ids.
#[derive(Clone, Debug)]
pub(super) struct ProducerIds {
    channel: ControllerChannel<()>,
    block: Option<Block>,
    next_block: Option<Block>,
    request: Request,
}

impl ProducerIds {
    pub(super) fn new(broker: i32, request_timeout: SimDuration) -> Self {
        Self {
            channel: ControllerChannel::new(broker, request_timeout, Some(CHANNEL_TIMEOUT)),
            block: None,
            next_block: None,
            request: Request::None,
        }
    }

    pub(super) fn is_settled(&self, leader: &ActiveController) -> bool {
        self.channel.is_settled(leader)
    }

    pub(super) fn owns(&self, conn: ConnId) -> bool {
        self.channel.owns(conn)
    }

    pub(super) fn next_deadline(&self, leader: &ActiveController) -> Option<SimTime> {
        earlier(self.channel.next_deadline(leader), self.ask_at())
    }

    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        self.channel.close(ctx);
    }

    /// An id that no other producer has.
    ///
    /// # Errors
    /// `COORDINATOR_LOAD_IN_PROGRESS` while there is none; then a block is wanted.
    fn generate(&mut self, now: SimTime) -> Result<i64, ErrorCode> {
        if self.block.is_none_or(|block| block.next == block.end) {
            let Some(block) = self.next_block.take() else {
                self.want_block(now);
                return Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
            };
            self.block = Some(block);
        }
        let block = self.block.as_mut().expect("it was just seen to");
        let id = block.next;
        block.next += 1;
        if id == block.prefetch_at {
            self.want_block(now);
        }
        Ok(id)
    }

    fn want_block(&mut self, now: SimTime) {
        if self.request == Request::None {
            self.request = Request::Due(now);
        }
    }

    /// When the controller is to be asked for a block (AllocateProducerIds), if it is.
    fn ask_at(&self) -> Option<SimTime> {
        match self.request {
            Request::Due(at) => Some(at),
            Request::None | Request::InFlight => None,
        }
    }

    /// The controller gave a block: its first id and how many there are. Without one, because it gave no answer or none
    /// that helps, it is asked again.
    fn answered(&mut self, block: Option<(i64, i32)>, now: SimTime) {
        let Some((start, length)) = block else {
            self.request = Request::Due(now + RETRY_BACKOFF);
            return;
        };
        let (end, prefetch_at) = (start + i64::from(length), start + i64::from(length) * 9 / 10);
        self.next_block = Some(Block { next: start, end, prefetch_at });
        self.request = Request::None;
    }
}

impl Broker {
    pub(super) fn init_producer_id(&mut self, request: &InitProducerIdRequest, now: SimTime) -> Served {
        let answer = |error: ErrorCode, id: i64, epoch: i16| {
            let response = InitProducerIdResponse::default()
                .with_error_code(error.0)
                .with_producer_id(ProducerId(id))
                .with_producer_epoch(epoch);
            Served::Now(ResponseKind::InitProducerId(response))
        };
        let known = (request.producer_id.0 != NO_PRODUCER_ID, request.producer_epoch != NO_PRODUCER_EPOCH);
        let error = match &request.transactional_id {
            // Half an identity is none.
            _ if known.0 != known.1 => ErrorCode::INVALID_REQUEST,
            Some(id) if id.is_empty() => ErrorCode::INVALID_REQUEST,
            // No broker coordinates transactions here.
            Some(_) => ErrorCode::NOT_COORDINATOR,
            None => match self.producer_ids.generate(now) {
                Ok(id) => return answer(ErrorCode::NONE, id, 0),
                Err(error) => error,
            },
        };
        answer(error, NO_PRODUCER_ID, NO_PRODUCER_EPOCH)
    }

    pub(super) fn producer_ids_input(&mut self, input: Input, serving: &mut Serving<'_, '_>) {
        let events = self.producer_ids.channel.handle(input, serving.ctx);
        self.producer_ids_events(events, serving.ctx.now());
    }

    /// Asks the controller for a block if one is wanted. A broker that is not registered yet waits.
    pub(super) fn send_allocate_producer_ids(&mut self, serving: &mut Serving<'_, '_>) {
        let now = serving.ctx.now();
        if let (Some(epoch), true) = (self.lifecycle.epoch(), self.producer_ids.ask_at().is_some_and(|at| at <= now)) {
            self.producer_ids.request = Request::InFlight;
            let request =
                AllocateProducerIdsRequest::default().with_broker_id(BrokerId(self.id)).with_broker_epoch(epoch);
            let body = RequestKind::AllocateProducerIds(request);
            self.producer_ids.channel.enqueue((), ApiKey::AllocateProducerIds, body, now);
        }
        let events = self.producer_ids.channel.poll(serving.leader, serving.ctx);
        self.producer_ids_events(events, now);
    }

    fn producer_ids_events(&mut self, events: Vec<ChannelEvent<()>>, now: SimTime) {
        for event in events {
            let block = match event {
                ChannelEvent::Answered((), response) => match &response.body {
                    ResponseKind::AllocateProducerIds(body) => {
                        ErrorCode(body.error_code).is_ok().then_some((body.producer_id_start.0, body.producer_id_len))
                    }
                    other => panic!("a response of another kind than its request: {other:?}"),
                },
                ChannelEvent::TimedOut(()) => None,
            };
            self.producer_ids.answered(block, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_asked_for_before_the_last_is_used_up() {
        let mut ids = ProducerIds::new(1, SimDuration::from_secs(30));
        assert_eq!(ids.generate(SimTime(5)), Err(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS));
        assert_eq!(ids.ask_at(), Some(SimTime(5)));
        ids.request = Request::InFlight;
        assert_eq!((ids.ask_at(), ids.generate(SimTime(6)).is_err()), (None, true));
        ids.answered(None, SimTime(6));
        assert_eq!(ids.ask_at(), Some(SimTime(50_006)));
        ids.answered(Some((3_000, 1_000)), SimTime(6));
        let given: Vec<i64> = (0..900).map(|_| ids.generate(SimTime(7)).expect("there is a block")).collect();
        assert_eq!((given[0], given[899], ids.ask_at()), (3_000, 3_899, None));
        assert_eq!((ids.generate(SimTime(8)), ids.ask_at()), (Ok(3_900), Some(SimTime(8))));
        (0..99).for_each(|_| assert!(ids.generate(SimTime(9)).is_ok()));
        ids.request = Request::InFlight;
        assert!(ids.generate(SimTime(10)).is_err());
        ids.answered(Some((7_000, 1_000)), SimTime(10));
        assert_eq!(ids.generate(SimTime(11)), Ok(7_000));
    }
}
