//! The cluster's features and their levels (`FeatureControlManager`, KIP-584, KIP-1022): what every member has agreed
//! to speak. A level goes up when an administrator says so, never by itself.

use super::result::{ApiError, text, v0};
use super::{Controller, MetadataVersion, Outcome};
use crate::base::OrdMap;
use crate::wire::messages::api_versions_response::{FinalizedFeatureKey, SupportedFeatureKey};
use crate::wire::messages::update_features_request::FeatureUpdateKey;
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse, UpdateFeaturesRequest, UpdateFeaturesResponse};
use crate::wire::metadata_records::{
    BeginTransactionRecord, ConfigRecord, EndTransactionRecord, FeatureLevelRecord, MetadataRecord,
};
use crate::wire::{ApiRange, ErrorCode, StrBytes, VersionedRecord, api_versions};
use std::sync::Arc;

/// `eligible.leader.replicas.version` (KIP-966).
pub const ELR_FEATURE: &str = "eligible.leader.replicas.version";

/// The features that a controller of Kafka 4.1 supports: name, lowest and highest level, level in a new cluster. A new
/// cluster of Kafka's has `group.version` 1 and `transaction.version` 2; what they stand for is not built yet, so here
/// they are off and cannot be switched on.
const SUPPORTED: [(&str, i16, i16, i16); 6] = [
    (ELR_FEATURE, 0, 1, 1),
    ("group.version", 0, 0, 0),
    ("kraft.version", 0, 1, 0),
    (MetadataVersion::FEATURE, MetadataVersion::MINIMUM.0, MetadataVersion::LATEST.0, MetadataVersion::LATEST.0),
    ("share.version", 0, 0, 0),
    ("transaction.version", 0, 0, 0),
];

/// `FeatureUpdate.UpgradeType.UNSAFE_DOWNGRADE`.
const UNSAFE_DOWNGRADE: i8 = 3;

/// Whether a client's name or version is letters, digits, `-` and `.`, beginning and ending with a letter or digit.
fn is_software_name(text: &StrBytes) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
}

/// The features' levels.
#[derive(Clone, Debug)]
pub struct FeatureControl {
    metadata_version: MetadataVersion,
    levels: OrdMap<Arc<str>, i16>,
}

impl Default for FeatureControl {
    fn default() -> Self {
        Self { metadata_version: MetadataVersion::MINIMUM, levels: OrdMap::new() }
    }
}

impl FeatureControl {
    /// The level of `metadata.version`.
    pub fn metadata_version(&self) -> MetadataVersion {
        self.metadata_version
    }

    /// The level of a feature; 0 is off.
    pub fn level(&self, name: &str) -> i16 {
        if name == MetadataVersion::FEATURE {
            self.metadata_version.0
        } else {
            self.levels.get(name).copied().unwrap_or(0)
        }
    }

    /// The features that are on, by name.
    pub fn finalized(&self) -> impl Iterator<Item = (&str, i16)> {
        let others = self.levels.iter().map(|(name, level)| (&**name, *level));
        std::iter::once((MetadataVersion::FEATURE, self.metadata_version.0)).chain(others)
    }

