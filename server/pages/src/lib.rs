//! What an end user sees: one template and one struct for each page, in any language and theme,
//! with one stylesheet, and without scripts where the browser's own means do.
//!
//! Every word comes from a message file, every value is escaped by the template engine.

mod frame;
mod locale;
mod mail;
mod message;
pub mod page;
mod policy;
mod properties;
mod render;
mod resource;
mod skin;
mod stylesheet;
mod texts;
mod theme;

pub use frame::{BackLink, Frame, Links, Look, Notice, NoticeKind};
pub use locale::{
    LOCALE_ATTRIBUTE, LOCALE_COOKIE, LOCALE_PARAMETER, LocaleLink, LocaleSources, RealmLocales,
    built_in_locales, direction, locale_links, native_name,
};
pub use mail::{Link, MadeMail, Mail};
pub use message::Message;
pub use page::{AnyPage, FormField, Page, UsernameLabel};
pub use policy::Policy;
pub use render::{Html, Pages, PagesError};
pub use resource::Resource;
pub use skin::Console;
pub use stylesheet::Stylesheet;
pub use texts::{RealmTexts, Translator};
pub use theme::BUILT_IN_THEME;
