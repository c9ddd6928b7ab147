use aws_lc_rs::signature::{self, VerificationAlgorithm};

/// The signature algorithms that a policy may name (COSE, RFC 9053 and RFC 8812).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Es256,
    Es384,
    Es512,
    Rs256,
    Rs384,
    Rs512,
    /// RSA with SHA-1, which some TPMs have only; used where a policy names it.
    Rs1,
    Ed25519,
}

impl Algorithm {
    pub const ALL: [Self; 8] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Rs1,
        Self::Ed25519,
    ];

    /// As policies name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Rs1 => "RS1",
            Self::Ed25519 => "Ed25519",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The number in COSE structures.
    pub fn cose(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Es512 => -36,
            Self::Rs256 => -257,
            Self::Rs384 => -258,
            Self::Rs512 => -259,
            Self::Rs1 => -65_535,
            Self::Ed25519 => -8,
        }
    }

    pub fn from_cose(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.cose() == number)
    }

    /// Whether `signature` is of `message` by the key: the bytes that a certificate has for it (a
    /// curve's point, an `RSAPublicKey`). RSA keys have 2048 to 8192 bits.
    pub(crate) fn is_signed(self, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match self {
            Self::Es256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::Es384 => &signature::ECDSA_P384_SHA384_ASN1,
            Self::Es512 => &signature::ECDSA_P521_SHA512_ASN1,
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Rs1 => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Ed25519 => &signature::ED25519,
        };
        algorithm.verify_sig(key, message, signature).is_ok()
    }
}
