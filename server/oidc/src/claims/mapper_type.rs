//! What a kind of protocol mapper is: its name, its settings, what it fills and how.

use std::collections::BTreeMap;

use realmkeep_representations::{ConfigPropertyRepresentation, ProtocolMapperTypeRepresentation};
use serde_json::Value;

use crate::docker;

use super::{Claims, Facts, Mapper, Target};

/// A kind of mapper; one a file, one line each in [`super::MAPPERS`].
pub(crate) struct MapperType {
    /// As it stands in `protocolMapper`.
    pub id: &'static str,
    pub name: &'static str,
    pub help: &'static str,
    /// Lower ones run first, whatever their place in client and scopes.
    pub priority: i32,
    /// What it can fill; each has a switch in the mapper's settings.
    pub targets: &'static [Target],
    /// Whether a mapper without the switches for tokens fills them; older exports have none.
    pub by_default: bool,
    /// Fills its targets whatever the switches say: it has none.
    pub always: bool,
    /// Settings of its own, before and after the common ones.
    pub own: &'static [Property],
    pub after: &'static [Property],
    /// Whether it has the settings `claim.name` and `jsonType.label`.
    pub named: bool,
    pub apply: fn(&Mapper<'_>, &Facts<'_>, &mut Claims),
}

/// One setting of a mapper, as admin consoles show it.
pub(crate) struct Property {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    /// `String`, `boolean`, `List`, `ClientList`, `Role`, `UserProfileAttributeList`.
    pub kind: &'static str,
    pub default: Option<&'static str>,
    pub options: &'static [&'static str],
    pub required: bool,
}

impl MapperType {
    /// What most are: on top of it, each file says what is its own.
    pub(super) const fn new(
        id: &'static str,
        name: &'static str,
        help: &'static str,
        targets: &'static [Target],
        apply: fn(&Mapper<'_>, &Facts<'_>, &mut Claims),
    ) -> Self {
        Self {
            id,
            name,
            help,
            priority: 0,
            targets,
            by_default: false,
            always: false,
            own: &[],
            after: &[],
            named: false,
            apply,
        }
    }

    fn properties(&self) -> Vec<ConfigPropertyRepresentation> {
        let mut all: Vec<ConfigPropertyRepresentation> =
            self.own.iter().map(Property::representation).collect();
        if self.named {
            all.push(CLAIM_NAME.representation());
            all.push(JSON_TYPE.representation());
        }
        if !self.always {
            all.extend(self.targets.iter().map(|target| {
                let mut switch = target.property().representation();
                // Audiences of ID tokens are the client's own affair.
                if self.id == super::audience::TYPE.id && *target == Target::IdToken {
                    switch.default_value = Some(Value::from("false"));
                }
                switch
            }));
        }
        all.extend(self.after.iter().map(Property::representation));
        all
    }

    pub(super) fn representation(&self) -> ProtocolMapperTypeRepresentation {
        ProtocolMapperTypeRepresentation {
            id: Some(self.id.to_owned()),
            name: Some(self.name.to_owned()),
            category: Some("Token mapper".to_owned()),
            help_text: Some(Value::from(self.help)),
            priority: Some(self.priority),
            properties: Some(self.properties()),
        }
    }
}

impl Property {
    /// A text that may be left out.
    pub(super) const fn text(name: &'static str, label: &'static str, help: &'static str) -> Self {
        Self {
            name,
            label,
            help,
            kind: "String",
            default: None,
            options: &[],
            required: false,
        }
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn of_kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    pub(super) const fn or(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    fn representation(&self) -> ConfigPropertyRepresentation {
        let options = self.options.iter().map(|o| (*o).to_owned()).collect();
        ConfigPropertyRepresentation {
            name: Some(self.name.to_owned()),
            label: Some(self.label.to_owned()),
            help_text: Some(Value::from(self.help)),
            r#type: Some(self.kind.to_owned()),
            default_value: self.default.map(Value::from),
            options: Some(options).filter(|list: &Vec<String>| !list.is_empty()),
            secret: Some(false),
            required: Some(self.required),
            read_only: Some(false),
        }
    }
}

pub(super) const CLAIM_NAME: Property = Property::text(
    "claim.name",
    "tokenClaimName.label",
    "Name of the claim. A dot makes nested objects: 'address.street'; write '\\.' for a dot in a name.",
)
.required();

pub(super) const JSON_TYPE: Property = Property {
    name: "jsonType.label",
    label: "jsonType.label",
    help: "JSON type of the claim's value.",
    kind: "List",
    default: None,
    options: &["String", "long", "int", "boolean", "JSON"],
    required: false,
};

pub(super) const MULTIVALUED: Property = Property {
    name: "multivalued",
    label: "multivalued.label",
    help: "All values as a list instead of the first one.",
    kind: "boolean",
    default: None,
    options: &[],
    required: false,
};

impl Target {
    /// The setting that switches a mapper on for this target.
    pub(super) const fn switch(self) -> &'static str {
        self.property().name
    }

    const fn property(self) -> Property {
        let (name, label, help, default) = match self {
            Self::IdToken => (
                "id.token.claim",
                "includeInIdToken.label",
                "Whether the claim is in ID tokens.",
                "true",
            ),
            Self::AccessToken => (
                "access.token.claim",
                "includeInAccessToken.label",
                "Whether the claim is in access tokens.",
                "true",
            ),
            Self::LightweightAccessToken => (
                "lightweight.claim",
                "includeInLightweight.label",
                "Whether the claim stays in lightweight access tokens.",
                "false",
            ),
            Self::UserInfo => (
                "userinfo.token.claim",
                "includeInUserInfo.label",
                "Whether the claim is in answers of the UserInfo endpoint.",
                "true",
            ),
            Self::TokenResponse => (
                "access.tokenResponse.claim",
                "includeInAccessTokenResponse.label",
                "Whether the claim stands beside the tokens in the token endpoint's answer.",
                "false",
            ),
            Self::Introspection => (
                "introspection.token.claim",
                "includeInIntrospection.label",
                "Whether the claim is in answers of the introspection endpoint.",
                "true",
            ),
        };
        Property::text(name, label, help)
            .of_kind("boolean")
            .or(default)
    }
}

/// The kinds of mappers by protocol, as `serverinfo` lists them.
pub fn protocol_mapper_types() -> BTreeMap<String, Vec<ProtocolMapperTypeRepresentation>> {
    let all = super::MAPPERS.iter().map(|kind| kind.representation());
    BTreeMap::from([
        ("openid-connect".to_owned(), all.collect()),
        (docker::PROTOCOL.to_owned(), docker::mapper_types()),
    ])
}

/// Whether a protocol mapper of this id exists here; others are kept and do nothing.
pub fn is_known_mapper(id: &str) -> bool {
    super::MAPPERS.iter().any(|kind| kind.id == id) || id == docker::allow_all::ID
}
