use serde::Serialize;

/// The page is not the one where the login stands: `links.restart` or `links.login` go on.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoginPageExpired {}
