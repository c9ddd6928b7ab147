//! What a server has or has not by its operator's choice, by the names that Keycloak's options
//! `features` and `features-disabled` take.

use std::fmt;
use std::str::FromStr;

/// Features that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Features {
    /// Tokens for Docker registries.
    pub docker: bool,
    /// Exchange of tokens with other issuers, as it was before RFC 8693 was followed to the letter.
    pub token_exchange: bool,
    /// The step of a flow that asks for passkeys alone, with the browser's list of them.
    pub passkeys_authenticator: bool,
    /// Recovery codes as a second factor.
    pub recovery_codes: bool,
    /// The action by which users change their e-mail address.
    pub update_email: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self {
            docker: false,
            token_exchange: false,
            passkeys_authenticator: false,
            recovery_codes: true,
            update_email: true,
        }
    }
}

/// Names of features that are switched off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DisabledFeatures(Vec<&'static str>);

/// One that can be switched.
#[derive(Debug)]
pub struct Feature {
    /// As the option names it.
    pub name: &'static str,
    pub label: &'static str,
    /// `PREVIEW` ones are switched on by the name `preview` as well.
    pub kind: Kind,
    is_on: fn(&Features) -> bool,
    switch: fn(&mut Features, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On unless it is switched off.
    Default,
    DisabledByDefault,
    Preview,
}

/// Every feature that can be switched.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "docker",
        label: "Docker registry protocol",
        kind: Kind::DisabledByDefault,
        is_on: |all| all.docker,
        switch: |all, on| all.docker = on,
    },
    Feature {
        name: "token-exchange",
        label: "Token exchange with other issuers",
        kind: Kind::Preview,
        is_on: |all| all.token_exchange,
        switch: |all, on| all.token_exchange = on,
    },
    Feature {
        name: "passkeys-conditional-ui-authenticator",
        label: "Passkeys in a step of their own",
        kind: Kind::Preview,
        is_on: |all| all.passkeys_authenticator,
        switch: |all, on| all.passkeys_authenticator = on,
    },
    Feature {
        name: "recovery-codes",
        label: "Recovery codes",
        kind: Kind::Default,
        is_on: |all| all.recovery_codes,
        switch: |all, on| all.recovery_codes = on,
    },
    Feature {
        name: "update-email",
        label: "Update of the e-mail address",
        kind: Kind::Default,
        is_on: |all| all.update_email,
        switch: |all, on| all.update_email = on,
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
            Self::Default => "DEFAULT",
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
            "there is no feature '{}' to switch; there are preview, {}",
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
        for feature in named(text)? {
            (feature.switch)(&mut features, true);
        }
        Ok(features)
    }
}

impl FromStr for DisabledFeatures {
    type Err = UnknownFeature;

    /// Names as [`Features`] has them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = named(text)?.into_iter().map(|feature| feature.name);
        Ok(Self(names.collect()))
    }
}

impl Features {
    /// The same, with these off, whatever else asks for them.
    pub fn without(mut self, disabled: &DisabledFeatures) -> Self {
        for feature in FEATURES.iter().filter(|f| disabled.0.contains(&f.name)) {
            (feature.switch)(&mut self, false);
        }
        self
    }
}

fn named(text: &str) -> Result<Vec<&'static Feature>, UnknownFeature> {
    let mut all = Vec::new();
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
        let before = all.len();
        all.extend(FEATURES.iter().filter(|feature| match name {
            "preview" => feature.kind == Kind::Preview,
            _ => feature.name == name,
        }));
        if all.len() == before || version != "v1" {
            return Err(UnknownFeature(given.chars().take(100).collect()));
        }
    }
    Ok(all)
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
        assert_eq!((on(&none), on(&docker)), (2, 3));
        assert_eq!(read("recovery-codes,update-email"), Ok(none));
        let without = |text: &str| docker.without(&text.parse().unwrap());
        assert_eq!(without("docker"), none);
        assert_eq!(on(&without("recovery-codes, update-email:v1,preview")), 1);
        assert!("recovery-code".parse::<DisabledFeatures>().is_err());
        assert_eq!(FEATURES[1].upper_name(), "TOKEN_EXCHANGE");
    }
}
