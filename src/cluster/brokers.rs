//! The brokers that are registered (`ClusterControlManager`, KIP-631).
//!
//! A broker that starts asks to be registered: under its id, with an incarnation id that it draws at every start. It is
//! given a *broker epoch*, the offset at which its registration goes to the metadata log; by it the controller tells
//! this run of the broker from earlier ones. A registered broker is fenced until its heartbeats say that it has read
//! the metadata log up to its own registration.

use super::heartbeats::Heartbeats;
use super::result::ApiError;
use super::{Controller, FeatureControl, MetadataVersion, Outcome, UsableBroker, default_directory};
use crate::base::{OrdMap, SimDuration, SimTime};
use crate::wire::messages::BrokerRegistrationRequest;
use crate::wire::metadata_records::{
    BrokerEndpoint, BrokerFeature, BrokerRegistrationChangeRecord, RegisterBrokerRecord, RegisterControllerRecord,
    UnregisterBrokerRecord,
};
use crate::wire::{ErrorCode, StrBytes, VersionedRecord};
use std::sync::Arc;
use uuid::Uuid;

/// A broker that is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerRegistration {
    /// Its id.
    pub id: i32,
    /// The epoch of this registration.
    pub epoch: i64,
    /// Drawn at the broker's start.
    pub incarnation_id: Uuid,
    /// Its listeners.
    pub endpoints: Vec<BrokerEndpoint>,
    /// The features that it supports.
    pub features: Vec<BrokerFeature>,
    /// `broker.rack`.
    pub rack: Option<Arc<str>>,
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it is shutting down in a controlled way.
    pub in_controlled_shutdown: bool,
    /// The ids of its log directories that are online (KIP-858).
    pub directories: Vec<Uuid>,
    /// Where the registration is in the metadata log.
    pub register_offset: i64,
}

impl BrokerRegistration {
    /// Whether it may lead partitions and be in their ISR.
    pub fn is_active(&self) -> bool {
        !self.fenced && !self.in_controlled_shutdown
    }

    /// Whether a replica's log directory can be served by it.
    pub fn has_online_directory(&self, directory: Uuid) -> bool {
        let reserved = directory == super::DIRECTORY_UNASSIGNED || directory == super::DIRECTORY_MIGRATING;
        reserved || self.directories.contains(&directory)
    }
}

/// The registered brokers, by id.
#[derive(Clone, Debug, Default)]
pub struct ClusterControl {
    registrations: OrdMap<i32, Arc<BrokerRegistration>>,
    controllers: OrdMap<i32, Arc<RegisterControllerRecord>>,
}

impl ClusterControl {
    /// The broker with this id.
    pub fn registration(&self, id: i32) -> Option<&BrokerRegistration> {
        self.registrations.get(&id).map(|registration| &**registration)
    }

    /// Every registered broker, by id.
    pub fn iter(&self) -> impl Iterator<Item = &BrokerRegistration> {
        self.registrations.values().map(|registration| &**registration)
    }

    /// Whether the broker is registered, in service and not on its way out.
    pub fn is_active(&self, id: i32) -> bool {
        self.registration(id).is_some_and(BrokerRegistration::is_active)
    }

    /// What placement knows of the brokers.
    pub fn usable(&self) -> impl Iterator<Item = UsableBroker> {
        self.iter().map(|b| UsableBroker { id: b.id, rack: b.rack.clone(), fenced: b.fenced })
    }

    /// The log directory that a new replica on the broker gets.
    pub fn default_directory(&self, id: i32) -> Uuid {
        self.registration(id).map_or(super::DIRECTORY_UNASSIGNED, |broker| default_directory(&broker.directories))
    }

    /// Checks that a request comes from the broker's current run.
    ///
    /// # Errors
    /// STALE_BROKER_EPOCH.
    pub fn check_epoch(&self, id: i32, epoch: i64) -> Result<&BrokerRegistration, ApiError> {
        let stale = |message: String| ApiError::new(ErrorCode::STALE_BROKER_EPOCH, message);
        let registration =
            self.registration(id).ok_or_else(|| stale(format!("No broker registration found for broker id {id}")))?;
        if registration.epoch == epoch {
            return Ok(registration);
        }
        Err(stale(format!("Expected broker epoch {}, but got broker epoch {epoch}", registration.epoch)))
    }

    /// Whether a node with this id is registered, as a broker or as a controller.
    pub fn has_node(&self, id: i32) -> bool {
        self.registrations.contains_key(&id) || self.controllers.contains_key(&id)
    }

