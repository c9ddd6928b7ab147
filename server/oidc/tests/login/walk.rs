//! Random walks over the pages of a login: whatever is sent from whichever page in whichever browser,
//! in any order and as often as one likes, nobody comes in, and nothing of an account changes, without
//! both proofs given in that login by that browser.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use url::Url;

use crate::browser::{Browser, Seen, authorize, server};
use crate::support::Server;
use crate::tools::{OTP_SECRET, add_otp, code_of};

/// Walks where nobody asks for more (`LOGIN_WALKS`).
const WALKS: usize = 150;
/// Steps of one walk.
const STEPS: usize = 14;
/// Pages that a walk remembers.
const PAGES: usize = 40;

/// The same numbers in every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn of(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }
}

/// What a page asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asks {
    Password,
    Otp,
    NewPassword,
    Nothing,
}

#[derive(Clone, Debug)]
struct Page {
    browser: usize,
    action: String,
    /// The link that begins the login anew.
    restart: Option<String>,
    asks: Asks,
    /// The proofs that were given on the way to it.
    proven: BTreeSet<Asks>,
}

/// One browser: whether it is signed in, and whether who sits before it has the app.
struct Person {
    browser: Browser,
    has_app: bool,
    signed_in: bool,
}

struct Walk<'a> {
    server: &'a Server,
    people: Vec<Person>,
    pages: Vec<Page>,
    password: String,
    /// How often a page that had expired led on.
    led_on: usize,
    /// What was done, to be told when it went wrong.
    story: Vec<String>,
}

fn asked(seen: &Seen) -> Asks {
    let asks = |field: &str| seen.text.contains(&format!("name=\"{field}\""));
    match () {
        () if asks("password-new") => Asks::NewPassword,
        () if asks("otp") => Asks::Otp,
        () if asks("password") => Asks::Password,
        () => Asks::Nothing,
    }
}

impl Walk<'_> {
    async fn go(&mut self, dice: &mut Dice) {
        let who = dice.of(self.people.len());
        if self.pages.is_empty() || dice.one_in(6) {
            return self.open(who, dice).await;
        }
        let newest = self.pages.len() - 1;
        let chosen = if dice.one_in(2) {
            newest
        } else {
            dice.of(newest + 1)
        };
        let page = self.pages[chosen].clone();
        // Mostly the browser that got the page; sometimes another one that was sent its address.
        let who = if dice.one_in(5) { who } else { page.browser };
        let code = code_of(self.server, OTP_SECRET, 0).await;
        let new = format!("pw{}", dice.below(1_000_000));
        let has_app = self.people[who].has_app;
        let password = self.password.clone();
        let mut given = None;
        // What the page asks for, as often as anything else.
        let what = match (dice.one_in(2), page.asks) {
            (true, Asks::Password) => 0,
            (true, Asks::Otp) => 5,
            (true, Asks::NewPassword) => 9,
            _ => dice.below(12),
        };
        let form: Vec<(&str, &str)> = match what {
            0..4 => {
                given = Some(Asks::Password);
                vec![("username", "alice"), ("password", password.as_str())]
            }
            4 => vec![("username", "alice"), ("password", "wrong")],
            5..8 if has_app => {
                given = Some(Asks::Otp);
                vec![("otp", code.as_str())]
            }
            5..8 => vec![("otp", "000000")],
            8 => vec![("tryAnotherWay", "on")],
            9 => vec![
                ("password-new", new.as_str()),
                ("password-confirm", new.as_str()),
            ],
            10 if has_app => {
                given = Some(page.asks);
                let both = [
                    ("username", "alice"),
                    ("password", password.as_str()),
                    ("otp", code.as_str()),
                ];
                both.to_vec()
            }
            10 => vec![("cancel-aia", "true")],
            _ => return self.look(who, &page, dice).await,
        };
        self.story
            .push(format!("{who} sends {form:?} from {page:?}"));
        let browser = &self.people[who].browser;
        let seen = browser
            .send(self.server, Method::POST, &page.action, Some(&form))
            .await;
        let sets = form.iter().any(|(name, _)| *name == "password-new");
        let mut proven = page.proven.clone();
        // Only the page's own field counts, in the browser that the page is of.
        proven.extend(given.filter(|given| *given == page.asks));
        if who != page.browser {
            proven.clear();
        }
        let told = seen.answer_or_none();
        let status = told.as_ref().and_then(|t| t.get("kc_action_status"));
        let changed = sets && status.is_some_and(|s| s == "success");
        self.judge(who, &seen, proven).await;
        if changed && page.asks == Asks::NewPassword {
            self.password = new;
        }
    }

    /// A new tab, maybe for a new password.
    async fn open(&mut self, who: usize, dice: &mut Dice) {
        let more: &[(&str, &str)] = match dice.below(4) {
            0 => &[("kc_action", "UPDATE_PASSWORD")],
            1 => &[("prompt", "login")],
            _ => &[],
        };
        self.story.push(format!("{who} opens a tab {more:?}"));
        let url = authorize(self.server, more);
        let seen = self.people[who].browser.get(self.server, &url).await;
        self.judge(who, &seen, BTreeSet::new()).await;
    }

    /// Reloads the page, or begins the login anew.
    async fn look(&mut self, who: usize, page: &Page, dice: &mut Dice) {
        let again = page.restart.as_ref().filter(|_| dice.one_in(3));
        self.story.push(format!(
            "{who} looks again ({}) at {page:?}",
            again.is_some()
        ));
        let url = again.unwrap_or(&page.action);
        let seen = self.people[who].browser.get(self.server, url).await;
        let mut proven = page.proven.clone();
        if who != page.browser || again.is_some() {
            proven.clear();
        }
        self.judge(who, &seen, proven).await;
    }

    /// `proven`: the proofs that this browser has given in this login, as far as a test can know.
    async fn judge(&mut self, who: usize, seen: &Seen, proven: BTreeSet<Asks>) {
        let both = proven.contains(&Asks::Password) && proven.contains(&Asks::Otp);
        let trusted = both || self.people[who].signed_in;
        let story = || self.story.join("\n");
        assert!(!seen.status.is_server_error(), "{seen:?}\n{}", story());
        let told = seen.answer_or_none();
        if let Some(told) = told.filter(|told| told.contains_key("code")) {
            assert!(
                trusted,
                "signed in without the proofs: {told:?}\n{}",
                story()
            );
            self.people[who].signed_in = true;
            return;
        }
        let asks = asked(seen);
        match asks {
            Asks::NewPassword => assert!(trusted, "a new password for anybody\n{}", story()),
            Asks::Otp => assert!(
                proven.contains(&Asks::Password),
                "the password was passed by\n{}",
                story()
            ),
            Asks::Password | Asks::Nothing => {}
        }
        if let Some(rest) = seen.text.split("id=\"loginContinueLink\" href=\"").nth(1) {
            let path = rest.split('"').next().unwrap().replace("&amp;", "&");
            let url = Url::parse(&self.server.base).unwrap().join(&path).unwrap();
            let browser = &self.people[who].browser;
            let next = browser.get(self.server, url.as_str()).await;
            self.led_on += 1;
            return Box::pin(self.judge(who, &next, proven)).await;
        }
        if seen.status != StatusCode::OK || asks == Asks::Nothing {
            return;
        }
        let proven = match asks {
            Asks::Password => BTreeSet::new(),
            Asks::Otp => BTreeSet::from([Asks::Password]),
            _ => proven,
        };
        let restart = seen.text.split("id=\"reset-login\" href=\"").nth(1);
        let restart = restart.map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
        let base = Url::parse(&self.server.base).unwrap();
        self.pages.push(Page {
            browser: who,
            action: seen.action(self.server),
            restart: restart.map(|path| base.join(&path).unwrap().into()),
            asks,
            proven,
        });
        if self.pages.len() > PAGES {
            self.pages.remove(0);
        }
    }
}

