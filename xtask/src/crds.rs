//! `cargo xtask crds`: crds/yaml, generated from the types of crds/. That it is up to
//! date is a test of crds/.

use std::process::ExitCode;

use anyhow::Result;

/// Builds this program with the feature that holds the types, and runs that one.
#[cfg(not(feature = "crds"))]
pub fn run() -> Result<ExitCode> {
    use crate::shell;

    let mut command = shell::cargo();
    command.args([
        "run",
        "--quiet",
        "--package=xtask",
        "--features=crds",
        "--",
        "crds",
    ]);
    Ok(if shell::status(&mut command)?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Writes the definitions.
#[cfg(feature = "crds")]
pub fn run() -> Result<ExitCode> {
    use std::{collections::BTreeMap, fs};

    use anyhow::Context;

    use crate::shell;

    let folder = shell::root().join("crds/yaml");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let wanted: BTreeMap<String, String> = realmkeep_crds::crd_yaml()
        .context("generating the definitions")?
        .into_iter()
        .collect();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".yaml") && !wanted.contains_key(&name) {
            fs::remove_file(entry.path())
                .with_context(|| format!("removing {}", entry.path().display()))?;
            println!("removed crds/yaml/{name}");
        }
    }
    for (name, text) in &wanted {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|present| present == *text) {
            continue;
        }
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        println!("wrote crds/yaml/{name}");
    }
    println!("crds/yaml: {} files, up to date", wanted.len());
    Ok(ExitCode::SUCCESS)
}
