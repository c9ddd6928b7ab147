//! Rotation of client secrets: after a new one is made, the old one is good beside it for a while.
//! Nothing rotates by itself; a change of the client is what does it.

use realmkeep_representations::{ClientRepresentation, SecretString};

/// Attribute: when the client's secret was made; seconds since 1970.
pub const CREATION: &str = "client.secret.creation.time";
/// Attribute: when the client's secret ends; seconds since 1970, 0 or nothing: never.
pub const EXPIRATION: &str = "client.secret.expiration.time";
/// Attribute: the secret before the last rotation.
pub const ROTATED: &str = "client.secret.rotated";
/// Attribute: when that one was replaced; seconds since 1970.
pub const ROTATED_CREATION: &str = "client.secret.rotated.creation.time";
/// Attribute: when that one ends; seconds since 1970.
pub const ROTATED_EXPIRATION: &str = "client.secret.rotated.expiration.time";

/// Attributes with the rules, named as the settings of Keycloak's `secret-rotation` executor.
const EXPIRATION_PERIOD: &str = "client.secret.rotation.expiration-period";
const ROTATED_PERIOD: &str = "client.secret.rotation.rotated-expiration-period";
const REMAINING_PERIOD: &str = "client.secret.rotation.remaining-rotation-period";

/// By which rules the secrets of a client rotate; all times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretRotation {
    /// How long a secret is good.
    pub expiration: i64,
    /// How long the one before it is good after a rotation; 0: not at all.
    pub rotated_expiration: i64,
    /// A change by dynamic registration rotates when the secret ends within this time.
    pub remaining: i64,
}

/// What the client is changed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A new secret is asked for.
    Regeneration,
    /// The client is made or changed by an administrator.
    Change,
    /// The client is changed by dynamic registration.
    Registration,
}

impl SecretRotation {
    /// The rules that the client's attributes hold, if any.
    ///
    /// # Errors
    /// Names the attribute that is wrong.
    pub fn of(client: &ClientRepresentation) -> Result<Option<Self>, String> {
        let seconds = |name: &str| {
            attribute(client, name)
                .map(|text| match text.parse::<i64>() {
                    Ok(seconds) if seconds >= 0 => Ok(seconds),
                    _ => Err(format!("{name}: seconds were expected")),
                })
                .transpose()
        };
        let (rotated, remaining) = (seconds(ROTATED_PERIOD)?, seconds(REMAINING_PERIOD)?);
        let Some(expiration) = seconds(EXPIRATION_PERIOD)? else {
            return match rotated.or(remaining) {
                Some(_) => Err(format!("{EXPIRATION_PERIOD}: it is missing")),
                None => Ok(None),
            };
        };
        let rotation = Self {
            expiration,
            rotated_expiration: rotated.unwrap_or(0),
            remaining: remaining.unwrap_or(0),
        };
        if rotation.rotated_expiration >= expiration {
            return Err(format!(
                "{ROTATED_PERIOD}: it has to be less than {EXPIRATION_PERIOD}"
            ));
        }
        if rotation.remaining > expiration {
            return Err(format!(
                "{REMAINING_PERIOD}: it cannot be more than {EXPIRATION_PERIOD}"
            ));
        }
        Ok(Some(rotation))
    }

    /// Does to the client's secret what the occasion asks for at `now`, in seconds since 1970: gives it
    /// an end when it has none, or puts `fresh` in its place. Clients without a secret stay as they are.
    pub fn apply(
        &self,
        client: &mut ClientRepresentation,
        occasion: Occasion,
        now: i64,
        fresh: impl FnOnce() -> SecretString,
    ) {
        let Some(secret) = client.secret.clone() else {
            return;
        };
        let end = time(client, EXPIRATION);
        let due = match (occasion, end) {
            (Occasion::Regeneration, _) => true,
            (_, None) => return self.begin(client, now),
            (Occasion::Change, Some(end)) => end <= now,
            (Occasion::Registration, Some(end)) => end.saturating_sub(self.remaining) <= now,
        };
        if !due {
            return;
        }
        client.secret = Some(fresh());
        self.begin(client, now);
        if self.rotated_expiration == 0 {
            return forget_rotated(client);
        }
        let end = now.saturating_add(self.rotated_expiration);
        let attributes = client.attributes.get_or_insert_default();
        attributes.insert(ROTATED.to_owned(), secret.expose().to_owned());
        attributes.insert(ROTATED_CREATION.to_owned(), now.to_string());
        attributes.insert(ROTATED_EXPIRATION.to_owned(), end.to_string());
    }

    /// The times of a secret that begins now.
    fn begin(&self, client: &mut ClientRepresentation, now: i64) {
        let end = now.saturating_add(self.expiration);
        let attributes = client.attributes.get_or_insert_default();
        attributes.insert(CREATION.to_owned(), now.to_string());
        attributes.insert(EXPIRATION.to_owned(), end.to_string());
    }
}

/// When the client's secret ends, in seconds since 1970; None: never.
pub fn expiration(client: &ClientRepresentation) -> Option<i64> {
    time(client, EXPIRATION)
}

/// Takes the secret before the last rotation away.
pub fn forget_rotated(client: &mut ClientRepresentation) {
    if let Some(attributes) = &mut client.attributes {
        for name in [ROTATED, ROTATED_CREATION, ROTATED_EXPIRATION] {
            attributes.remove(name);
        }
    }
}

fn time(client: &ClientRepresentation, name: &str) -> Option<i64> {
    let seconds = attribute(client, name)?.parse::<i64>().ok();
    seconds.filter(|seconds| *seconds > 0)
}

fn attribute<'a>(client: &'a ClientRepresentation, name: &str) -> Option<&'a str> {
    let value = client.attributes.as_ref()?.get(name)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{EXPIRATION_PERIOD, REMAINING_PERIOD, ROTATED_PERIOD, SecretRotation};
    use realmkeep_representations::ClientRepresentation;

    fn read(attributes: &[(&str, &str)]) -> Result<Option<SecretRotation>, String> {
        let mut client = ClientRepresentation::default();
        let all = client.attributes.get_or_insert_default();
        for (name, value) in attributes {
            all.insert((*name).to_owned(), (*value).to_owned());
        }
        SecretRotation::of(&client)
    }

    #[test]
    fn rules_have_to_agree() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(EXPIRATION_PERIOD, "")]), Ok(None));
        let all = [
            (EXPIRATION_PERIOD, "100"),
            (ROTATED_PERIOD, "20"),
            (REMAINING_PERIOD, "10"),
        ];
        let expected = SecretRotation {
            expiration: 100,
            rotated_expiration: 20,
            remaining: 10,
        };
        assert_eq!(read(&all), Ok(Some(expected)));
        for wrong in [
            &[(ROTATED_PERIOD, "20")][..],
            &[(EXPIRATION_PERIOD, "x")],
            &[(EXPIRATION_PERIOD, "-1")],
            &[(EXPIRATION_PERIOD, "0")],
            &[(EXPIRATION_PERIOD, "20"), (ROTATED_PERIOD, "20")],
            &[(EXPIRATION_PERIOD, "20"), (REMAINING_PERIOD, "21")],
            &[(EXPIRATION_PERIOD, "99999999999999999999")],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