    /// Takes a controller's registration in.
    pub fn replay_register_controller(&mut self, record: &RegisterControllerRecord) {
        self.controllers.insert(record.controller_id, Arc::new(record.clone()));
    }

    /// The incarnation of a controller that is registered.
    pub fn controller(&self, id: i32) -> Option<Uuid> {
        self.controllers.get(&id).map(|record| record.incarnation_id)
    }

    /// Every registered controller, by id.
    pub fn controllers(&self) -> impl Iterator<Item = &RegisterControllerRecord> {
        self.controllers.values().map(|record| &**record)
    }

    /// Takes a registration in.
    pub fn replay_register(&mut self, record: &RegisterBrokerRecord, offset: i64) {
        let registration = BrokerRegistration {
            id: record.broker_id,
            epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: record.end_points.clone(),
            features: record.features.clone(),
            rack: record.rack.as_deref().map(Arc::from),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: record.log_dirs.clone(),
            register_offset: offset,
        };
        self.registrations.insert(record.broker_id, Arc::new(registration));
    }

    /// Takes the end of a registration in.
    pub fn replay_unregister(&mut self, record: &UnregisterBrokerRecord) {
        self.registrations.remove(&record.broker_id);
    }

    /// Takes a fencing or its end in, as clusters before 3.3 wrote it.
    ///
    /// # Panics
    /// When there is no such registration.
    pub fn replay_fence(&mut self, id: i32, epoch: i64, fenced: bool) {
        let fenced = if fenced { 1 } else { -1 };
        let record =
            BrokerRegistrationChangeRecord { broker_id: id, broker_epoch: epoch, fenced, ..Default::default() };
        self.replay_change(&record);
    }

    /// Takes a change of a registration in.
    ///
    /// # Panics
    /// When there is no such registration: the log holds what a controller wrote.
    pub fn replay_change(&mut self, record: &BrokerRegistrationChangeRecord) {
        let registration = self.registrations.get_mut(&record.broker_id).expect("the broker is registered");
        assert_eq!(registration.epoch, record.broker_epoch, "the record is of the current registration");
        let registration = Arc::make_mut(registration);
        match record.fenced {
            0 => {}
            change => registration.fenced = change > 0,
        }
        if record.in_controlled_shutdown != 0 {
            registration.in_controlled_shutdown = record.in_controlled_shutdown > 0;
        }
        if !record.log_dirs.is_empty() {
            registration.directories.clone_from(&record.log_dirs);
        }
    }
}

impl Controller {
    /// BrokerRegistration: the records of a registration, which may begin with what becomes of the partitions of the
    /// broker's earlier run, and its epoch. `next_offset` is where the first of the records will be in the metadata log.
    /// When they are replayed, [`Heartbeats::register`] follows.
    ///
    /// # Errors
    /// Kafka's code and message: of them DUPLICATE_BROKER_REGISTRATION while the session of another incarnation has not
    /// run out.
    pub fn register_broker(
        &self,
        request: &BrokerRegistrationRequest,
        heartbeats: &Heartbeats,
        next_offset: i64,
        now: SimTime,
    ) -> Result<Outcome<i64>, ApiError> {
        let id = request.broker_id.0;
        let existing = self.brokers.registration(id);
        self.check_registration(request)?;
        let same_run = existing.is_some_and(|broker| broker.incarnation_id == request.incarnation_id);
        if existing.is_some_and(|broker| !same_run && heartbeats.has_valid_session(id, broker.epoch, now)) {
            return Err(duplicate());
        }
        let mut record = register_record(request, self.features.metadata_version());
        let mut records = Vec::new();
        match existing.filter(|_| same_run) {
            // The same run registers again: it amends what it said of itself.
            Some(existing) => {
                record.fenced = existing.fenced;
                record.in_controlled_shutdown = existing.in_controlled_shutdown;
                record.broker_epoch = existing.epoch;
            }
            None => {
                let clean = existing.is_some_and(|broker| broker.epoch == request.previous_broker_epoch);
                self.handle_broker_shutdown(id, clean, &mut records);
                record.broker_epoch = next_offset;
            }
        }
        let epoch = record.broker_epoch;
        let version = self.features.metadata_version().register_broker_record_version();
        records.push(VersionedRecord::new(record, version));
        Ok(Outcome { records, response: epoch })
    }

