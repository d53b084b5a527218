//! Cuts words into lines as they are read on a screen: at the ends of sentences and at pauses, and no longer than two lines
//! of subtitles.

use super::align::ends_sentence;

/// Most characters of a line.
const MOST_CHARACTERS: usize = 84;
/// The longest time of a line.
const LONGEST_MS: u64 = 7000;
/// A longer pause ends a line.
const PAUSE_MS: u64 = 1000;

/// A word that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct HeardWord {
    /// The word with its punctuation.
    pub text: String,
    /// Whether it follows the word before without a space.
    pub is_joined: bool,
    /// When it begins, in milliseconds from the first sample.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
    /// How sure the model is, 0 to 1.
    pub confidence: f32,
}

/// A line that was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct HeardCue {
    /// When its first word begins, in milliseconds from the first sample.
    pub start_ms: u64,
    /// When its last word ends.
    pub end_ms: u64,
    /// The text.
    pub text: String,
    /// Code of the language, as in ISO 639-1.
    pub language: String,
    /// The mean confidence of its words, 0 to 1.
    pub confidence: f32,
    /// Its words, by time.
    pub words: Vec<HeardWord>,
}

/// The lines of words.
pub(super) fn cut(words: &[HeardWord], language: &str) -> Vec<HeardCue> {
    let mut cues = Vec::new();
    let mut rest = words;
    while !rest.is_empty() {
        let (line, others) = rest.split_at(line(rest));
        cues.extend(cue(line, language));
        rest = others;
    }
    cues
}

/// The number of words of the first line.
fn line(words: &[HeardWord]) -> usize {
    let mut characters = 0;
    let mut clause = 0;
    for (at, word) in words.iter().enumerate() {
        characters += word.text.chars().count() + usize::from(!word.is_joined);
        let is_too_long = characters > MOST_CHARACTERS + 1
            || word.end_ms.saturating_sub(words[0].start_ms) > LONGEST_MS;
        if is_too_long && at > 0 {
            // Rather at a comma, if that is not at the very start.
            return if clause > at / 3 { clause } else { at };
        }
        let next = words.get(at + 1);
        let pauses = next.is_some_and(|next| next.start_ms.saturating_sub(word.end_ms) > PAUSE_MS);
        if ends_sentence(&word.text) || pauses {
            return at + 1;
        }
        if word.text.ends_with([',', ';', ':', '、', '，', '،']) {
            clause = at + 1;
        }
    }
    words.len()
}

fn cue(words: &[HeardWord], language: &str) -> Option<HeardCue> {
    let (first, last) = (words.first()?, words.last()?);
    let mut text = String::new();
    for word in words {
        if !word.is_joined && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word.text);
    }
    // Marks alone are not said.
    if !text.chars().any(char::is_alphanumeric) {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "the words of a line")]
    let count = words.len() as f32;
    Some(HeardCue {
        start_ms: first.start_ms,
        end_ms: last.end_ms.max(first.start_ms + 1),
        text,
        language: language.to_owned(),
        confidence: words.iter().map(|word| word.confidence).sum::<f32>() / count,
        words: words.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<HeardWord> {
        let words = text.split(' ').enumerate();
        words
            .map(|(at, word)| HeardWord {
                text: word.to_owned(),
                is_joined: false,
                start_ms: at as u64 * 300,
                end_ms: at as u64 * 300 + 250,
                confidence: 0.5,
            })
            .collect()
    }

    fn texts(words: &[HeardWord]) -> Vec<String> {
        cut(words, "en").into_iter().map(|cue| cue.text).collect()
    }

    #[test]
    fn lines_are_sentences() {
        let words = words("Go on. I said, go on! Mr. Smith?");
        assert_eq!(texts(&words), ["Go on.", "I said, go on!", "Mr. Smith?"]);
        let cue = &cut(&words, "en")[1];
        assert_eq!((cue.start_ms, cue.end_ms), (600, 1750));
        assert_eq!((cue.words.len(), cue.language.as_str()), (4, "en"));
        assert!((cue.confidence - 0.5).abs() < 1e-6);
    }

    #[test]
    fn long_sentences_are_cut_at_commas_and_pauses() {
        let long = "one two three four five six seven eight nine ten eleven twelve, thirteen fourteen fifteen sixteen seventeen";
        let cut = texts(&words(long));
        assert_eq!(cut.len(), 2, "{cut:?}");
        assert!(cut[0].ends_with("twelve,"), "{cut:?}");
        let mut pause = words("yes well no");
        pause[2].start_ms += 3000;
        pause[2].end_ms += 3000;
        assert_eq!(texts(&pause), ["yes well", "no"]);
        assert_eq!(texts(&words("... -")), Vec::<String>::new());
    }
}
