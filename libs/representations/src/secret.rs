//! A string that must not be printed.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A secret as it stands in a representation: `Debug` never shows it, memory is wiped on drop.
///
/// It does serialize, because representations are what the Admin API answers with; a caller that
/// answers masks it first with [`SecretString::masked`].
#[derive(Clone, Default)]
pub struct SecretString(Zeroizing<String>);

/// What is shown in the place of a secret, as existing clients expect it.
pub const MASK: &str = "**********";

impl SecretString {
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The secret itself; name the reason at the place of use.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn masked() -> Self {
        Self::new(MASK)
    }

    pub fn is_masked(&self) -> bool {
        self.expose() == MASK
    }
}

impl std::fmt::Debug for SecretString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretString(***)")
    }
}

/// For tests and change detection only; a login compares in constant time.
impl PartialEq for SecretString {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Serialize for SecretString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for SecretString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for SecretString {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretString".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}
