use crate::client_data;
use crate::{AuthenticatorData, PublicKey, RelyingParty, WebauthnError};

/// What is kept of a credential.
#[derive(Clone, Copy, Debug)]
pub struct StoredCredential<'a> {
    /// `COSE_Key`.
    pub public_key: &'a [u8],
    /// The highest signature counter that was seen.
    pub counter: u32,
}

/// A proof that was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// To be kept; 0 for authenticators that do not count.
    pub counter: u32,
    pub user_verified: bool,
}

/// What a browser sent for `navigator.credentials.get()`.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    pub client_data_json: &'a [u8],
    pub authenticator_data: &'a [u8],
    pub signature: &'a [u8],
}

/// Verifies an assertion (section 7.2). Whose credential it is, is for the caller to know.
///
/// # Errors
/// When it is not a proof.
pub fn verify_assertion(
    relying_party: &RelyingParty,
    challenge: &[u8],
    user_verification: bool,
    credential: StoredCredential<'_>,
    response: Response<'_>,
) -> Result<Assertion, WebauthnError> {
    let hash = client_data::check(
        response.client_data_json,
        "webauthn.get",
        challenge,
        relying_party,
    )?;
    let data = AuthenticatorData::parse(response.authenticator_data)?;
    data.check(relying_party, user_verification)?;
    let key = PublicKey::parse(credential.public_key)?;
    let message = [response.authenticator_data, &hash].concat();
    if !key.is_signed(&message, response.signature) {
        return Err(WebauthnError::Signature);
    }
    // Section 7.2 step 22: it rises, unless the authenticator does not count at all.
    let counts = data.counter != 0 || credential.counter != 0;
    if counts && data.counter <= credential.counter {
        return Err(WebauthnError::Counter);
    }
    Ok(Assertion {
        counter: data.counter,
        user_verified: data.flags.user_verified(),
    })
}
