//! What a broker checks of AlterConfigs and IncrementalAlterConfigs before it hands them to the controller
//! (`ConfigAdminManager`).
//!
//! The configs of brokers are the affair of the broker that is asked: whether they can be changed while it runs, and to
//! this value. So a client sends the configs of a broker to that broker. What is refused here does not go to the
//! controller; its answer is put among the controller's.

use super::{Broker, Served, Serving};
use crate::cluster::{ApiError, ResourceType, check_dynamic_broker_configs};
use crate::network::Pending;
use crate::wire::messages::incremental_alter_configs_request::AlterConfigsResource;
use crate::wire::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use crate::wire::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    alter_configs_response as legacy_response,
};
use crate::wire::{ErrorCode, Request, RequestKind, ResponseKind, StrBytes};
use std::sync::Arc;

/// Resources that were refused, each with its place in the request, in this order.
pub(super) type Refused = Vec<(usize, Resource, ApiError)>;

/// A resource's type and name.
type Resource = (i8, StrBytes);

/// What is set of a resource.
type Set<'a> = Vec<(&'a str, &'a str)>;

impl Broker {
    /// Forwards what of a request to change configs passes.
    pub(super) fn alter_configs(
        &mut self,
        pending: Pending,
        request: &Arc<Request>,
        serving: &mut Serving<'_, '_>,
    ) -> Served {
        let refused = self.refused_resources(&request.body);
        if refused.is_empty() {
            return self.forward(pending, request, serving);
        }
        let mut rest = Request::clone(request);
        if without(&mut rest.body, &refused) == 0 {
            let mut answer = match request.body {
                RequestKind::AlterConfigs(_) => ResponseKind::AlterConfigs(AlterConfigsResponse::default()),
                _ => ResponseKind::IncrementalAlterConfigs(IncrementalAlterConfigsResponse::default()),
            };
            put_among(&mut answer, refused);
            return Served::Now(answer);
        }
        self.forward_rest(pending, &Arc::new(rest), refused, serving)
    }

    fn refused_resources(&self, request: &RequestKind) -> Refused {
        let resources: Vec<(Resource, Result<Set<'_>, ApiError>)> = match request {
            RequestKind::AlterConfigs(body) => of_legacy(body),
            RequestKind::IncrementalAlterConfigs(body) => of_incremental(body),
            _ => Vec::new(),
        };
        let refused = resources.into_iter().enumerate().filter_map(|(at, (resource, set))| {
            let why = set.and_then(|set| self.check_resource(&resource, set)).err()?;
            Some((at, resource, why))
        });
        refused.collect()
    }

    fn check_resource(&self, (kind, name): &Resource, set: Set<'_>) -> Result<(), ApiError> {
        if *kind != ResourceType::Broker as i8 {
            return Ok(());
        }
        let invalid = |message: String| Err(ApiError::new(ErrorCode::INVALID_REQUEST, message));
        let own = self.id;
        match name.parse::<i32>() {
            _ if name.is_empty() => {}
            Ok(id) if id == own => {}
            Ok(_) => return invalid(format!("Unexpected broker id, expected {own}, but received {name}")),
            Err(_) => return invalid(format!("Node id must be an integer, but it is: {name}")),
        }
        check_dynamic_broker_configs(!name.is_empty(), set)
    }
}

fn of_legacy(request: &AlterConfigsRequest) -> Vec<(Resource, Result<Set<'_>, ApiError>)> {
    let resources = request.resources.iter().map(|resource| {
        let set = resource.configs.iter().filter_map(|config| Some((&*config.name, config.value.as_deref()?)));
        ((resource.resource_type, resource.resource_name.clone()), Ok(set.collect()))
    });
    resources.collect()
}

fn of_incremental(request: &IncrementalAlterConfigsRequest) -> Vec<(Resource, Result<Set<'_>, ApiError>)> {
    let set = |resource: &AlterConfigsResource| {
        let is_broker = resource.resource_type == ResourceType::Broker as i8;
        let unknown = resource.configs.iter().find(|config| !(0..=3).contains(&config.config_operation));
        match unknown.filter(|_| is_broker) {
            Some(config) => {
                let message = format!("Unknown operations type {}", config.config_operation);
                Err(ApiError::new(ErrorCode::INVALID_REQUEST, message))
            }
            None => Ok(()),
        }
    };
    let resources = request.resources.iter().map(|resource| {
        // What is appended to a list is checked as what is set; what is taken away needs no check.
        let added = resource.configs.iter().filter(|config| matches!(config.config_operation, 0 | 2));
        let pairs = added.filter_map(|config| Some((&*config.name, config.value.as_deref()?))).collect();
        ((resource.resource_type, resource.resource_name.clone()), set(resource).map(|()| pairs))
    });
    resources.collect()
}

/// Takes the refused resources out of a request; how many are left.
fn without(request: &mut RequestKind, refused: &Refused) -> usize {
    fn keep<T>(resources: &mut Vec<T>, refused: &Refused) -> usize {
        let mut at = 0..;
        resources.retain(|_| {
            let at = at.next();
            !refused.iter().any(|(place, ..)| Some(*place) == at)
        });
        resources.len()
    }
    match request {
        RequestKind::AlterConfigs(body) => keep(&mut body.resources, refused),
        RequestKind::IncrementalAlterConfigs(body) => keep(&mut body.resources, refused),
        _ => 0,
    }
}

/// Puts what was refused among the controller's answers.
pub(super) fn put_among(response: &mut ResponseKind, refused: Refused) {
    for (at, (kind, name), why) in refused {
        let message = why.message.map(StrBytes::from_string);
        match response {
            ResponseKind::AlterConfigs(body) => {
                let refusal = legacy_response::AlterConfigsResourceResponse::default()
                    .with_resource_type(kind)
                    .with_resource_name(name)
                    .with_error_code(why.error.0)
                    .with_error_message(message);
                body.responses.insert(at.min(body.responses.len()), refusal);
            }
            ResponseKind::IncrementalAlterConfigs(body) => {
                let refusal = AlterConfigsResourceResponse::default()
                    .with_resource_type(kind)
                    .with_resource_name(name)
                    .with_error_code(why.error.0)
                    .with_error_message(message);
                body.responses.insert(at.min(body.responses.len()), refusal);
            }
            _ => {}
        }
    }
}
