use std::hash::{DefaultHasher, Hash, Hasher};

/// The stylesheet of all pages. Its name changes with its content, so it may be cached for ever.
#[derive(Clone, Copy, Debug)]
pub struct Stylesheet;

impl Stylesheet {
    pub const TEXT: &'static str = include_str!("../templates/login.css");

    /// The part of the path that changes with the content.
    pub fn version() -> String {
        let mut hasher = DefaultHasher::new();
        Self::TEXT.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// `/resources/{version}/login.css`.
    pub fn path() -> String {
        format!("/resources/{}/login.css", Self::version())
    }
}
