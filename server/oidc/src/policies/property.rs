//! One setting of a condition or executor, as admin consoles show it.

use realmkeep_representations::ConfigPropertyRepresentation;
use serde_json::Value;

pub(crate) struct Property {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// What can be entered, with what a form begins with.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Switch(Option<bool>),
    Text(Option<&'static str>),
    Texts(Option<&'static str>),
    Number(i32),
    One {
        of: &'static [&'static str],
        default: Option<&'static str>,
    },
    Several {
        of: &'static [&'static str],
        default: Option<&'static str>,
    },
    /// Names and values.
    Map,
    /// Aliases of identity providers.
    IdentityProviders,
}

impl Property {
    pub(super) const fn new(
        name: &'static str,
        label: &'static str,
        help: &'static str,
        kind: Kind,
    ) -> Self {
        Self {
            name,
            label,
            help,
            kind,
            required: false,
        }
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) fn representation(&self) -> ConfigPropertyRepresentation {
        let (kind, default, options) = match self.kind {
            Kind::Switch(default) => ("boolean", default.map(Value::from), &[][..]),
            Kind::Text(default) => ("String", default.map(Value::from), &[][..]),
            Kind::Texts(default) => ("MultivaluedString", default.map(Value::from), &[][..]),
            Kind::Number(default) => ("Integer", Some(Value::from(default)), &[][..]),
            Kind::One { of, default } => ("List", default.map(Value::from), of),
            Kind::Several { of, default } => ("MultivaluedList", default.map(Value::from), of),
            Kind::Map => ("Map", None, &[][..]),
            Kind::IdentityProviders => ("IdentityProviderMultiList", None, &[][..]),
        };
        let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
        ConfigPropertyRepresentation {
            name: Some(self.name.to_owned()),
            label: Some(self.label.to_owned()),
            help_text: Some(Value::from(self.help)),
            r#type: Some(kind.to_owned()),
            default_value: default,
            options: Some(options).filter(|list| !list.is_empty()),
            secret: Some(false),
            required: Some(self.required),
            read_only: Some(false),
        }
    }
}

/// Turns a condition around.
pub(super) const NEGATIVE: Property = Property::new(
    "is-negative-logic",
    "Negative Logic",
    "The condition then holds where it otherwise would not.",
    Kind::Switch(Some(false)),
);

/// Whether an executor sets clients up before it checks them.
pub(super) const AUTO_CONFIGURE: Property = Property::new(
    "auto-configure",
    "Auto-configure",
    "Sets the client up as needed when it is made or changed, instead of refusing it.",
    Kind::Switch(Some(false)),
);
pub(super) const AUTO_CONFIGURE_ON: Property = Property {
    kind: Kind::Switch(Some(true)),
    ..AUTO_CONFIGURE
};
