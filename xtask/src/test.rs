//! `cargo xtask test`: every test, in order of what it costs, with what it needs
//! installed first.

use std::{
    fs,
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{chaos, cluster, console, postgres::Postgres, shell, tools};

const NEXTEST: &str = "0.9.151";
const CARGO_DENY: &str = "0.20.2";
/// Of faults: each kind comes at least once in it.
const CHAOS_SECONDS: u64 = 60;

/// What a step, or all of them, came to.
#[derive(Default)]
struct Count {
    passed: u64,
    failed: u64,
}

struct Run<'a> {
    fast: bool,
    only: &'a [String],
    total: Count,
    /// Names of the failed steps, and what was not tested.
    failures: Vec<String>,
    left_out: Vec<String>,
    times: Vec<(String, Duration)>,
}

pub fn run(fast: bool, only: &[String]) -> Result<ExitCode> {
    let begun = Instant::now();
    let mut run = Run {
        fast,
        only,
        total: Count::default(),
        failures: Vec::new(),
        left_out: Vec::new(),
        times: Vec::new(),
    };
    // Many minutes of compiling Go the first time: beside the steps before it.
    let cluster = if run.wants("operator", true) || run.wants("cluster", true) {
        Some(ClusterBuild::start()?)
    } else {
        None
    };

    run.step("format", false, || {
        check(shell::cargo().args(["fmt", "--all", "--check"]))
    });
    // Before what embeds them.
    run.step("consoles", true, || {
        console::build()?;
        Ok(Count {
            passed: 1,
            failed: 0,
        })
    });
    run.step("clippy", false, || {
        check(shell::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--features=xtask/crds",
            "--locked",
            "--",
            "-Dwarnings",
        ]))
    });
    run.step("spec tags", false, || {
        check(shell::cargo().args(["xtask", "spec"]))
    });
    run.step("unit and protocol tests", false, || {
        nextest(&["--workspace"], &[])
    });
    run.step("documentation tests", false, doctests);
    let mut left_out = Vec::new();
    run.step("dependencies", true, || deny(&mut left_out));
    run.step("postgres", true, postgres);
    run.step("chaos", true, || {
        let good = chaos::campaigns(CHAOS_SECONDS, None)?;
        let passed = u64::try_from(good.iter().filter(|good| **good).count())?;
        Ok(Count {
            passed,
            failed: 2 - passed,
        })
    });
    // Hours of it: for a night, when it is asked for by name. The tests above walk a little.
    if only.is_empty() {
        run.left_out.push("random walks".to_owned());
    } else {
        run.step("random walks", true, || {
            let walks = ["--workspace", "--filterset=binary(login) & test(walk)"];
            nextest(&walks, &[("LOGIN_WALKS", "100000".to_owned())])
        });
    }
    run.step("client libraries", true, || {
        tools::debian(&[tools::NODE, tools::NPM, tools::PYTHON])?;
        counted(&mut shell::command("e2e/clients/run.sh"))
    });
    run.step("relying parties", true, || {
        tools::debian(&[
            tools::NODE,
            tools::NPM,
            tools::PYTHON,
            tools::CHROMIUM,
            tools::APACHE,
            tools::MOD_AUTH_OPENIDC,
        ])?;
        script("e2e/relying-parties/run.sh", &mut left_out)
    });
    // Minutes of another program, which has to be fetched: when it is asked for by name.
    if only.is_empty() {
        run.left_out.push("differential".to_owned());
    } else {
        run.step("differential", true, || {
            tools::debian(&[tools::NODE, tools::PYTHON])?;
            // Only the other server needs these.
            if let Err(error) = tools::debian(&[tools::MAVEN, tools::JAVA]) {
                left_out.push(format!("differential (no Keycloak: {error:#})"));
                return Ok(Count::default());
            }
            script("e2e/differential/run.sh", &mut left_out)
        });
    }
    run.step("browser", true, || {
        tools::debian(&[tools::CHROMIUM, tools::NODE, tools::NPM])?;
        counted(&mut shell::command("e2e/browser/run.sh"))
    });
    run.step("console screens", true, || {
        tools::debian(&[tools::CHROMIUM, tools::NODE, tools::NPM])?;
        counted(&mut shell::command("e2e/console/run.sh"))
    });
    run.step("operator", true, || {
        if let Some(build) = cluster {
            build.finish()?;
        }
        cluster_tests("e2e/apiserver.sh", "control", &mut left_out)
    });
    run.step("images", true, || {
        check(shell::cargo().args(["xtask", "images"]))
    });
    run.step("cluster", true, || {
        cluster_tests("e2e/run.sh", "all", &mut left_out)
    });
    run.left_out.append(&mut left_out);
    Ok(run.finish(begun))
}

