//! YAML in and out. The only module that knows the YAML library.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use realmkeep_representations::strict;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{AnyResource, GROUP, ObjectName, VERSION};

/// Larger files are no resources.
const FILE_LIMIT: u64 = 8 << 20;
const DEPTH_LIMIT: usize = 16;
/// What a resource in a folder has for a namespace when it names none.
const DEFAULT_NAMESPACE: &str = "default";

/// Where a resource was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    pub file: String,
    /// Number of the document in the file, from 1.
    pub document: usize,
}

/// One resource and where it was written.
#[derive(Clone, Debug)]
pub struct Document {
    pub origin: Origin,
    pub resource: AnyResource,
}

/// A Kubernetes object of a kind that is not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub origin: Origin,
    pub api_version: String,
    pub kind: String,
}

/// Everything a folder holds.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub documents: Vec<Document>,
    pub skipped: Vec<Skipped>,
}

/// What is wrong with one document, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    pub origin: Origin,
    /// Kind and name, when they could be read.
    pub object: Option<String>,
    pub message: String,
}

/// All that is wrong with a file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadErrors(pub Vec<LoadError>);

/// An object that cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("cannot be written as YAML: {0}")]
pub struct WriteError(String);

/// Reads a file, or every `.yaml` and `.yml` file below a folder, in order of their paths.
///
/// # Errors
/// All errors of all documents.
pub fn load(path: &Path) -> Result<Loaded, LoadErrors> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    collect(path, 0, &mut files, &mut errors);
    files.sort();
    let mut loaded = Loaded::default();
    for file in files {
        match fs::read_to_string(&file) {
            Ok(text) => read(&file.display().to_string(), &text, &mut loaded, &mut errors),
            Err(e) => errors.push(file_error(&file, format!("cannot be read: {e}"))),
        }
    }
    finish(loaded, errors)
}

/// Reads the documents of one text; `file` is its name in errors.
///
/// # Errors
/// All errors of all documents.
pub fn parse(file: &str, text: &str) -> Result<Loaded, LoadErrors> {
    let mut loaded = Loaded::default();
    let mut errors = Vec::new();
    read(file, text, &mut loaded, &mut errors);
    finish(loaded, errors)
}

/// # Errors
/// The object has something that YAML cannot say.
pub fn to_yaml<T: Serialize>(object: &T) -> Result<String, WriteError> {
    serde_yaml::to_string(object).map_err(|e| WriteError(e.to_string()))
}

fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>, errors: &mut Vec<LoadError>) {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) => return errors.push(file_error(path, format!("cannot be read: {e}"))),
    };
    if metadata.is_file() {
        let yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        // A file that was named is read whatever it is called.
        if !yaml && depth > 0 {
            return;
        }
        if metadata.len() > FILE_LIMIT {
            let limit = FILE_LIMIT >> 20;
            return errors.push(file_error(path, format!("is larger than {limit} MiB")));
        }
        return files.push(path.to_owned());
    }
    if !metadata.is_dir() {
        return;
    }
    if depth > DEPTH_LIMIT {
        let message = format!("is more than {DEPTH_LIMIT} folders deep; a link may lead back up");
        return errors.push(file_error(path, message));
    }
    match fs::read_dir(path) {
        Ok(entries) => {
            for entry in entries.flatten() {
                if !entry.file_name().to_string_lossy().starts_with('.') {
                    collect(&entry.path(), depth + 1, files, errors);
                }
            }
        }
        Err(e) => errors.push(file_error(path, format!("cannot be read: {e}"))),
    }
}

fn read(file: &str, text: &str, loaded: &mut Loaded, errors: &mut Vec<LoadError>) {
    for (index, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let origin = Origin {
            file: file.to_owned(),
            document: index + 1,
        };
        let value = match json(document) {
            Ok(Value::Null) => continue,
            Ok(value) => value,
            Err(message) => {
                errors.push(LoadError {
                    origin,
                    object: None,
                    message: format!("not YAML: {message}"),
                });
                // After a syntax error the rest cannot be told apart.
                return;
            }
        };
        match resource(&value) {
            Ok(Parsed::Ours(resource)) => {
                let object = resource.name().to_string();
                for broken in resource.validate() {
                    errors.push(LoadError {
                        origin: origin.clone(),
                        object: Some(object.clone()),
                        message: broken.to_string(),
                    });
                }
                loaded.documents.push(Document { origin, resource });
            }
            Ok(Parsed::Other { api_version, kind }) => loaded.skipped.push(Skipped {
                origin,
                api_version,
                kind,
            }),
            Err((object, message)) => errors.push(LoadError {
                origin,
                object,
                message,
            }),
        }
    }
}

