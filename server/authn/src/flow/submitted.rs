use zeroize::Zeroizing;

/// Most fields of a form.
const MAX_FIELDS: usize = 300;

/// The fields of a form that somebody sent. They may hold credentials: neither shown nor kept.
#[derive(Default)]
pub struct Submitted(Vec<(String, Zeroizing<String>)>);

impl Submitted {
    /// None when it has too many fields, or what is not text.
    pub fn parse(encoded: &[u8]) -> Option<Self> {
        let mut fields = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            let broken = |text: &str| text.contains(['\0', '\u{fffd}']);
            if fields.len() >= MAX_FIELDS || broken(&name) || broken(&value) {
                return None;
            }
            fields.push((name.into_owned(), Zeroizing::new(value.into_owned())));
        }
        Some(Self(fields))
    }

    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), Zeroizing::new(value.to_owned()));
        Self(fields.into_iter().map(own).collect())
    }

    /// The first value that is not empty.
    pub fn value<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.values(name).find(|value| !value.is_empty())
    }

    /// All values, empty ones too, in the order they were sent.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

impl std::fmt::Debug for Submitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