impl Run<'_> {
    fn wants(&self, name: &str, slow: bool) -> bool {
        if self.only.is_empty() {
            !(slow && self.fast)
        } else {
            self.only.iter().any(|only| name.contains(only.as_str()))
        }
    }

    fn step(&mut self, name: &str, slow: bool, work: impl FnOnce() -> Result<Count>) {
        if !self.wants(name, slow) {
            self.left_out.push(name.to_owned());
            return;
        }
        println!("\n== {name}");
        let begun = Instant::now();
        let count = work().unwrap_or_else(|error| {
            println!("{error:#}");
            Count {
                passed: 0,
                failed: 1,
            }
        });
        let took = begun.elapsed();
        println!(
            "== {name}: {} passed, {} failed, {:.0} s",
            count.passed,
            count.failed,
            took.as_secs_f64()
        );
        if count.failed > 0 {
            self.failures.push(name.to_owned());
        }
        self.total.passed += count.passed;
        self.total.failed += count.failed;
        self.times.push((name.to_owned(), took));
    }

    fn finish(self, begun: Instant) -> ExitCode {
        println!("\n== summary");
        for (name, took) in &self.times {
            println!("{:6.0} s  {name}", took.as_secs_f64());
        }
        println!("{:6.0} s  in all", begun.elapsed().as_secs_f64());
        if !self.left_out.is_empty() {
            println!("not run: {}", self.left_out.join("; "));
        }
        if !self.failures.is_empty() {
            println!("failed: {}", self.failures.join(", "));
        }
        println!("{} passed, {} failed", self.total.passed, self.total.failed);
        if self.failures.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// A command that is one check: it succeeds or not.
fn check(command: &mut Command) -> Result<Count> {
    let failed = u64::from(!shell::status(command)?.success());
    Ok(Count {
        passed: 1 - failed,
        failed,
    })
}

/// A command that ends with a line `N passed, M failed`.
fn counted(command: &mut Command) -> Result<Count> {
    let (status, lines) = shell::tee(command.env("PATH", tools::path()?))?;
    let count = lines.iter().rev().find_map(|line| last_line(line));
    let mut count = count.context("no line `N passed, M failed` at the end")?;
    if !status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

fn last_line(line: &str) -> Option<Count> {
    let (passed, failed) = line.trim().split_once(" passed, ")?;
    let failed = failed.strip_suffix(" failed")?;
    Some(Count {
        passed: passed.parse().ok()?,
        failed: failed.parse().ok()?,
    })
}

/// What only a PostgreSQL server can show; without one, these tests leave that part out.
fn postgres() -> Result<Count> {
    let server = Postgres::start()?;
    let tests = [
        // Of the whole workspace, as it is built already: a part has other features.
        "--workspace",
        "--filterset=package(realmkeep-store) | binary(replicas) | binary(restart)",
    ];
    nextest(
        &tests,
        &[
            ("REALMKEEP_TEST_POSTGRES", server.url()),
            ("REALMKEEP_TEST_POSTGRES_PASSWORD", server.url_of("ROLE")),
        ],
    )
}

/// The tests of these packages, with these variables.
fn nextest(which: &[&str], variables: &[(&str, String)]) -> Result<Count> {
    // Its own updater is left out, which is half of what there is to compile.
    let program = tools::cargo_tool(
        "cargo-nextest",
        NEXTEST,
        &["--no-default-features", "--features=default-no-update"],
    )?;
    let mut command = shell::command(program);
    command.args([
        "nextest",
        "run",
        "--locked",
        "--no-fail-fast",
        "--color=never",
    ]);
    command.args(which);
    for (name, value) in variables {
        command.env(name, value);
    }
    command.args(["--status-level=fail", "--final-status-level=fail"]);
    let (status, lines) = shell::tee(&mut command)?;
    let summary = lines
        .iter()
        .rev()
        .find(|line| line.contains(" run: ") && line.contains("passed"));
    let Some(summary) = summary else {
        bail!("the tests did not run ({status})");
    };
    let number = |what: &str| {
        let words: Vec<&str> = summary
            .split([' ', ','])
            .filter(|word| !word.is_empty())
            .collect();
        let at = words.iter().position(|word| *word == what)?;
        words
            .get(at.checked_sub(1)?)?
            .trim_start_matches('(')
            .parse::<u64>()
            .ok()
    };
    let mut count = Count {
        passed: number("passed").unwrap_or_default(),
        failed: number("failed").unwrap_or_default() + number("timed").unwrap_or_default(),
    };
    if !status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// The examples in documentation comments, which nextest does not run.
fn doctests() -> Result<Count> {
    let (status, lines) =
        shell::tee(shell::cargo().args(["test", "--workspace", "--doc", "--quiet", "--locked"]))?;
    let mut count = Count::default();
    for line in lines
        .iter()
        .filter(|line| line.starts_with("test result: "))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            if let [number, what] = pair {
                let number: u64 = number.parse().unwrap_or_default();
                match *what {
                    "passed;" => count.passed += number,
                    "failed;" => count.failed += number,
                    _ => {}
                }
            }
        }
    }
    if !status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// Licences, banned crates, sources, and known vulnerabilities where the database of
/// these can be fetched.
fn deny(left_out: &mut Vec<String>) -> Result<Count> {
    let program = tools::cargo_tool("cargo-deny", CARGO_DENY, &[])?;
    let mut count = check(shell::command(&program).args([
        "--all-features",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))?;
    let fetched = Command::new(&program)
        .current_dir(shell::root())
        .args(["fetch", "db"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if fetched {
        let advisories = check(shell::command(&program).args([
            "--all-features",
            "check",
            "--disable-fetch",
            "advisories",
        ]))?;
        count.passed += advisories.passed;
        count.failed += advisories.failed;
    } else {
        println!(
            "the advisory database cannot be fetched from here: known vulnerabilities are not looked up"
        );
        left_out.push("advisories (their database could not be fetched)".to_owned());
    }
    Ok(count)
}

/// A script of e2e that needs these programs of the test cluster.
fn cluster_tests(script: &str, programs: &str, left_out: &mut Vec<String>) -> Result<Count> {
    let path = tools::path()?;
    if !shell::has("go") {
        bail!("missing: go, which builds the test cluster: install Go 1.26 (https://go.dev/dl)");
    }
    shell::run(cluster::script("build.sh").arg(programs).env("PATH", &path))?;
    self::script(script, left_out)
}

/// A script of e2e that says what it leaves out, and ends with a line `N passed, M failed`.
fn script(script: &str, left_out: &mut Vec<String>) -> Result<Count> {
    let (status, lines) = shell::tee(shell::command(script).env("PATH", tools::path()?))?;
    left_out.extend(
        lines
            .iter()
            .filter_map(|line| line.strip_prefix("left out: "))
            .map(str::to_owned),
    );
    let count = lines.iter().rev().find_map(|line| last_line(line));
    let mut count =
        count.with_context(|| format!("{script} ended without a line `N passed, M failed`"))?;
    if !status.success() && count.failed == 0 {
        count.failed = 1;
    }
    Ok(count)
}

/// The cluster's programs, being built in the background at low priority.
struct ClusterBuild {
    child: Child,
    log: std::path::PathBuf,
}

impl ClusterBuild {
    fn start() -> Result<Self> {
        let cache = shell::cache()?;
        fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
        let log = cache.join("cluster-build.log");
        let file = fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let child = shell::command("nice")
            .args(["-n", "10"])
            .arg(shell::root().join("e2e/cluster/build.sh"))
            .env("PATH", tools::path()?)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .context("starting e2e/cluster/build.sh")?;
        println!(
            "building the test cluster's programs in the background; log: {}",
            log.display()
        );
        Ok(Self { child, log })
    }

    fn finish(mut self) -> Result<()> {
        let status = self
            .child
            .wait()
            .context("waiting for e2e/cluster/build.sh")?;
        if !status.success() {
            bail!("{status}: e2e/cluster/build.sh: see {}", self.log.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::last_line;

    #[test]
    fn the_counting_line() {
        let count = last_line("17 passed, 2 failed").unwrap();
        assert_eq!((count.passed, count.failed), (17, 2));
        assert!(last_line("all passed, none failed").is_none());
    }
}
