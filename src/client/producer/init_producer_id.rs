//! How an idempotent producer comes by its id, and what it does before it sends (`TransactionManager` in
//! `Sender.runOnce`).
//!
//! It asks any broker, beside its first request for metadata. A broker that has no ids to give yet says
//! COORDINATOR_LOAD_IN_PROGRESS, and whoever has the least to do is asked `retry.backoff.ms` later. Until the producer
//! has an id nothing is sent, and nothing expires.

use super::transaction_manager::ProducerState;
use super::{Producer, Tied};
use crate::base::SimTime;
use crate::machine::{Ctx, Fact};
use crate::wire::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use crate::wire::{ApiKey, ErrorCode, RequestKind};

/// The request for an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// It is to be sent, from this moment on.
    Due(SimTime),
    /// It is under way.
    InFlight,
}

impl Producer {
    /// Sees to sequences and the producer's id; whether batches can be sent.
    pub(super) fn prepare_sequences(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let Some(manager) = &mut self.manager else { return true };
        manager.resolve_sequences();
        match manager.state() {
            ProducerState::FatalError(error) => {
                self.abort_batches(error, ctx);
                return false;
            }
            ProducerState::AbortableError(error) => {
                manager.reset_state();
                self.abort_batches(error, ctx);
            }
            _ => {}
        }
        let manager = self.manager.as_mut().expect("it is idempotent");
        if manager.bump_if_required(&mut self.accumulator.batches) {
            ctx.fact(Fact::ProducerIdSet { producer_id: manager.producer_id(), epoch: manager.epoch() });
        }
        if manager.has_producer_id() {
            return true;
        }
        if manager.state() != ProducerState::Initializing {
            manager.initialize();
            self.asking = Asking::Due(ctx.now());
        }
        self.ask_for_producer_id(ctx);
        false
    }

    fn ask_for_producer_id(&mut self, ctx: &mut Ctx<'_>) {
        let Asking::Due(at) = self.asking else { return };
        if at > ctx.now() {
            self.sender_at = Some(at);
            return;
        }
        let Some(node) = self.net.least_loaded(ctx) else {
            self.sender_at = self.net.reachable_at().filter(|at| *at > ctx.now());
            return;
        };
        self.asking = Asking::InFlight;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let tied = Some(Tied::InitProducerId);
        self.net.send(node, ApiKey::InitProducerId, tied, ctx, |_| RequestKind::InitProducerId(request));
    }

    pub(super) fn got_producer_id(&mut self, response: &InitProducerIdResponse, ctx: &mut Ctx<'_>) {
        let manager = self.manager.as_mut().expect("only an idempotent producer asks");
        let (error, id, epoch) = (ErrorCode(response.error_code), response.producer_id.0, response.producer_epoch);
        if manager.init_producer_id_answered(error, id, epoch) {
            self.asking = Asking::Due(ctx.after(self.config.common.retry_backoff));
        } else if manager.has_producer_id() {
            ctx.fact(Fact::ProducerIdSet { producer_id: id, epoch });
        }
    }

    /// The broker that was asked for an id is gone: another is asked.
    pub(super) fn got_no_producer_id(&mut self, ctx: &mut Ctx<'_>) {
        self.asking = Asking::Due(ctx.after(self.config.common.retry_backoff));
    }
}