    fn check_registration(&self, request: &BrokerRegistrationRequest) -> Result<(), ApiError> {
        let ours = &*self.settings.cluster_id;
        if &*request.cluster_id != ours {
            let message = format!("Expected cluster ID {ours}, but got cluster ID {}", request.cluster_id);
            return Err(ApiError::new(ErrorCode::INCONSISTENT_CLUSTER_ID, message));
        }
        if self.features.metadata_version().has_directories() && request.log_dirs.is_empty() {
            return Err(ApiError::new(ErrorCode::INVALID_REGISTRATION, "No directories specified in request"));
        }
        let range = |name: &str| {
            let feature = request.features.iter().find(|feature| &*feature.name == name);
            feature.map(|feature| (feature.min_supported_version, feature.max_supported_version))
        };
        if range(MetadataVersion::FEATURE).is_none() {
            let message = "Request features do not contain 'metadata.version'";
            return Err(ApiError::new(ErrorCode::INVALID_REGISTRATION, message));
        }
        for (name, level) in self.features.finalized() {
            // A broker that does not name a feature supports it switched off only.
            let (min, max) = range(name).unwrap_or((0, 0));
            if !(min..=max).contains(&level) {
                let message = format!(
                    "Unable to register because the broker does not support finalized version {level} of {name}. The \
                     broker wants a version between {min} and {max}, inclusive."
                );
                return Err(ApiError::new(ErrorCode::UNSUPPORTED_VERSION, message));
            }
        }
        Ok(())
    }

    /// The heartbeats with which this controller begins when it becomes the active one: every broker was just heard of.
    pub fn begin_heartbeats(&self, session_timeout: SimDuration, now: SimTime) -> Heartbeats {
        let mut heartbeats = Heartbeats::new(session_timeout);
        self.brokers.iter().for_each(|broker| heartbeats.register(broker.id, broker.epoch, broker.fenced, now));
        heartbeats
    }

    /// UnregisterBroker.
    ///
    /// # Errors
    /// BROKER_ID_NOT_REGISTERED.
    pub fn unregister_broker(&self, id: i32) -> Result<Outcome<()>, ApiError> {
        let Some(registration) = self.brokers.registration(id) else {
            let message = format!("Broker ID {id} is not currently registered");
            return Err(ApiError::new(ErrorCode::BROKER_ID_NOT_REGISTERED, message));
        };
        let mut records = Vec::new();
        self.handle_broker_unregistered(id, registration.epoch, &mut records);
        Ok(Outcome { records, response: () })
    }
}

fn duplicate() -> ApiError {
    let message = "Another broker is registered with that broker id. If the broker was recently restarted this should \
                   self-resolve once the heartbeat manager expires the broker's session.";
    ApiError::new(ErrorCode::DUPLICATE_BROKER_REGISTRATION, message)
}

fn register_record(request: &BrokerRegistrationRequest, version: MetadataVersion) -> RegisterBrokerRecord {
    let endpoint = |listener: &crate::wire::messages::broker_registration_request::Listener| BrokerEndpoint {
        name: listener.name.clone(),
        host: listener.host.clone(),
        port: listener.port,
        security_protocol: listener.security_protocol,
    };
    let feature = |name: &StrBytes, min: i16, max: i16| BrokerFeature {
        name: name.clone(),
        min_supported_version: min,
        max_supported_version: max,
    };
    let features = request.features.iter().map(|f| feature(&f.name, f.min_supported_version, f.max_supported_version));
    RegisterBrokerRecord {
        broker_id: request.broker_id.0,
        incarnation_id: request.incarnation_id,
        end_points: request.listeners.iter().map(endpoint).collect(),
        features: features.collect(),
        rack: request.rack.clone(),
        log_dirs: if version.has_directories() { request.log_dirs.clone() } else { Vec::new() },
        ..Default::default()
    }
}

/// What a broker of Kafka 4.1 says that it supports, in its order.
pub fn supported_features() -> Vec<BrokerFeature> {
    let names = ["group.version", "kraft.version", MetadataVersion::FEATURE, "share.version", "transaction.version"];
    let names = names.into_iter().chain([super::ELR_FEATURE]);
    let feature = |name: &'static str| {
        let (min, max) = FeatureControl::supported(name).expect("one of ours");
        BrokerFeature { name: StrBytes::from_static_str(name), min_supported_version: min, max_supported_version: max }
    };
    names.map(feature).collect()
}