fn json(document: serde_yaml::Deserializer<'_>) -> Result<Value, String> {
    // By way of YAML's own value, which refuses a key that is written twice.
    let mut value = serde_yaml::Value::deserialize(document).map_err(|e| e.to_string())?;
    value.apply_merge().map_err(|e| e.to_string())?;
    serde_json::to_value(value).map_err(|e| e.to_string())
}

enum Parsed {
    Ours(AnyResource),
    Other { api_version: String, kind: String },
}

type Refused = (Option<String>, String);

fn resource(value: &Value) -> Result<Parsed, Refused> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
    if !value.is_object() {
        return Err((
            None,
            "a resource is a mapping with apiVersion and kind".into(),
        ));
    }
    let kind = text("/kind").ok_or_else(|| {
        (
            None,
            "kind: is missing; write for example kind: Realm".into(),
        )
    })?;
    let name = text("/metadata/name").unwrap_or("(no name)");
    let object = Some(match text("/metadata/namespace") {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    });
    let ours = format!("{GROUP}/{VERSION}");
    let Some(api_version) = text("/apiVersion") else {
        let message = format!("apiVersion: is missing; ours is {ours}");
        return Err((object, message));
    };
    let secret = api_version == "v1" && kind == "Secret";
    if !secret && api_version.split('/').next() != Some(GROUP) {
        return Ok(Parsed::Other {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
        });
    }
    let fail = |message: String| (object.clone(), message);
    if !secret && api_version != ours {
        return Err(fail(format!(
            "apiVersion: {api_version} is not known; this version knows {ours}"
        )));
    }
    if text("/metadata/name").is_none_or(str::is_empty) {
        return Err(fail("metadata.name: is missing".into()));
    }
    let parsed = match kind {
        "IdentityServer" => AnyResource::IdentityServer(typed(value).map_err(fail)?),
        "ExternalServer" => AnyResource::ExternalServer(typed(value).map_err(fail)?),
        "Realm" => AnyResource::Realm(typed(value).map_err(fail)?),
        "Client" => AnyResource::Client(typed(value).map_err(fail)?),
        "IdentityProvider" => AnyResource::IdentityProvider(typed(value).map_err(fail)?),
        "Secret" => AnyResource::Secret(typed::<Secret>(value).map_err(fail)?),
        other => {
            return Err(fail(format!(
                "kind: {other} is not known; the kinds are IdentityServer, ExternalServer, Realm, \
                 Client and IdentityProvider"
            )));
        }
    };
    Ok(Parsed::Ours(parsed))
}

fn typed<K: DeserializeOwned + Resource>(value: &Value) -> Result<Box<K>, String> {
    let (mut object, mut unknown) = strict::collect_unknown::<K>(value).map_err(|e| match e {
        // At the top there is no path to name.
        strict::ReadError::Invalid { path, reason } if path == "." => reason,
        other => other.to_string(),
    })?;
    unknown.retain(|path| path != "apiVersion" && path != "kind");
    if !unknown.is_empty() {
        return Err(strict::ReadError::UnknownFields(unknown).to_string());
    }
    let metadata = object.meta_mut();
    if metadata.namespace.is_none() {
        metadata.namespace = Some(DEFAULT_NAMESPACE.into());
    }
    Ok(Box::new(object))
}

fn finish(loaded: Loaded, mut errors: Vec<LoadError>) -> Result<Loaded, LoadErrors> {
    let mut seen: BTreeMap<ObjectName, &Origin> = BTreeMap::new();
    for document in &loaded.documents {
        let name = document.resource.name();
        if let Some(first) = seen.get(&name) {
            errors.push(LoadError {
                origin: document.origin.clone(),
                object: Some(name.to_string()),
                message: format!("is written in {first} too; keep one of them"),
            });
        } else {
            seen.insert(name, &document.origin);
        }
    }
    if errors.is_empty() {
        Ok(loaded)
    } else {
        Err(LoadErrors(errors))
    }
}

fn file_error(file: &Path, message: String) -> LoadError {
    LoadError {
        origin: Origin {
            file: file.display().to_string(),
            document: 1,
        },
        object: None,
        message,
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (document {})", self.file, self.document)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for LoadErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for LoadErrors {}
