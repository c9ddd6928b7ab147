//! `cargo xtask spec`: which rows of the feature map have a test that names them.
//!
//! A row is a table line of docs/spec that begins with an id such as `| FCA-07 |`. A
//! test names rows in a comment of its own: `/// spec: FCA-07, FCA-08` on a Rust test,
//! `// spec:` or `# spec:` in the test scripts of other languages.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, Result, bail};

use crate::shell;

/// Of docs/spec: the rows that no test can show, each with the reason.
const WITHOUT_A_TEST: &str = "without-a-test.md";

/// Folders that hold no tests of ours.
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", "docs"];

struct Row {
    area: String,
    id: String,
    capability: String,
}

pub fn run(open: Option<&str>) -> Result<ExitCode> {
    let root = shell::root();
    let rows = rows(&root.join("docs/spec"))?;
    let reasons = reasons(&root.join("docs/spec").join(WITHOUT_A_TEST))?;
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut tags = Vec::new();
    scan(&root, &root, &mut tags)?;

    let mut problems = Vec::new();
    let mut covered: BTreeSet<&str> = BTreeSet::new();
    for tag in &tags {
        match &tag.content {
            Ok(ids) => {
                for id in ids {
                    match known.get(id.as_str()) {
                        Some(id) => {
                            covered.insert(id);
                        }
                        None => problems.push(format!("{}: no row {id} in docs/spec", tag.place)),
                    }
                }
            }
            Err(problem) => problems.push(format!("{}: {problem}", tag.place)),
        }
    }

    for id in reasons.keys() {
        if !known.contains(id.as_str()) {
            problems.push(format!("{WITHOUT_A_TEST}: no row {id} in docs/spec"));
        }
        if covered.contains(id.as_str()) {
            problems.push(format!(
                "{WITHOUT_A_TEST}: {id} has a test: remove its line"
            ));
        }
    }

    if let Some(area) = open {
        let mut of_area = rows
            .iter()
            .filter(|row| row.area.eq_ignore_ascii_case(area))
            .peekable();
        if of_area.peek().is_none() {
            eprintln!("no area {area} in docs/spec; `cargo xtask spec` lists them");
            return Ok(ExitCode::FAILURE);
        }
        for row in of_area.filter(|row| !covered.contains(row.id.as_str())) {
            match reasons.get(&row.id) {
                Some(reason) => println!("{:9} {} [{reason}]", row.id, row.capability),
                None => println!("{:9} {}", row.id, row.capability),
            }
        }
    } else {
        let mut areas: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
        for row in &rows {
            let (done, reasoned, all) = areas.entry(&row.area).or_default();
            *all += 1;
            *done += usize::from(covered.contains(row.id.as_str()));
            *reasoned += usize::from(reasons.contains_key(&row.id));
        }
        println!("area     with a test / rows, of the others with a reason for none");
        for (area, (done, reasoned, all)) in &areas {
            println!("{area:8} {done:4} / {all:4} {reasoned:4}");
        }
        println!(
            "{:8} {:4} / {:4} {:4}",
            "all",
            covered.len(),
            rows.len(),
            reasons.len()
        );
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn rows(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut files: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("reading {}", folder.display()))?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| !path.ends_with(WITHOUT_A_TEST))
        .collect();
    files.sort();
    for file in files {
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        for line in text.lines() {
            let mut cells = line.split('|').skip(1).map(str::trim);
            if let (Some(id), Some(capability)) = (cells.next(), cells.next())
                && let Some(area) = area_of(id)
            {
                rows.push(Row {
                    area: area.to_owned(),
                    id: id.to_owned(),
                    capability: capability.to_owned(),
                });
            }
        }
    }
    Ok(rows)
}

