//! What an answer does not cover, in words.

use super::{Coverage, DialogueCoverage, SenseCoverage};

impl Coverage {
    /// Clauses about what the answer does not cover, none if it covers everything in scope; `seen` if visual search
    /// was included.
    #[must_use]
    pub fn gaps(self, seen: bool) -> Vec<String> {
        let Self {
            ready,
            total,
            failed: unread,
            dialogue,
            speech,
            text,
            sound,
            sound_tags,
            people,
            meaning,
        } = self;
        let all = files(total);
        let mut gaps = Vec::new();
        let waits = seen && ready + unread < total;
        if waits {
            gaps.push(format!(
                "{ready} of {all} can be searched by sight so far; see `rushes jobs`"
            ));
        }
        if seen && unread > 0 {
            gaps.push(format!(
                "{unread} of {all} could not be read; `rushes jobs` shows why"
            ));
        }
        for (sense, words) in [
            (speech, HEARD),
            (text, READ),
            (sound, MEASURED),
            (sound_tags, NAMED),
            (people, LOOKED_AT),
        ] {
            let Some(sense) = sense else {
                continue;
            };
            gaps.extend(sense.gaps(&words, total - unread, &all, waits && sense.ready == ready));
        }
        let Some(DialogueCoverage {
            ready: read,
            failed,
        }) = dialogue
        else {
            return gaps;
        };
        if failed > 0 {
            gaps.push(format!(
                "the subtitles of {failed} of {all} could not be read; `rushes jobs` shows why"
            ));
        }
        if read + failed + unread < total && !(waits && read == ready) {
            gaps.push(format!(
                "the dialogue of {read} of {all} can be searched so far; see `rushes jobs`"
            ));
        }
        if let Some(meaning) = meaning.filter(|&meaning| meaning < read) {
            gaps.push(format!(
                "the dialogue of {meaning} of {all} can be searched by meaning so far; ingest the others again"
            ));
        }
        gaps
    }

    /// One sentence that says what the answer covers and what it does not.
    #[must_use]
    pub fn sentence(self, seen: bool) -> String {
        let gaps = self.gaps(seen);
        match (gaps.is_empty(), self.total) {
            (true, 0) => {
                "There are no files in scope: none match the titles and filters, or none are ingested yet."
                    .to_owned()
            }
            (true, 1) => "The search covers the one file in scope.".to_owned(),
            (true, total) => format!("The search covers all {} in scope.", files(total)),
            (false, _) => format!("The search does not cover everything: {}.", gaps.join("; ")),
        }
    }
}

/// How a sense is spoken of.
struct SenseWords {
    /// What was not done to files.
    done: &'static str,
    /// What is not searched where the model was missing.
    instead: &'static str,
    /// What makes it work.
    fix: &'static str,
}

const HEARD: SenseWords = SenseWords {
    done: "listened to",
    instead: "only subtitles tell what is said there",
    fix: "`rushes models pull whisper-base`",
};
const READ: SenseWords = SenseWords {
    done: "read for text",
    instead: "what is written in their pictures is not found",
    fix: "`rushes models pull ppocr-v5`",
};
const MEASURED: SenseWords = SenseWords {
    done: "measured for sound",
    instead: "bangs, music and silence are not found there",
    fix: "set `work.sound`",
};
const NAMED: SenseWords = SenseWords {
    done: "listened to for sounds by name",
    instead: "sirens, applause and the like are not found there",
    fix: "`rushes models pull yamnet`",
};
const LOOKED_AT: SenseWords = SenseWords {
    done: "looked at for faces",
    instead: "nobody is found in them",
    fix: "`rushes models pull faces`",
};

impl SenseCoverage {
    /// What of `total` files, `all` in words, a sense did not perceive; `is_said` if it is said already that files are
    /// waiting.
    fn gaps(self, words: &SenseWords, total: i64, all: &str, is_said: bool) -> Vec<String> {
        let Self {
            ready,
            failed,
            installed,
        } = self;
        let SenseWords { done, instead, fix } = words;
        let mut gaps = Vec::new();
        if failed > 0 {
            gaps.push(format!(
                "{failed} of {all} could not be {done}; `rushes jobs` shows why"
            ));
        }
        let missing = total - ready - failed;
        if missing > 0 && !installed {
            let was = was(missing);
            gaps.push(format!(
                "{missing} of {all} {was} not {done}, so {instead}; {fix}, then ingest again"
            ));
        } else if missing > 0 && !is_said {
            let was = was(ready);
            gaps.push(format!(
                "{ready} of {all} {was} {done} so far; see `rushes jobs`, or ingest the others again"
            ));
        }
        gaps
    }
}

const fn was(number: i64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}

fn files(number: i64) -> String {
    format!("{number} file{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn coverage(ready: i64, total: i64, dialogue: Option<(i64, i64)>) -> Coverage {
        let dialogue = match dialogue {
            Some((ready, failed)) => Some(DialogueCoverage { ready, failed }),
            None => None,
        };
        Coverage {
            ready,
            total,
            failed: 0,
            dialogue,
            speech: None,
            text: None,
            sound: None,
            sound_tags: None,
            people: None,
            meaning: None,
        }
    }

    #[test]
    fn a_sentence_says_what_is_missing() {
        let said = |coverage: Coverage, seen| coverage.sentence(seen);
        assert_eq!(
            said(coverage(3, 3, Some((3, 0))), true),
            "The search covers all 3 files in scope."
        );
        assert_eq!(
            said(coverage(1, 1, None), true),
            "The search covers the one file in scope."
        );
        assert!(said(coverage(0, 0, Some((0, 0))), true).contains("no files in scope"));
        let waiting = said(coverage(1, 2, Some((0, 1))), true);
        for part in [
            "does not cover everything",
            "1 of 2 files can be searched by sight",
            "the subtitles of 1 of 2 files could not be read",
            "the dialogue of 0 of 2 files",
        ] {
            assert!(waiting.contains(part), "{waiting}");
        }
        // The same files wait for both: it is said once.
        assert_eq!(coverage(1, 2, Some((1, 0))).gaps(true).len(), 1);
        assert_eq!(coverage(1, 2, Some((1, 0))).gaps(false).len(), 1);
        // What cannot be read is not waited for.
        let failed = Coverage {
            failed: 1,
            ..coverage(2, 3, Some((2, 0)))
        };
        assert_eq!(
            failed.gaps(true),
            ["1 of 3 files could not be read; `rushes jobs` shows why"]
        );
        let unread = Coverage {
            meaning: Some(1),
            ..coverage(2, 2, Some((2, 0)))
        };
        assert!(said(unread, true).contains("of 1 of 2 files can be searched by meaning"));
    }
}
