use crate::AttestationError;

/// Why what a browser sent is not accepted. The text is for logs and events: it holds nothing that was
/// sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebauthnError {
    #[error("the client data cannot be read")]
    ClientData,
    #[error("the client data are of another ceremony")]
    Ceremony,
    #[error("the challenge is not the one that was given out")]
    Challenge,
    #[error("the origin is not one of this relying party's")]
    Origin,
    #[error("the request came from another site's frame")]
    CrossOrigin,
    #[error("the authenticator data cannot be read")]
    AuthenticatorData,
    #[error("the authenticator data are for another relying party")]
    RelyingParty,
    #[error("the user was not present")]
    UserPresence,
    #[error("the user was not verified")]
    UserVerification,
    #[error("the authenticator data say that a credential is backed up which cannot be")]
    BackupState,
    #[error("the attestation object cannot be read")]
    AttestationObject,
    #[error("there is no credential in the authenticator data")]
    NoCredential,
    #[error("the credential's id is not the one that the authenticator attests")]
    CredentialId,
    #[error("the public key cannot be read, or is of a kind that is not supported")]
    PublicKey,
    #[error("the algorithm {0} is not one that the policy has")]
    Algorithm(i64),
    #[error("the policy asks for an attestation, and there is none")]
    NoAttestation,
    #[error("the model of the authenticator ({0}) is not one that the policy accepts")]
    Aaguid(crate::Aaguid),
    #[error(
        "the policy accepts some models of authenticators only, and nobody who is trusted attests \
         this one's: set the attestation preference to 'direct' and the truststore"
    )]
    AaguidNotAttested,
    #[error("the attestation statement is not accepted: {0}")]
    Attestation(#[from] AttestationError),
    #[error("the signature is not the credential's")]
    Signature,
    #[error("the signature counter went back: the authenticator may have been copied")]
    Counter,
}