/// Id and reason of the rows that no test can show: lines `| ID | kind | why |`.
fn reasons(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let mut reasons = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').skip(1).map(str::trim).collect();
        let [id, kind, why, ..] = cells.as_slice() else {
            continue;
        };
        if area_of(id).is_none() {
            continue;
        }
        if kind.is_empty() || why.is_empty() {
            bail!("{WITHOUT_A_TEST}: {id}: write `| {id} | kind | why |`");
        }
        if reasons
            .insert((*id).to_owned(), format!("{kind}: {why}"))
            .is_some()
        {
            bail!("{WITHOUT_A_TEST}: {id} stands twice");
        }
    }
    Ok(reasons)
}

/// The area of an id: `FCA` of `FCA-07`. None for what is not an id.
fn area_of(id: &str) -> Option<&str> {
    let (area, number) = id.split_once('-')?;
    let named = area.starts_with(|c: char| c.is_ascii_uppercase())
        && area
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    (named && !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())).then_some(area)
}

/// One `spec:` comment: where it stands, and its ids or what is wrong with it.
struct Tag {
    place: String,
    content: Result<Vec<String>, String>,
}

fn scan(root: &Path, folder: &Path, tags: &mut Vec<Tag>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry
            .file_type()
            .with_context(|| format!("looking at {}", path.display()))?;
        if kind.is_dir() {
            if !SKIPPED.contains(&name.as_ref()) {
                scan(root, &path, tags)?;
            }
            continue;
        }
        let mark = match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => "/// spec:",
            Some("mjs" | "js" | "ts" | "go") => "// spec:",
            Some("py" | "sh") => "# spec:",
            _ => continue,
        };
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (number, line) in lines.iter().enumerate() {
            let Some(list) = line.strip_prefix(mark) else {
                continue;
            };
            let shown = path.strip_prefix(root).unwrap_or(&path).display();
            let place = format!("{shown}:{}", number + 1);
            let on_test = mark != "/// spec:"
                || followed_by_test(lines.get(number + 1..).unwrap_or_default());
            tags.push(Tag {
                place,
                content: if on_test {
                    ids(list)
                } else {
                    Err("a spec comment that stands on no test".into())
                },
            });
        }
    }
    Ok(())
}

fn ids(list: &str) -> Result<Vec<String>, String> {
    list.trim_end_matches('.')
        .split(',')
        .map(str::trim)
        .map(|id| match area_of(id) {
            Some(_) => Ok(id.to_owned()),
            None => Err(format!(
                "{id:?} is not an id such as FCA-07; separate ids by commas"
            )),
        })
        .collect()
}

/// Whether comments and attributes, one of which makes a test, come before the item.
fn followed_by_test(lines: &[&str]) -> bool {
    lines
        .iter()
        .take_while(|line| line.is_empty() || line.starts_with("//") || line.starts_with("#["))
        .any(|line| line.starts_with("#[") && line.contains("test"))
}

#[cfg(test)]
mod tests {
    use super::{area_of, followed_by_test, ids};

    #[test]
    fn ids_are_recognised() {
        assert_eq!(area_of("FCA-07"), Some("FCA"));
        assert_eq!(area_of("L10N-3a"), Some("L10N"));
        assert_eq!(area_of("X509-12"), Some("X509"));
        for other in ["ID", "---", "6735-6740", "fca-07", "FCA-", "FCA-x"] {
            assert_eq!(area_of(other), None, "{other}");
        }
    }

    #[test]
    fn lists_are_by_comma() {
        assert_eq!(
            ids(" FCA-07, FCA-08."),
            Ok(vec!["FCA-07".to_owned(), "FCA-08".to_owned()])
        );
        assert!(ids(" FCA-07 FCA-08").is_err());
        assert!(ids("").is_err());
    }

    #[test]
    fn a_tag_belongs_to_a_test() {
        assert!(followed_by_test(&[
            "/// more",
            "#[tokio::test]",
            "async fn x() {"
        ]));
        assert!(!followed_by_test(&["#[must_use]", "fn x() {", "#[test]"]));
    }
}
