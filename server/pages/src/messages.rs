use std::collections::HashMap;

use crate::PagesError;

/// The texts of one language, by key.
#[derive(Debug)]
pub(crate) struct Messages {
    texts: HashMap<String, String>,
}

impl Messages {
    pub(crate) fn english() -> Result<Self, PagesError> {
        let texts = serde_json::from_str(include_str!("../messages/en.json"))
            .map_err(|e| PagesError::Messages(e.to_string()))?;
        Ok(Self { texts })
    }

    /// The text with `{0}` replaced; a key without text is shown as it is.
    pub(crate) fn text(&self, key: &str, argument: Option<&str>) -> String {
        let text = self.texts.get(key).map_or(key, String::as_str);
        match argument {
            Some(argument) => text.replacen("{0}", argument, 1),
            None => text.to_owned(),
        }
    }
}
