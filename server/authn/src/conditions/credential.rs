use crate::flow::{About, Condition, Facts, Flow, Node, Progress, Property};

/// True when a kind of credential was used in this login, or was not.
#[derive(Debug)]
pub struct Credential;

impl Condition for Credential {
    fn about(&self) -> About {
        About {
            id: "conditional-credential",
            name: "Condition - credential",
            help: "True if one of the credentials was used, or not used, in this login",
            properties: &[
                Property {
                    name: "credentials",
                    label: "Credentials",
                    help: "Kinds of credentials; none: no credential was used",
                    kind: "MultivaluedList",
                    default: None,
                    options: &[
                        "webauthn",
                        "recovery-authn-codes",
                        "otp",
                        "password",
                        "webauthn-passwordless",
                        "kerberos",
                        "cert",
                        "none",
                    ],
                },
                Property {
                    name: "included",
                    label: "Included",
                    help: "On: true if one of them was used; off: true if none of them was",
                    kind: "boolean",
                    default: None,
                    options: &[],
                },
            ],
        }
    }

    fn holds(
        &self,
        condition: &Node,
        _: &[Node],
        _: &Flow,
        _: &Facts<'_>,
        progress: &mut Progress,
    ) -> bool {
        let kinds = condition.setting("credentials").unwrap_or_default();
        let used = kinds
            .split("##")
            .map(str::trim)
            .filter(|kind| !kind.is_empty())
            .any(|kind| match kind {
                "none" => progress.proven.is_empty(),
                kind => progress.proven.contains(kind),
            });
        used == super::is_on(condition, "included")
    }
}
