//! Keys as credentials are stored and exported.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use realmkeep_representations::{CredentialRepresentation, SecretString};
use realmkeep_webauthn::NewCredential;
use serde_json::{Map, Value, json};

use super::Kind;

/// How a browser reaches an authenticator (section 5.8.4).
const TRANSPORTS: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

/// `credentialData` of a stored key.
#[derive(Clone, Debug, PartialEq)]
pub struct WebauthnCredential {
    /// The credential's id at the authenticator.
    pub id: Vec<u8>,
    /// `COSE_Key`.
    pub public_key: Vec<u8>,
    pub counter: u32,
    /// All of it, so that what is not of ours stays.
    data: Map<String, Value>,
}

impl WebauthnCredential {
    /// None when it cannot be read.
    pub fn read(stored: &CredentialRepresentation) -> Option<Self> {
        let data: Map<String, Value> =
            serde_json::from_str(stored.credential_data.as_deref()?).ok()?;
        let bytes = |name: &str| from_base64(data.get(name)?.as_str()?);
        let counter = data.get("counter").and_then(Value::as_u64).unwrap_or(0);
        Some(Self {
            id: bytes("credentialId")?,
            public_key: bytes("credentialPublicKey")?,
            counter: u32::try_from(counter).ok()?,
            data,
        })
    }

    /// `credentialData` with another counter.
    pub fn counted(mut self, counter: u32) -> String {
        self.data.insert("counter".to_owned(), json!(counter));
        Value::Object(self.data).to_string()
    }

    /// As browsers name it.
    pub fn public_id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.id)
    }
}

/// The credential to store for a key that was just made. `transports` are as the browser told them.
pub fn stored(
    id: String,
    kind: Kind,
    label: &str,
    made: &NewCredential,
    transports: &str,
    now_millis: i64,
) -> CredentialRepresentation {
    let transports: Vec<&str> = transports
        .split(',')
        .map(str::trim)
        .filter_map(|given| TRANSPORTS.into_iter().find(|known| *known == given))
        .collect();
    let data = json!({
        "aaguid": made.aaguid.to_string(),
        "credentialId": STANDARD.encode(&made.id),
        "counter": made.counter,
        "credentialPublicKey": URL_SAFE_NO_PAD.encode(&made.public_key),
        "attestationStatementFormat": made.format,
        "transports": transports,
    });
    CredentialRepresentation {
        id: Some(id),
        r#type: Some(kind.credential_type().to_owned()),
        user_label: Some(label.to_owned()).filter(|l| !l.is_empty()),
        created_date: Some(now_millis),
        credential_data: Some(data.to_string()),
        // There is nothing secret about a public key; exports have the field.
        secret_data: Some(SecretString::new("{}")),
        ..CredentialRepresentation::default()
    }
}

/// In either alphabet, with or without padding: exports have both.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    URL_SAFE_NO_PAD.decode(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Keycloak exports them.
    #[test]
    fn exported_keys_are_read_and_keep_what_is_not_ours() {
        let exported = CredentialRepresentation {
            credential_data: Some(
                r#"{"aaguid":"01020304-0506-0708-0102-030405060708",
                "credentialId":"4a3Q9HgD4eeV7+loSbEy1NN68/wwKIjHAf7oWG78NCY=","counter":2,
                "credentialPublicKey":"pQECAyYgASFYIPLpXBPgxY-bMCpkgkIjmGKn4zRTs9EZWMAOImRmwpUNIlggncy8Kc3TeZuTJjyD2EA3tllkM-UM6uPZzcUfT02b-HI",
                "attestationStatementFormat":"none","transports":["internal"],"other":1}"#
                    .to_owned(),
            ),
            ..CredentialRepresentation::default()
        };
        let read = WebauthnCredential::read(&exported).unwrap();
        assert_eq!(
            read.public_id(),
            "4a3Q9HgD4eeV7-loSbEy1NN68_wwKIjHAf7oWG78NCY"
        );
        assert_eq!(read.counter, 2);
        let key = realmkeep_webauthn::PublicKey::parse(&read.public_key).unwrap();
        assert_eq!(key.algorithm, realmkeep_webauthn::Algorithm::Es256);
        let counted: Value = serde_json::from_str(&read.counted(7)).unwrap();
        assert_eq!(counted["counter"], 7);
        assert_eq!(counted["other"], 1);
    }
}
