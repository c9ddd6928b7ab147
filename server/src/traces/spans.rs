//! Turns spans of `tracing` into those of OpenTelemetry.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use super::otlp::{CLIENT, ERROR, INTERNAL, KeyValue, SERVER, Span, Status, Value};

const TARGET: &str = "realmkeep_trace";

/// Notes the spans of this target and hands them on when they end.
pub struct SpanLayer {
    finished: mpsc::Sender<Span>,
    /// Of traces that begin here, this part is sampled; 0 to 1.
    ratio: f64,
}

/// A span that has not ended; what is not sampled has no span to send.
struct Open {
    trace: [u8; 16],
    id: [u8; 8],
    span: Option<Span>,
}

/// The trace that a request brings (W3C Trace Context section 3.2).
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

impl SpanLayer {
    pub fn new(finished: mpsc::Sender<Span>, ratio: f64) -> Self {
        Self { finished, ratio }
    }

    fn open(&self, name: &str, fields: Fields, above: Option<(&[u8; 16], &[u8; 8], bool)>) -> Open {
        let brought = fields.parent.as_deref().and_then(parent);
        let (trace, parent, sampled) = match (above, &brought) {
            (Some((trace, span, sampled)), _) => (*trace, Some(*span), sampled),
            (None, Some(parent)) => (parent.trace, Some(parent.span), parent.sampled),
            (None, None) => {
                let trace = Uuid::new_v4().into_bytes();
                (trace, None, self.takes(&trace))
            }
        };
        let id = span_id();
        let span = sampled.then(|| Span {
            trace_id: trace.to_vec(),
            span_id: id.to_vec(),
            parent_span_id: parent.map(|id| id.to_vec()).unwrap_or_default(),
            name: full_name(name, &fields.attributes),
            kind: fields.kind,
            start_time_unix_nano: now(),
            attributes: fields.attributes,
            ..Span::default()
        });
        Open { trace, id, span }
    }

    /// The same answer for a trace everywhere: its id decides.
    fn takes(&self, trace: &[u8; 16]) -> bool {
        let [.., a, b, c, d] = *trace;
        f64::from(u32::from_be_bytes([a, b, c, d])) < self.ratio * (f64::from(u32::MAX) + 1.0)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if span.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut above = span.parent();
        let mut found = None;
        while let Some(other) = above {
            let known = other.extensions();
            if let Some(open) = known.get::<Open>() {
                found = Some((open.trace, open.id, open.span.is_some()));
                break;
            }
            drop(known);
            above = other.parent();
        }
        let above = found
            .as_ref()
            .map(|(trace, id, sampled)| (trace, id, *sampled));
        let open = self.open(span.name(), fields, above);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut known = span.extensions_mut();
        if let Some(open) = known.get_mut::<Open>().and_then(|open| open.span.as_mut()) {
            let mut fields = Fields::default();
            values.record(&mut fields);
            open.attributes.append(&mut fields.attributes);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let mut known = span.extensions_mut();
        let Some(mut ended) = known.remove::<Open>().and_then(|open| open.span) else {
            return;
        };
        ended.end_time_unix_nano = now();
        let failed = ended.attributes.iter().any(|attribute| {
            let value = attribute.value.as_ref().and_then(|v| v.value.as_ref());
            attribute.key == "http.response.status_code" && matches!(value, Some(Value::Int(500..)))
        });
        if failed {
            ended.status = Some(Status { code: ERROR });
        }
        // A collector that is too slow loses spans, not requests.
        let _ = self.finished.try_send(ended);
    }
}

/// `GET /realms/{realm}`, `db.query FIND`: few and telling.
fn full_name(name: &str, attributes: &[KeyValue]) -> String {
    let text = |key: &str| {
        let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
        match attribute.value.as_ref()?.value.as_ref()? {
            Value::Text(text) => Some(text.as_str()),
            Value::Int(_) => None,
        }
    };
    match (
        text("http.request.method"),
        text("http.route"),
        text("db.operation.name"),
    ) {
        (Some(method), Some(route), _) => format!("{method} {route}"),
        (_, _, Some(operation)) => format!("{name} {operation}"),
        _ => name.to_owned(),
    }
}

fn span_id() -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = Uuid::new_v4().into_bytes();
    [a, b, c, d, e, f, g, h]
}

fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn parent(text: &str) -> Option<Parent> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Version 00 has four parts; later ones may have more.
    if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16)
        .ok()
        .filter(|id| *id != 0 && trace.len() == 32)?;
    let span = u64::from_str_radix(span, 16)
        .ok()
        .filter(|id| *id != 0 && span.len() == 16)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    Some(Parent {
        trace: trace.to_be_bytes(),
        span: span.to_be_bytes(),
        sampled: flags & 1 == 1,
    })
}

/// What a span says of itself.
struct Fields {
    kind: i32,
    parent: Option<String>,
    attributes: Vec<KeyValue>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            kind: INTERNAL,
            parent: None,
            attributes: Vec::new(),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "otel.kind" => {
                self.kind = match value {
                    "server" => SERVER,
                    "client" => CLIENT,
                    _ => INTERNAL,
                }
            }
            "traceparent" => self.parent = Some(value.to_owned()),
            name => self
                .attributes
                .push(KeyValue::new(name, Value::Text(value.to_owned()))),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.record_i64(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attributes
            .push(KeyValue::new(field.name(), Value::Int(value)));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_right_parents_are_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(parent(good).is_some_and(|p| p.sampled));
        for wrong in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(parent(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_ratio_decides_by_the_trace() {
        let (sender, _receiver) = mpsc::channel(1);
        let all = SpanLayer::new(sender.clone(), 1.0);
        let none = SpanLayer::new(sender.clone(), 0.0);
        let half = SpanLayer::new(sender, 0.5);
        let low = [0; 16];
        let high = [255; 16];
        assert!(all.takes(&high) && all.takes(&low));
        assert!(!none.takes(&low) && !none.takes(&high));
        assert!(half.takes(&low) && !half.takes(&high));
    }
}
