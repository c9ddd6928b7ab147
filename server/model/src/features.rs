//! What a server has only when its operator asks for it, by the names that Keycloak's option
//! `features` takes.

use std::fmt;
use std::str::FromStr;

/// Features that are off unless they are switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Tokens for Docker registries.
    pub docker: bool,
    /// Exchange of tokens with other issuers, as it was before RFC 8693 was followed to the letter.
    pub token_exchange: bool,
    /// The step of a flow that asks for passkeys alone, with the browser's list of them.
    pub passkeys_authenticator: bool,
}

/// One that can be switched on.
#[derive(Debug)]
pub struct Feature {
    /// As the option names it.
    pub name: &'static str,
    pub label: &'static str,
    /// `PREVIEW` ones are switched on by the name `preview` as well.
    pub kind: Kind,
    is_on: fn(&Features) -> bool,
    switch_on: fn(&mut Features),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    DisabledByDefault,
    Preview,
}

/// Every feature that can be switched on.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "docker",
        label: "Docker registry protocol",
        kind: Kind::DisabledByDefault,
        is_on: |all| all.docker,
        switch_on: |all| all.docker = true,
    },
    Feature {
        name: "token-exchange",
        label: "Token exchange with other issuers",
        kind: Kind::Preview,
        is_on: |all| all.token_exchange,
        switch_on: |all| all.token_exchange = true,
    },
    Feature {
        name: "passkeys-conditional-ui-authenticator",
        label: "Passkeys in a step of their own",
        kind: Kind::Preview,
        is_on: |all| all.passkeys_authenticator,
        switch_on: |all| all.passkeys_authenticator = true,
    },
];

impl Feature {
    /// As server info names it: `TOKEN_EXCHANGE`.
    pub fn upper_name(&self) -> String {
        self.name.to_ascii_uppercase().replace('-', "_")
    }

    pub fn is_on(&self, features: &Features) -> bool {
        (self.is_on)(features)
    }
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DisabledByDefault => "DISABLED_BY_DEFAULT",
            Self::Preview => "PREVIEW",
        }
    }
}

/// A name that is not one of [`FEATURES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFeature(pub String);

impl fmt::Display for UnknownFeature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = FEATURES.iter().map(|feature| feature.name).collect();
        write!(
            f,
            "there is no feature '{}' to switch on; there are preview, {}",
            self.0,
            names.join(", ")
        )
    }
}

impl std::error::Error for UnknownFeature {}

impl FromStr for Features {
    type Err = UnknownFeature;

    /// Names separated by commas, each as it is or with a version (`docker:v1`); `preview` stands for
    /// all that are in preview.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut features = Self::default();
        for given in text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let (name, version) = given.split_once(':').unwrap_or((given, "v1"));
            // Its name before there were passkeys on the ordinary forms.
            let name = match name {
                "passkeys" => "passkeys-conditional-ui-authenticator",
                name => name,
            };
            let named = |feature: &&Feature| match name {
                "preview" => feature.kind == Kind::Preview,
                _ => feature.name == name,
            };
            let mut found = FEATURES.iter().filter(named).peekable();
            if found.peek().is_none() || version != "v1" {
                return Err(UnknownFeature(given.chars().take(100).collect()));
            }
            found.for_each(|feature| (feature.switch_on)(&mut features));
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_named() {
        let read = |text: &str| text.parse::<Features>();
        let (none, docker) = (
            Features::default(),
            Features {
                docker: true,
                ..Features::default()
            },
        );
        let exchange = Features {
            token_exchange: true,
            ..Features::default()
        };
        let passkeys = Features {
            passkeys_authenticator: true,
            ..Features::default()
        };
        let preview = Features {
            token_exchange: true,
            ..passkeys
        };
        assert_eq!(read(""), Ok(none));
        assert_eq!(read("docker"), Ok(docker));
        assert_eq!(read(" docker:v1 ,"), Ok(docker));
        assert_eq!(read("preview"), Ok(preview));
        assert_eq!(read("passkeys"), Ok(passkeys));
        assert_eq!(read("token-exchange:v1"), Ok(exchange));
        for bad in ["dockre", "docker:v2", "DOCKER", "docker,nope"] {
            let said = read(bad).unwrap_err().to_string();
            assert!(said.contains("docker, token-exchange"), "{said}");
        }
        let on = |all: &Features| FEATURES.iter().filter(|f| f.is_on(all)).count();
        assert_eq!((on(&none), on(&docker)), (0, 1));
        assert_eq!(FEATURES[1].upper_name(), "TOKEN_EXCHANGE");
    }
}
