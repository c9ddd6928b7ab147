use aws_lc_rs::digest;

/// Whom credentials are scoped to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// A domain: that of the pages, or one above it.
    pub id: String,
    /// Where ceremonies may be run from, as browsers write origins: `https://id.example.com`.
    pub origins: Vec<String>,
}

impl RelyingParty {
    pub(crate) fn hash(&self) -> [u8; 32] {
        sha256(self.id.as_bytes())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    let digest = digest::digest(&digest::SHA256, bytes);
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}
