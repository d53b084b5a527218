//! Other words for a search, learnt from what people tried next.

use serde_json::{Value, json};

use super::{address, ingested, places, street};
use crate::http::{Server, problem};
use crate::support::{Rushes, told, videos};

const WORDS: &str = "\
1\n00:00:00,200 --> 00:00:01,000\nlook, a bicycle\n
2\n00:00:02,200 --> 00:00:02,900\nthe old bike\n
3\n00:00:04,200 --> 00:00:05,000\na red car\n";

/// A server with a video of three shots, and two people who search.
struct Office {
    rushes: Rushes,
    server: Server,
    asset: String,
    keys: [String; 2],
}

impl Office {
    fn new(learn: bool) -> Option<Self> {
        let rushes = Rushes::new()?;
        let rushes = if learn {
            rushes
                .with("RUSHES_SEARCH__LEARN", "true")
                .with("RUSHES_SEARCH__LEARN_AFTER", "2")
        } else {
            rushes
        };
        let video = videos::made(&rushes.folder.path().join("street.mp4"), 3, 50, 0);
        let asset = ingested(&rushes, &video, "Street", "en", WORDS);
        let keys = ["ada", "bob"].map(|name| {
            let made = rushes.json(&["key", "create", name, "--scope", "read"]);
            made["secret"].as_str().unwrap().to_owned()
        });
        Some(Self {
            server: Server::start(&rushes, &[]),
            rushes,
            asset,
            keys,
        })
    }

    fn search(&self, key: &str, q: &str) -> Value {
        let path = address(&[("q", q), ("explain", "true")]);
        let answer = self.server.get(&path).bearer_auth(key).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().unwrap()
    }

    /// Looks at the shot with this place.
    fn open(&self, key: &str, at: u64) {
        let path = format!("/v1/shots/{}.{}-{}", self.asset, at * 50, at * 50 + 50);
        let answer = self.server.get(&path).bearer_auth(key).send().unwrap();
        assert_eq!(answer.status(), 200);
    }

    fn learnt(&self) -> Value {
        self.rushes.json(&["learnt"])
    }
}

#[test]
fn what_people_try_next_is_searched_for_too() {
    let Some(office) = Office::new(true) else {
        return;
    };
    let [ada, bob] = &office.keys;
    let cycle = "cycle in:dialogue";
    assert_eq!(places(&office.search(ada, cycle)), []);
    for key in [ada, bob] {
        // Nobody says "cycle", so they try another word, and look at what it finds.
        office.search(key, cycle);
        office.search(key, "Bicycle in:dialogue");
        office.open(key, 0);
        // That is for another word, and leads to nothing that was found.
        office.search(key, "car in:dialogue");
        office.open(key, 1);
    }
    let pair = json!([{ "from": "cycle", "to": "bicycle", "count": 2 }]);
    let learnt = office.learnt();
    assert_eq!(learnt["reformulations"], pair, "{learnt:#}");
    assert_eq!(learnt["learns"], true);
    let answer = office.search(bob, cycle);
    assert_eq!(places(&answer), street(&[0]), "{answer:#}");
    assert_eq!(answer["explanation"]["learnt"], json!(["bicycle"]));
    assert_eq!(answer["explanation"]["query"], cycle);
    // What the query itself finds comes first.
    office.search(ada, "bike in:dialogue");
    let first = office.search(bob, "bike in:dialogue");
    assert!(first["explanation"]["learnt"].is_null(), "{first:#}");
    // A phrase, or more than words, is taken as it stands.
    let phrase = office.search(bob, "\"cycle\" in:dialogue");
    assert_eq!(places(&phrase), []);
    // Words of others do not show through to who sees some titles only, and theirs are not logged.
    let made = [
        "key", "create", "agency", "--scope", "read", "--title", "Street",
    ];
    let agency = office.rushes.json(&made)["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let before = office.learnt()["logged"].as_i64();
    let scoped = office.search(&agency, cycle);
    assert_eq!(places(&scoped), []);
    assert!(scoped["explanation"]["learnt"].is_null(), "{scoped:#}");
    assert_eq!(office.learnt()["logged"].as_i64(), before);
    // The command line uses what was learnt, and says so.
    let said = told(&office.rushes.run(&["search", cycle, "--explain"]));
    assert!(said.contains("searched for \"bicycle\" too"), "{said}");
    // No key is in the log. Of a database, the files are not looked at.
    let file = office.rushes.data().join("catalog.db");
    if !office.rushes.has_database() {
        let log = std::fs::read(file).unwrap();
        let contains = |text: &str| log.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!contains(ada) && !contains(bob));
    }

    // It can be deleted, word by word or as a whole.
    let deleted = office.rushes.json(&["learnt", "--forget", "Cycle"]);
    assert_eq!(deleted, json!({ "deleted": 4 }));
    assert_eq!(office.learnt()["reformulations"], json!([]));
    assert_eq!(places(&office.search(bob, cycle)), []);
    office.rushes.json(&["learnt", "--forget-all"]);
    assert_eq!(office.learnt()["logged"], 0);
}

#[test]
fn nothing_is_logged_unless_the_settings_ask_for_it() {
    let Some(office) = Office::new(false) else {
        return;
    };
    let [ada, _] = &office.keys;
    office.search(ada, "cycle in:dialogue");
    office.search(ada, "bicycle in:dialogue");
    office.open(ada, 0);
    let learnt = office.learnt();
    assert_eq!(
        learnt,
        json!({ "learns": false, "logged": 0, "reformulations": [] })
    );
    let said = told(&office.rushes.run(&["learnt"]));
    assert!(said.contains("search.learn"), "{said}");
    let bad = office.rushes.command(&["learnt"]);
    let mut bad = bad;
    let refused = bad.env("RUSHES_SEARCH__LEARN_AFTER", "0").output().unwrap();
    assert!(
        told(&refused).contains("search.learn_after"),
        "{}",
        told(&refused)
    );
    let missing = office.server.get("/v1/shots/nonsense").bearer_auth(ada);
    assert_eq!(problem(missing.send().unwrap()).0, 400);
}
