//! DescribeConfigs, and ListConfigResources (KIP-1142): what is configured, and what can be.

use super::{Broker, BrokerSetup, Served, str_bytes};
use crate::cluster::{ConfigMap, ResourceType};
use crate::network::Pending;
use crate::wire::messages::list_config_resources_response::ConfigResource;
use crate::wire::messages::{DescribeConfigsRequest, ListConfigResourcesRequest, ListConfigResourcesResponse};
use crate::wire::{ErrorCode, ResponseKind};

/// What ListConfigResources lists when it is not told, in this order.
const LISTED: [ResourceType; 5] = [
    ResourceType::Group,
    ResourceType::ClientMetrics,
    ResourceType::BrokerLogger,
    ResourceType::Broker,
    ResourceType::Topic,
];

impl Broker {
    pub(super) fn describe_configs(&self, request: &DescribeConfigsRequest) -> Served {
        Served::Now(ResponseKind::DescribeConfigs(self.metadata.describe_configs(request)))
    }

    pub(super) fn list_config_resources(&self, pending: &Pending, request: &ListConfigResourcesRequest) -> Served {
        // Before KIP-1142 this API listed client-metrics subscriptions.
        let supported = if pending.version == 0 { &[ResourceType::ClientMetrics][..] } else { &LISTED };
        let is_supported = |kind: &i8| supported.iter().any(|supported| *supported as i8 == *kind);
        if !request.resource_types.iter().all(is_supported) {
            let refused = ListConfigResourcesResponse::default().with_error_code(ErrorCode::UNSUPPORTED_VERSION.0);
            return Served::Now(ResponseKind::ListConfigResources(refused));
        }
        let asked =
            |kind: &ResourceType| request.resource_types.is_empty() || request.resource_types.contains(&(*kind as i8));
        let resources = supported.iter().copied().filter(asked).flat_map(|kind| {
            let entry = move |name: String| {
                ConfigResource::default().with_resource_name(str_bytes(&name)).with_resource_type(kind as i8)
            };
            self.resources(kind).into_iter().map(entry)
        });
        let answer = ListConfigResourcesResponse::default().with_config_resources(resources.collect());
        Served::Now(ResponseKind::ListConfigResources(answer))
    }

    /// The names of the resources of a kind. Groups and client-metrics subscriptions are those with configs.
    fn resources(&self, kind: ResourceType) -> Vec<String> {
        match kind {
            ResourceType::Topic => self.metadata.topics().iter_by_name().map(|topic| topic.name.to_string()).collect(),
            ResourceType::Broker | ResourceType::BrokerLogger => {
                let brokers = self.metadata.brokers().iter().filter(|broker| !broker.fenced);
                brokers.map(|broker| broker.id.to_string()).collect()
            }
            ResourceType::ClientMetrics | ResourceType::Group => {
                let set = self.metadata.configs().iter().filter(|((of, _), _)| *of == kind);
                set.map(|((_, name), _)| name.to_string()).collect()
            }
        }
    }
}

/// What a broker's file would say beside the configs that a script sets: who it is and where.
pub(super) fn static_configs(setup: &BrokerSetup) -> ConfigMap {
    let listener = format!("PLAINTEXT://{}:{}", setup.listener.host, setup.listener.port);
    let mut configs: ConfigMap = [
        ("process.roles", if setup.is_combined { "broker,controller" } else { "broker" }.to_owned()),
        ("node.id", setup.id.to_string()),
        ("broker.id", setup.id.to_string()),
        ("listeners", listener.clone()),
        ("advertised.listeners", listener),
        ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.into(), value.into()))
    .collect();
    configs.extend(setup.rack.iter().map(|rack| ("broker.rack".into(), rack.clone())));
    configs.extend(setup.file.iter().map(|(name, value)| (name.clone(), value.clone())));
    configs
}
