//! Events that the realm keeps, and what it keeps.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use realmkeep_authn::Services;
use realmkeep_events::{kept_types, type_names};
use realmkeep_representations::{
    AdminEventRepresentation, EventRepresentation, RealmEventsConfigRepresentation,
};
use realmkeep_store::events::{AdminEventSearch, Period, UserEventSearch};
use realmkeep_store::{Batch, Store};

use crate::error::{ApiError, ApiResult};
use crate::merge::merged;
use crate::request::{Cx, Given};
use crate::rights::Right;

/// Events answered where no number is asked for.
const DEFAULT_PAGE: i64 = 100;

pub fn routes() -> Router<Arc<Services>> {
    Router::new()
        .route("/events", get(user_events).delete(clear_user_events))
        .route("/events/config", get(config).put(update_config))
        .route(
            "/admin-events",
            get(admin_events).delete(clear_admin_events),
        )
}

async fn user_events(cx: Cx) -> ApiResult<Json<Vec<EventRepresentation>>> {
    cx.require(&[Right::VIEW_EVENTS])?;
    let text = |name: &str| cx.query(name).map(str::to_owned);
    let search = UserEventSearch {
        types: cx.queries("type"),
        client: text("client"),
        user: text("user"),
        ip_address: text("ipAddress"),
        period: period(&cx)?,
        oldest_first: oldest_first(&cx)?,
    };
    let known = type_names();
    if let Some(unknown) = search.types.iter().find(|t| !known.contains(&t.as_str())) {
        return Err(ApiError::bad_request(format!(
            "type: there is no event type '{unknown}'"
        )));
    }
    cx.services.events.settle().await;
    Ok(Json(
        cx.store()
            .user_events(&cx.realm.id, &search, cx.page_or(DEFAULT_PAGE)?)
            .await?,
    ))
}

async fn clear_user_events(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_EVENTS])?;
    cx.services.events.settle().await;
    let mut batch = Batch::new();
    batch.push(Store::clear_user_events(&cx.realm.id));
    cx.commit(batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn admin_events(cx: Cx) -> ApiResult<Json<Vec<AdminEventRepresentation>>> {
    cx.require(&[Right::VIEW_EVENTS])?;
    let text = |name: &str| cx.query(name).map(str::to_owned);
    let search = AdminEventSearch {
        operations: cx.queries("operationTypes"),
        resource_types: cx.queries("resourceTypes"),
        resource_path: text("resourcePath"),
        auth_realm: text("authRealm"),
        auth_client: text("authClient"),
        auth_user: text("authUser"),
        ip_address: text("authIpAddress"),
        period: period(&cx)?,
        oldest_first: oldest_first(&cx)?,
    };
    Ok(Json(
        cx.store()
            .admin_events(&cx.realm.id, &search, cx.page_or(DEFAULT_PAGE)?)
            .await?,
    ))
}

async fn clear_admin_events(cx: Cx) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_EVENTS])?;
    let mut batch = Batch::new();
    batch.push(Store::clear_admin_events(&cx.realm.id));
    cx.store().commit(batch).await?;
    cx.changed();
    Ok(StatusCode::NO_CONTENT)
}

fn oldest_first(cx: &Cx) -> ApiResult<bool> {
    match cx.query("direction") {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("desc") => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("asc") => Ok(true),
        Some(_) => Err(ApiError::bad_request("direction: asc or desc was expected")),
    }
}

/// `dateFrom` and `dateTo`: days of UTC, or milliseconds since 1970.
fn period(cx: &Cx) -> ApiResult<Period> {
    let mut period = Period::default();
    if let Some(text) = cx.query("dateFrom") {
        period.from = moment(text, "dateFrom", false)?;
    }
    if let Some(text) = cx.query("dateTo") {
        period.to = moment(text, "dateTo", true)?;
    }
    Ok(period)
}

fn moment(text: &str, name: &str, end_of_day: bool) -> ApiResult<i64> {
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(millis);
    }
    let wrong = || {
        ApiError::bad_request(format!(
            "Invalid value for '{name}', expected format is yyyy-MM-dd or an Epoch timestamp"
        ))
    };
    let day: Date = text.parse().map_err(|_| wrong())?;
    let day = if end_of_day {
        day.tomorrow().map_err(|_| wrong())?
    } else {
        day
    };
    let start = day
        .to_zoned(TimeZone::UTC)
        .map_err(|_| wrong())?
        .timestamp()
        .as_millisecond();
    Ok(start - i64::from(end_of_day))
}

async fn config(cx: Cx) -> ApiResult<Json<RealmEventsConfigRepresentation>> {
    cx.require(&[Right::VIEW_EVENTS])?;
    let s = &cx.realm.settings;
    Ok(Json(RealmEventsConfigRepresentation {
        admin_events_details_enabled: s.admin_events_details_enabled,
        admin_events_enabled: s.admin_events_enabled,
        enabled_event_types: Some(kept_types(s)),
        events_enabled: s.events_enabled,
        events_expiration: s.events_expiration,
        events_listeners: s.events_listeners.clone(),
    }))
}

async fn update_config(
    cx: Cx,
    given: Given<RealmEventsConfigRepresentation>,
) -> ApiResult<StatusCode> {
    cx.require(&[Right::MANAGE_EVENTS])?;
    let known = type_names();
    for kind in given.value.enabled_event_types.iter().flatten() {
        if !known.contains(&kind.as_str()) {
            return Err(ApiError::bad_request(format!(
                "enabledEventTypes: there is no event type '{kind}'"
            )));
        }
    }
    if given.value.events_expiration.is_some_and(|s| s < 0) {
        return Err(ApiError::bad_request(
            "eventsExpiration: a number of seconds cannot be negative",
        ));
    }
    cx.change_settings(
        |settings, _| {
            *settings = merged(settings, &given.json, &[])?;
            Ok(())
        },
        |()| None,
    )
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_a_beginning_and_an_end() {
        assert_eq!(moment("1970-01-02", "dateFrom", false).unwrap(), 86_400_000);
        assert_eq!(moment("1970-01-01", "dateTo", true).unwrap(), 86_399_999);
        assert_eq!(moment("12345", "dateFrom", false).unwrap(), 12_345);
        assert!(moment("yesterday", "dateFrom", false).is_err());
    }
}