    /// What ApiVersions answers at `version`: the APIs of a listener, what is supported, and what is finalized as of the
    /// record at `offset` of the metadata log.
    pub fn api_versions(
        &self,
        apis: &[ApiRange],
        version: i16,
        request: &ApiVersionsRequest,
        offset: i64,
    ) -> ApiVersionsResponse {
        let software = [&request.client_software_name, &request.client_software_version];
        if version >= 3 && !software.into_iter().all(is_software_name) {
            return ApiVersionsResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.0);
        }
        let response = ApiVersionsResponse::default().with_api_keys(api_versions(apis));
        if version < 3 {
            return response;
        }
        // Clients of version 3 took a feature that begins at 0 for a mistake (KAFKA-17492).
        let told = SUPPORTED.iter().filter(|(_, min, _, _)| version >= 4 || *min > 0);
        let supported = told.map(|(name, min, max, _)| {
            SupportedFeatureKey::default().with_name(text(name)).with_min_version(*min).with_max_version(*max)
        });
        let finalized = self.finalized().map(|(name, level)| {
            let key = FinalizedFeatureKey::default().with_name(text(name));
            key.with_min_version_level(level).with_max_version_level(level)
        });
        response
            .with_supported_features(supported.collect())
            .with_finalized_features_epoch(offset)
            .with_finalized_features(finalized.collect())
    }

    /// Whether a partition keeps eligible leader replicas.
    pub fn elr_enabled(&self) -> bool {
        self.level(ELR_FEATURE) >= 1
    }

    /// The lowest and highest level of a feature that this controller supports.
    pub fn supported(name: &str) -> Option<(i16, i16)> {
        SUPPORTED.iter().find(|feature| feature.0 == name).map(|feature| (feature.1, feature.2))
    }

    /// Takes a record in.
    pub fn replay(&mut self, record: &FeatureLevelRecord) {
        if &*record.name == MetadataVersion::FEATURE {
            self.metadata_version = MetadataVersion(record.feature_level);
        } else if record.feature_level == 0 {
            self.levels.remove(&*record.name);
        } else {
            self.levels.insert(record.name.as_str().into(), record.feature_level);
        }
    }

    /// The record of one update of UpdateFeatures, if it changes something. `node_id` is the controller's.
    fn update(&self, update: &FeatureUpdateKey, node_id: i32) -> Result<Option<VersionedRecord>, ApiError> {
        let (name, level) = (&*update.feature, update.max_version_level);
        let invalid = |why: String| {
            let message = format!("Invalid update version {level} for feature {name}. {why}");
            ApiError::new(ErrorCode::INVALID_UPDATE_VERSION, message)
        };
        let us = format!("Local controller {node_id}");
        let supported = Self::supported(name);
        let (min, max) = supported.ok_or_else(|| invalid(format!("{us} does not support this feature.")))?;
        if !(min..=max).contains(&level) {
            return Err(invalid(format!("{us} only supports versions {min}-{max}")));
        }
        let may_go_down = update.allow_downgrade || update.upgrade_type > 1;
        if level < self.level(name) && !may_go_down {
            let why = "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                       unsafe downgrade.";
            return Err(invalid(why.into()));
        }
        if level > self.level(name) && update.upgrade_type > 1 {
            return Err(invalid("Can't downgrade to a newer version.".into()));
        }
        if name == MetadataVersion::FEATURE {
            self.check_metadata_version(MetadataVersion(level), update.upgrade_type == UNSAFE_DOWNGRADE)?;
        }
        Ok((self.level(name) != level).then(|| feature_level(name, level)))
    }

    /// What was written at the present level must be readable at a lower one.
    fn check_metadata_version(&self, level: MetadataVersion, is_unsafe: bool) -> Result<(), ApiError> {
        let current = self.metadata_version;
        if level >= current || !current.changes_metadata(level) {
            return Ok(());
        }
        let why = match is_unsafe {
            true => "Unsafe metadata downgrade is not supported in this version.",
            false => "Refusing to perform the requested downgrade because it might delete metadata information.",
        };
        let message = format!("Invalid metadata.version {}. {why}", level.0);
        Err(ApiError::new(ErrorCode::INVALID_UPDATE_VERSION, message))
    }

    /// The first records of a new cluster's metadata log, as `kafka-storage.sh format` and the first active controller
    /// of Kafka 4.1 make them: one transaction with every feature's level and, because eligible leader replicas need
    /// it, a cluster-wide `min.insync.replicas`.
    pub fn bootstrap(min_insync_replicas: i32) -> Vec<VersionedRecord> {
        let begin = BeginTransactionRecord { name: Some(text("Bootstrap records")) };
        let mut records = vec![v0(begin), feature_level(MetadataVersion::FEATURE, MetadataVersion::LATEST.0)];
        let others = SUPPORTED.iter().filter(|feature| feature.0 != MetadataVersion::FEATURE && feature.3 > 0);
        records.extend(others.map(|feature| feature_level(feature.0, feature.3)));
        records.push(v0(ConfigRecord {
            resource_type: super::ResourceType::Broker as i8,
            resource_name: text(""),
            name: text("min.insync.replicas"),
            value: Some(text(&min_insync_replicas.to_string())),
        }));
        records.push(v0(MetadataRecord::EndTransaction(EndTransactionRecord {})));
        records
    }
}

impl Controller {
    /// UpdateFeatures: all updates or none.
    pub fn update_features(&self, request: &UpdateFeaturesRequest) -> Outcome<UpdateFeaturesResponse> {
        let updates = request.feature_updates.iter();
        let records = updates.map(|update| self.features.update(update, self.settings.node_id));
        let records: Result<Vec<Option<VersionedRecord>>, ApiError> = records.collect();
        match records {
            Ok(records) => {
                let records = if request.validate_only { Vec::new() } else { records.into_iter().flatten().collect() };
                Outcome { records, response: UpdateFeaturesResponse::default().with_error_message(None) }
            }
            Err(refused) => {
                let all = "The update failed for all features since the following feature had an error:";
                let message = format!("{all} {}", refused.message.unwrap_or_default());
                let response = UpdateFeaturesResponse::default().with_error_code(refused.error.0);
                Outcome::unchanged(response.with_error_message(Some(text(&message))))
            }
        }
    }
}

fn feature_level(name: &str, level: i16) -> VersionedRecord {
    v0(FeatureLevelRecord { name: text(name), feature_level: level })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cluster_has_the_features_of_4_1_that_are_built() {
        let mut features = FeatureControl::default();
        for record in FeatureControl::bootstrap(1) {
            if let MetadataRecord::FeatureLevel(record) = record.record {
                features.replay(&record);
            }
        }
        assert_eq!(features.metadata_version(), MetadataVersion::LATEST);
        assert!(features.elr_enabled());
        assert_eq!(features.finalized().count(), 2);
    }

    /// As a real 4.1.1 cluster refused them.
    #[test]
    fn a_level_that_is_not_supported_is_refused_in_kafkas_words() {
        let mut features = FeatureControl::default();
        features.replay(&FeatureLevelRecord { name: text("group.version"), feature_level: 1 });
        let refuse = |name: &str, level| {
            let update = FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(level);
            let refused = features.update(&update.with_upgrade_type(1), 101).unwrap_err();
            refused.message.unwrap()
        };
        let prefix = |name: &str, level: i16| format!("Invalid update version {level} for feature {name}.");
        let range = "Local controller 101 only supports versions 7-27";
        assert_eq!(refuse("metadata.version", 99), format!("{} {range}", prefix("metadata.version", 99)));
        let unknown = "Local controller 101 does not support this feature.";
        assert_eq!(refuse("nosuch", 1), format!("{} {unknown}", prefix("nosuch", 1)));
        let down = "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                    unsafe downgrade.";
        assert_eq!(refuse("group.version", 0), format!("{} {down}", prefix("group.version", 0)));
    }
}
