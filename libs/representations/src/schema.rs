//! Schemas for fields whose own type cannot stand in a Kubernetes structural schema.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Any JSON value: recursive types and free-form settings.
pub fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}
