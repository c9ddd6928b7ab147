use crate::attestation::{self, Evidence, Statement};
use crate::cbor::{self, Map};
use crate::{
    Aaguid, Algorithm, AuthenticatorData, PublicKey, RelyingParty, Truststore, WebauthnError,
    client_data,
};

/// Longest attestation object, in bytes: a chain of certificates is in it.
const MAX: usize = 64 * 1024;

/// How much is to be known of where an authenticator comes from (section 5.4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conveyance {
    /// Nothing; who made the statement does not count.
    None,
    /// Statements count where there are any.
    Indirect,
    Direct,
    Enterprise,
}

/// What a new credential has to meet.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    pub relying_party: &'a RelyingParty,
    pub challenge: &'a [u8],
    pub algorithms: &'a [Algorithm],
    /// Whether the user has to be verified.
    pub user_verification: bool,
    pub conveyance: Conveyance,
    /// None: all.
    pub acceptable_aaguids: Option<&'a [Aaguid]>,
    pub truststore: &'a Truststore,
    /// Seconds since 1970.
    pub now: i64,
}

/// A credential to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    pub id: Vec<u8>,
    /// `COSE_Key`.
    pub public_key: Vec<u8>,
    pub algorithm: Algorithm,
    pub aaguid: Aaguid,
    pub counter: u32,
    /// Format of the attestation statement, such as `packed`.
    pub format: String,
}

/// Verifies what a browser sent for `navigator.credentials.create()` (section 7.1). Whether the id is
/// somebody's already is for the caller to know.
///
/// # Errors
/// When it is not accepted.
pub fn verify_registration(
    wanted: Registration<'_>,
    client_data_json: &[u8],
    attestation_object: &[u8],
) -> Result<NewCredential, WebauthnError> {
    let client_data_hash = client_data::check(
        client_data_json,
        "webauthn.create",
        wanted.challenge,
        wanted.relying_party,
    )?;
    let (format, statement, raw) =
        read(attestation_object).ok_or(WebauthnError::AttestationObject)?;
    let data = AuthenticatorData::parse(&raw)?;
    data.check(wanted.relying_party, wanted.user_verification)?;
    let credential = data.credential.ok_or(WebauthnError::NoCredential)?;
    let key = PublicKey::parse(&credential.public_key)?;
    if !wanted.algorithms.contains(&key.algorithm) {
        return Err(WebauthnError::Algorithm(key.algorithm.cose()));
    }
    let evidence = attestation::verify(
        &format,
        &Statement {
            map: &statement,
            authenticator_data: &raw,
            client_data_hash: &client_data_hash,
            relying_party_hash: &data.relying_party_hash,
            credential_id: &credential.id,
            aaguid: credential.aaguid,
            key: &key,
        },
    )?;
    trust(&wanted, &evidence, credential.aaguid)?;
    Ok(NewCredential {
        id: credential.id,
        public_key: credential.public_key,
        algorithm: key.algorithm,
        aaguid: credential.aaguid,
        counter: data.counter,
        format,
    })
}

/// Whether what is known of the authenticator's origin is enough (section 7.1 steps 21 to 24).
fn trust(
    wanted: &Registration<'_>,
    evidence: &Evidence,
    aaguid: Aaguid,
) -> Result<(), WebauthnError> {
    let direct = matches!(
        wanted.conveyance,
        Conveyance::Direct | Conveyance::Enterprise
    );
    if direct && matches!(evidence, Evidence::None) {
        return Err(WebauthnError::NoAttestation);
    }
    let mut trusted = false;
    if let Evidence::Chain {
        certificates,
        usage,
    } = evidence
        && (wanted.conveyance != Conveyance::None || wanted.acceptable_aaguids.is_some())
        && let Truststore::Anchors(anchors) = wanted.truststore
    {
        anchors.verify(certificates, *usage, wanted.now)?;
        trusted = true;
    }
    let Some(acceptable) = wanted.acceptable_aaguids else {
        return Ok(());
    };
    // Whoever makes a statement without anybody's certificate can write any model into it.
    if !trusted {
        return Err(WebauthnError::AaguidNotAttested);
    }
    if !acceptable.contains(&aaguid) {
        return Err(WebauthnError::Aaguid(aaguid));
    }
    Ok(())
}

/// Format, statement and authenticator data (section 6.5.4).
fn read(object: &[u8]) -> Option<(String, Map, Vec<u8>)> {
    if object.len() > MAX {
        return None;
    }
    let mut map = Map::of(cbor::only(object)?)?;
    let format = map.take("fmt")?.into_text().ok()?;
    let statement = Map::of(map.take("attStmt")?)?;
    let data = map.take("authData")?.into_bytes().ok()?;
    map.is_empty().then_some((format, statement, data))
}
