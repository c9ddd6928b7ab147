//! `cargo xtask crds`: crds/yaml, generated from the types of crds/.

use std::process::ExitCode;

use anyhow::Result;

/// Builds this program with the feature that holds the types, and runs that one.
#[cfg(not(feature = "crds"))]
pub fn run(check: bool) -> Result<ExitCode> {
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
    if check {
        command.arg("--check");
    }
    Ok(if shell::status(&mut command)?.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Writes the definitions, or with `check` compares them with what is there.
#[cfg(feature = "crds")]
pub fn run(check: bool) -> Result<ExitCode> {
    use std::{collections::BTreeMap, fs};

    use anyhow::Context;

    use crate::shell;

    let folder = shell::root().join("crds/yaml");
    let wanted: BTreeMap<String, String> = realmkeep_crds::crd_yaml().into_iter().collect();
    let mut present = BTreeMap::new();
    if folder.is_dir() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
        {
            let path = entry?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            if let Some(name) =
                name.filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml")
            {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("reading {}", path.display()))?;
                present.insert(name, text);
            }
        }
    }

    let mut stale = Vec::new();
    for (name, text) in &wanted {
        if present.get(name) != Some(text) {
            stale.push(format!("crds/yaml/{name} is not what the types say"));
            if !check {
                fs::create_dir_all(&folder)
                    .with_context(|| format!("making {}", folder.display()))?;
                let path = folder.join(name);
                fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
                println!("wrote crds/yaml/{name}");
            }
        }
    }
    for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
        stale.push(format!("crds/yaml/{name} belongs to no type"));
        if !check {
            let path = folder.join(name);
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            println!("removed crds/yaml/{name}");
        }
    }
    if check && !stale.is_empty() {
        for line in &stale {
            eprintln!("{line}");
        }
        eprintln!("run `cargo xtask crds` and commit what it writes");
        return Ok(ExitCode::FAILURE);
    }
    println!("crds/yaml: {} definitions, up to date", wanted.len());
    Ok(ExitCode::SUCCESS)
}
