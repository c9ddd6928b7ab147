//! What a Docker client asks for: `scope=repository:team/app:pull,push`, as the registry's challenge
//! has it.

use serde::Serialize;

/// Most scopes of a request, and most actions of one.
const MAX_SCOPES: usize = 100;
const MAX_ACTIONS: usize = 20;
/// Longest scope, in bytes.
const MAX_LENGTH: usize = 1_024;

/// Actions on one resource; an entry of the token's claim `access`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Access {
    /// Such as `repository`, `repository(plugin)` or `registry`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The repository, with a host and its port before it at times.
    pub name: String,
    /// Such as `pull`, `push`, `delete`, `*`.
    pub actions: Vec<String>,
}

impl Access {
    /// `type:name:action,action`; None for what is something else.
    fn parse(scope: &str) -> Option<Self> {
        if scope.len() > MAX_LENGTH {
            return None;
        }
        // The name may hold colons.
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let plain = |text: &str| text.bytes().all(|c| c.is_ascii_graphic());
        if kind.is_empty() || name.is_empty() || !plain(scope) {
            return None;
        }
        let actions: Vec<String> = actions
            .split(',')
            .filter(|action| !action.is_empty())
            .map(str::to_owned)
            .collect();
        (actions.len() <= MAX_ACTIONS).then(|| Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions,
        })
    }

    /// All that the parameters `scope` ask for, of which there may be several, each with several
    /// scopes between spaces. None when one is not a scope, or when they are too many.
    pub fn parse_all<'a>(parameters: impl Iterator<Item = &'a str>) -> Option<Vec<Self>> {
        let scopes =
            parameters.flat_map(|value| value.split(' ').filter(|scope| !scope.is_empty()));
        let mut all = Vec::new();
        for scope in scopes {
            if all.len() >= MAX_SCOPES {
                return None;
            }
            all.push(Self::parse(scope)?);
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Option<Vec<(String, String, String)>> {
        let all = Access::parse_all(values.iter().copied())?;
        let shown = all
            .into_iter()
            .map(|a| (a.kind, a.name, a.actions.join("+")));
        Some(shown.collect())
    }

    #[test]
    fn scopes_are_read_as_registries_write_them() {
        let one = |kind: &str, name: &str, actions: &str| {
            (kind.to_owned(), name.to_owned(), actions.to_owned())
        };
        assert_eq!(
            read(&["repository:samalba/my-app:pull,push"]),
            Some(vec![one("repository", "samalba/my-app", "pull+push")])
        );
        assert_eq!(
            read(&[
                "repository:localhost:5000/app:pull registry:catalog:*",
                "repository(plugin):p:pull"
            ]),
            Some(vec![
                one("repository", "localhost:5000/app", "pull"),
                one("registry", "catalog", "*"),
                one("repository(plugin)", "p", "pull"),
            ])
        );
        assert_eq!(
            read(&["repository:app:"]),
            Some(vec![one("repository", "app", "")])
        );
        assert_eq!(read(&[]), Some(vec![]));
        for bad in [
            "repository",
            "repository:app",
            ":app:pull",
            "repository::pull",
            "a:b\u{1}:c",
        ] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let long = format!("repository:{}:pull", "x".repeat(10 * MAX_LENGTH));
        assert_eq!(read(&[&long]), None);
        let actions = format!("repository:app:{}", "a,".repeat(10 * MAX_ACTIONS));
        assert_eq!(read(&[&actions]), None);
        let many = "repository:app:pull ".repeat(10 * MAX_SCOPES);
        assert_eq!(read(&[&many]), None);
        assert!(read(&[&"repository:app:pull ".repeat(MAX_SCOPES)]).is_some());
    }
}