/// 10^5 walks: `LOGIN_WALKS=100000`, as `cargo xtask test --only "random walks"` sets it.
#[tokio::test(flavor = "multi_thread")]
async fn no_walk_leads_in_without_the_proofs() {
    let walks = std::env::var("LOGIN_WALKS").map_or(WALKS, |text| text.parse().unwrap());
    let server = server().await;
    server
        .change_realm(|realm| {
            // Hashing is not what is tested.
            let policy = "hashAlgorithm(pbkdf2) and hashIterations(1)";
            realm.password_policy = Some(policy.to_owned());
            realm.otp_policy_code_reusable = Some(true);
            realm.events_enabled = Some(false);
        })
        .await;
    add_otp(&server, "alice", "phone").await;
    let mut dice = Dice(7);
    let mut password = "pw".to_owned();
    let (mut entered, mut changed, mut led_on) = (0, 0, 0);
    for done in 0..walks {
        if done > 0 && done % 1_000 == 0 {
            println!("{done} walks; {entered} came in, {changed} set a password");
        }
        let person = |has_app| Person {
            browser: Browser::default(),
            has_app,
            signed_in: false,
        };
        let mut walk = Walk {
            server: &server,
            people: vec![person(true), person(false), person(true)],
            pages: Vec::new(),
            password: password.clone(),
            led_on: 0,
            story: Vec::new(),
        };
        for _ in 0..STEPS {
            walk.go(&mut dice).await;
        }
        let thief = &walk.people[1];
        assert!(
            !thief.signed_in,
            "without the app\n{}",
            walk.story.join("\n")
        );
        entered += usize::from(walk.people.iter().any(|p| p.signed_in));
        changed += usize::from(walk.password != password);
        led_on += walk.led_on;
        password = walk.password;
    }
    // The walks get somewhere.
    assert!(entered * 10 > walks, "{entered} of {walks} came in");
    assert!(changed > 0, "of {walks} none set a password");
    assert!(led_on > 0, "in {walks} no page that had expired led on");
}
