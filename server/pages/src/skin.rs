//! Looks of the two consoles: stylesheets of a theme that are loaded after the consoles' own.
//!
//! ```text
//! {folder}/{name}/account/theme.properties    styles=
//! {folder}/{name}/account/resources/…
//! {folder}/{name}/admin/…                     the same
//! ```

use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::path::Path;

use crate::PagesError;
use crate::resource::{Resource, content_type};
use crate::theme::{self, files, properties_of};

/// Which console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Console {
    Account,
    Admin,
}

/// One look of one console.
pub(crate) struct Skin {
    /// Paths of stylesheets below `resources`.
    pub(crate) styles: Vec<String>,
    resources: BTreeMap<String, (&'static str, Vec<u8>)>,
}

/// By console and name of the theme.
pub(crate) type Skins = HashMap<(Console, String), Skin>;

impl Console {
    const ALL: [Self; 2] = [Self::Account, Self::Admin];

    /// As folders and addresses name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Admin => "admin",
        }
    }
}

impl Skin {
    pub(crate) fn resource(&self, path: &str) -> Option<Resource<'_>> {
        let (content_type, bytes) = self.resources.get(path)?;
        Some(Resource {
            content_type,
            bytes,
        })
    }

    fn read(root: &Path) -> Result<Self, PagesError> {
        let files = files(root)?;
        let settings = properties_of(root, &files)?;
        let resources: BTreeMap<_, _> = files
            .into_iter()
            .filter_map(|(path, bytes)| {
                let path = path.strip_prefix("resources/")?.to_owned();
                Some((path.clone(), (content_type(&path)?, bytes)))
            })
            .collect();
        let styles = settings.get("styles").map(String::as_str);
        let styles = styles.unwrap_or_default().split_whitespace();
        let styles: Vec<String> = styles.map(str::to_owned).collect();
        if let Some(missing) = styles.iter().find(|path| !resources.contains_key(*path)) {
            let root = root.display();
            let text = format!("{root} names '{missing}', which is not in its resources");
            return Err(PagesError::Theme(text));
        }
        Ok(Self { styles, resources })
    }
}

/// The looks that the folder of themes has.
pub(crate) fn read_all(folder: &Path) -> Result<Skins, PagesError> {
    let mut skins = Skins::new();
    for console in Console::ALL {
        for name in theme::names(folder, console.name())? {
            let skin = Skin::read(&folder.join(&name).join(console.name()))?;
            skins.insert((console, name), skin);
        }
    }
    Ok(skins)
}

/// Changes with every file of them.
pub(crate) fn hash(skins: &Skins, hasher: &mut impl Hasher) {
    for console in Console::ALL {
        let of = skins.iter().filter(|((of, _), _)| *of == console);
        let mut of: Vec<_> = of
            .map(|((_, name), skin)| (name, &skin.resources))
            .collect();
        of.sort();
        of.hash(hasher);
    }
}
