//! `secret-rotation` (002:7695): secrets end, and the one before stays good for a while.

use realmkeep_model::secret_rotation::SecretRotation;

use super::{Check, Config, Do, Executor, Kind, Outcome, Property};

pub(super) const EXECUTOR: Executor = Executor::new(
    "secret-rotation",
    "Client secrets end, and are replaced when the client is changed.",
    &[
        Property::new(
            "expiration-period",
            "Secret expiration",
            "How long a secret is good, in seconds.",
            Kind::Text(Some("2505600")),
        ),
        Property::new(
            "rotated-expiration-period",
            "Rotated Secret expiration",
            "How long the secret before it is good after it was replaced, in seconds; 0: not at all.",
            Kind::Text(Some("172800")),
        ),
        Property::new(
            "remaining-rotation-period",
            "Remain Expiration Time",
            "A client that changes itself gets a new secret when its own ends within so many seconds.",
            Kind::Text(Some("864000")),
        ),
    ],
    Do::Now(run),
)
.valid_if(|config| rotation(config).is_some());

fn run(check: &mut Check<'_>, config: Config<'_>) -> Outcome {
    if check.is_confidential() {
        check.effects.rotation = rotation(config);
    }
    Ok(())
}

/// None when the periods do not agree.
fn rotation(config: Config<'_>) -> Option<SecretRotation> {
    let seconds = |name: &str, default: i64| match config.text(name) {
        None => config.number(name).or(Some(default)),
        Some(_) => config.number(name),
    };
    let rotation = SecretRotation {
        expiration: seconds("expiration-period", 2_505_600)?,
        rotated_expiration: seconds("rotated-expiration-period", 172_800)?,
        remaining: seconds("remaining-rotation-period", 864_000)?,
    };
    let agrees = rotation.expiration > 0
        && (0..=rotation.expiration).contains(&rotation.rotated_expiration)
        && (0..=rotation.expiration).contains(&rotation.remaining);
    agrees.then_some(rotation)
}
