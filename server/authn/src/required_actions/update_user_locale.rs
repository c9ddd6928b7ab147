use crate::flow::{
    About, ActionAnswer, ActionOutcome, Facts, Login, Page, Progress, RequiredAction, Submitted,
};

/// Keeps the language that the user chose on a login page, as the attribute `locale`.
#[derive(Debug)]
pub struct UpdateUserLocale;

/// Note with the language that was chosen.
pub const CHOSEN: &str = "locale";
/// The user's attribute.
const ATTRIBUTE: &str = "locale";

impl RequiredAction for UpdateUserLocale {
    fn about(&self) -> About {
        About {
            id: "update_user_locale",
            name: "Update User Locale",
            help: "Keeps the language that the user chose",
            properties: &[],
        }
    }

    fn triggered(&self, facts: &Facts<'_>, progress: &Progress) -> bool {
        let Some(chosen) = progress.notes.get(CHOSEN) else {
            return false;
        };
        let supported = facts.realm.settings.supported_locales.as_ref();
        let known = supported.is_some_and(|all| all.contains(chosen));
        let enabled = facts.realm.settings.internationalization_enabled == Some(true);
        let kept = facts
            .subject
            .as_ref()
            .and_then(|s| s.user.attributes.as_ref()?.get(ATTRIBUTE)?.first());
        known && enabled && kept != Some(chosen)
    }

    fn on_request(&self) -> bool {
        false
    }

    fn prepare<'a>(&'a self, login: &'a mut Login<'_>) -> ActionAnswer<'a> {
        Box::pin(async move {
            if let Some(chosen) = login.progress.notes.get(CHOSEN).cloned() {
                login.change_user(|user| {
                    let attributes = user.attributes.get_or_insert_default();
                    attributes.insert(ATTRIBUTE.to_owned(), vec![chosen]);
                });
            }
            Ok(ActionOutcome::Done)
        })
    }

    fn page(&self, _: &Facts<'_>, _: &Progress, _: &crate::flow::Shown) -> Page {
        Page::Nothing
    }

    fn answer<'a>(&'a self, _: &'a mut Login<'_>, _: &'a Submitted) -> ActionAnswer<'a> {
        Box::pin(async { Ok(ActionOutcome::Done) })
    }
}
