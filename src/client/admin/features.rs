//! Features and their levels (KIP-584): describeFeatures, updateFeatures.

use super::cluster::api_versions_request;
use super::{Admin, Call, Route, Step, Throwable, body, check, text, thrown};
use crate::base::SortedMap;
use crate::wire::messages::UpdateFeaturesRequest;
use crate::wire::messages::update_features_request::FeatureUpdateKey;
use crate::wire::{ErrorCode, RequestKind};

/// What features there are and which levels are in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureMetadata {
    /// Each supported feature's lowest and highest level, by name.
    pub supported: SortedMap<String, (i16, i16)>,
    /// Each finalized feature's level, by name.
    pub finalized: SortedMap<String, i16>,
    /// The metadata offset at which the levels were so; none if the broker does not know.
    pub epoch: Option<i64>,
}

/// Which way a feature's level may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeType {
    /// Up only.
    Upgrade,
    /// Down too, as long as no metadata is lost.
    SafeDowngrade,
    /// Down whatever is lost.
    UnsafeDowngrade,
}

/// A feature's new level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// The feature.
    pub feature: String,
    /// The level that it shall have; 0 is off.
    pub level: i16,
    /// Which way it may go.
    pub kind: UpgradeType,
}

impl Admin<'_, '_> {
    /// The features as a broker's ApiVersions response has them (`describeFeatures`).
    ///
    /// # Errors
    /// What the call throws.
    pub fn describe_features(&mut self) -> Step<FeatureMetadata> {
        let response = self.call(Call::new("describeFeatures", Route::LeastLoaded, api_versions_request()))?;
        let response = body!(ApiVersions, &response.body);
        check(response.error_code, None)?;
        let supported = response.supported_features.iter();
        let finalized = response.finalized_features.iter();
        Ok(FeatureMetadata {
            supported: supported.map(|f| (f.name.to_string(), (f.min_version, f.max_version))).collect(),
            finalized: finalized.map(|f| (f.name.to_string(), f.max_version_level)).collect(),
            epoch: Some(response.finalized_features_epoch).filter(|epoch| *epoch >= 0),
        })
    }

    /// Sets levels of features; what was thrown for each, if anything, in the order of the updates (`updateFeatures`).
    ///
    /// # Errors
    /// What the call throws.
    pub fn update_features(&mut self, updates: &[FeatureUpdate], validate_only: bool) -> Step<Vec<Option<Throwable>>> {
        let key = |update: &FeatureUpdate| {
            let kind = match update.kind {
                UpgradeType::Upgrade => 1,
                UpgradeType::SafeDowngrade => 2,
                UpgradeType::UnsafeDowngrade => 3,
            };
            FeatureUpdateKey::default()
                .with_feature(text(&update.feature))
                .with_max_version_level(update.level)
                .with_upgrade_type(kind)
        };
        let request = UpdateFeaturesRequest::default()
            .with_feature_updates(updates.iter().map(key).collect())
            .with_validate_only(validate_only);
        let call = Call::new("updateFeatures", Route::Controller, request)
            .since(1)
            .timed(|request, timeout_ms| match request {
                RequestKind::UpdateFeatures(request) => request.with_timeout_ms(timeout_ms).into(),
                other => other,
            })
            .checked(|response| match body!(UpdateFeatures, response).error_code {
                code if code == ErrorCode::NOT_CONTROLLER.0 => check(code, None),
                _ => Ok(()),
            });
        let response = self.call(call)?;
        let response = body!(UpdateFeatures, &response.body);
        if let Some(why) = thrown(response.error_code, response.error_message.as_ref()) {
            return Ok(vec![Some(why); updates.len()]);
        }
        let result = |update: &FeatureUpdate| match &response.results[..] {
            // From version 2 on there is one answer for all.
            [] => None,
            results => match results.iter().find(|result| *result.feature == *update.feature) {
                Some(result) => thrown(result.error_code, result.error_message.as_ref()),
                None => {
                    let message =
                        format!("The controller response did not contain a result for feature {}", update.feature);
                    Some(Throwable::new("org.apache.kafka.common.errors.ApiException", message))
                }
            },
        };
        Ok(updates.iter().map(result).collect())
    }
}
