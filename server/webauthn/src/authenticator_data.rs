//! Authenticator data (section 6.1).

use crate::cbor;
use crate::{Aaguid, RelyingParty, WebauthnError};

/// Longest id of a credential, in bytes (section 7.1 step 25).
pub(crate) const MAX_CREDENTIAL_ID: usize = 1023;

/// What the authenticator says of itself and of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    pub fn user_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    pub fn user_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    /// The credential may be synchronized to other devices.
    pub fn backup_eligible(self) -> bool {
        self.0 & 0x08 != 0
    }

    pub fn backed_up(self) -> bool {
        self.0 & 0x10 != 0
    }

    fn has_credential(self) -> bool {
        self.0 & 0x40 != 0
    }

    fn has_extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// The data, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorData {
    pub relying_party_hash: [u8; 32],
    pub flags: Flags,
    pub counter: u32,
    /// Where one is made.
    pub credential: Option<AttestedCredential>,
}

/// A credential that is made (section 6.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestedCredential {
    pub aaguid: Aaguid,
    pub id: Vec<u8>,
    /// The `COSE_Key` as it was sent.
    pub public_key: Vec<u8>,
}

impl AuthenticatorData {
    /// # Errors
    /// When the bytes are anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, WebauthnError> {
        read(bytes).ok_or(WebauthnError::AuthenticatorData)
    }

    /// Whether the data are for this relying party, and the user was there and, if `verified` asks for
    /// it, verified (section 7.1 steps 13 to 18, section 7.2 steps 15 to 20).
    pub(crate) fn check(
        &self,
        relying_party: &RelyingParty,
        verified: bool,
    ) -> Result<(), WebauthnError> {
        if self.relying_party_hash != relying_party.hash() {
            return Err(WebauthnError::RelyingParty);
        }
        if !self.flags.user_present() {
            return Err(WebauthnError::UserPresence);
        }
        if verified && !self.flags.user_verified() {
            return Err(WebauthnError::UserVerification);
        }
        if self.flags.backed_up() && !self.flags.backup_eligible() {
            return Err(WebauthnError::BackupState);
        }
        Ok(())
    }
}

fn read(bytes: &[u8]) -> Option<AuthenticatorData> {
    let (hash, rest) = bytes.split_first_chunk::<32>()?;
    let (flags, rest) = rest.split_first()?;
    let (counter, mut rest) = rest.split_first_chunk::<4>()?;
    let flags = Flags(*flags);
    let mut credential = None;
    if flags.has_credential() {
        let (aaguid, after) = rest.split_first_chunk::<16>()?;
        let (length, after) = after.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > MAX_CREDENTIAL_ID {
            return None;
        }
        let (id, after) = after.split_at_checked(length)?;
        let (_, end) = cbor::first(after)?;
        let public_key = after.get(..after.len().checked_sub(end.len())?)?;
        credential = Some(AttestedCredential {
            aaguid: Aaguid::new(*aaguid),
            id: id.to_vec(),
            public_key: public_key.to_vec(),
        });
        rest = end;
    }
    if flags.has_extensions() {
        let (extensions, end) = cbor::first(rest)?;
        extensions.is_map().then_some(())?;
        rest = end;
    }
    rest.is_empty().then_some(AuthenticatorData {
        relying_party_hash: *hash,
        flags,
        counter: u32::from_be_bytes(*counter),
        credential,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Vec<u8> {
        [[7; 32].as_slice(), &[0x05], &[0, 0, 1, 0]].concat()
    }

    #[test]
    fn data_are_read_to_their_last_byte() {
        let data = AuthenticatorData::parse(&plain()).unwrap();
        assert_eq!(data.counter, 256);
        assert!(data.flags.user_present() && data.flags.user_verified());
        assert!(!data.flags.backup_eligible() && data.credential.is_none());
        for length in 0..plain().len() {
            assert!(AuthenticatorData::parse(&plain()[..length]).is_err());
        }
        assert!(AuthenticatorData::parse(&[plain(), vec![0]].concat()).is_err());
    }

    #[test]
    fn extensions_are_a_map_and_credentials_have_an_id() {
        let with = |flags: u8, more: &[u8]| {
            let mut data = plain();
            data[32] |= flags;
            data.extend(more);
            AuthenticatorData::parse(&data)
        };
        assert!(with(0x80, &[0xa0]).is_ok());
        assert!(with(0x80, &[0x80]).is_err());
        assert!(with(0x80, &[]).is_err());
        let credential = |length: u16, id: &[u8]| {
            [[9; 16].as_slice(), &length.to_be_bytes(), id, &[0xa0]].concat()
        };
        let made = with(0x40, &credential(2, &[1, 2])).unwrap();
        let made = made.credential.unwrap();
        assert_eq!((made.id, made.public_key), (vec![1, 2], vec![0xa0]));
        assert!(with(0x40, &credential(0, &[])).is_err());
        assert!(with(0x40, &credential(1024, &[1; 1024])).is_err());
        assert!(with(0x40, &credential(9, &[1, 2])).is_err());
        // Deeper than anything that authenticators send.
        assert!(with(0x80, &[0x81; 4000]).is_err());
    }
}
