//! From a window of sound to tokens: greedy decoding under Whisper's rules for times, and its guards against text that
//! nobody said.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::network::{Network, Sound};
use super::vocabulary::Vocabulary;
use crate::error::ModelError;

/// Most tokens of a window.
const MOST_TOKENS: usize = 224;
/// The first time is at most this many steps after the start of a window: one second.
const LATEST_START: usize = 50;
/// Samples from one time token to the next, and the fewest that a text is about.
const SAMPLES_PER_STEP: usize = 320;
const LEAST_SAMPLES: usize = 16_000;
/// Text that compresses better than this repeats itself.
const REPETITIVE: f64 = 2.4;
/// Tokens that are less likely on average, as a natural logarithm, are guesses.
const UNSURE: f32 = -1.0;
/// Above this probability there is no speech, if the tokens are guesses as well.
const SILENT: f32 = 0.6;
/// Temperatures that are tried until a text is neither repetitive nor a guess.
const TEMPERATURES: [f32; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// What was decoded of a window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decoded {
    /// Tokens of text and of times.
    pub(super) tokens: Vec<usize>,
    /// The natural logarithm of the probability of each.
    pub(super) log_probabilities: Vec<f32>,
    /// Their mean, with that of the end.
    mean: f32,
    /// How likely it is that nobody speaks.
    no_speech: f32,
    /// How well the text compresses.
    ratio: f64,
}

impl Decoded {
    /// How many of `all` samples this text is about. A text that ends with two times is about the sound up to the first of
    /// them, and what follows them is dropped.
    pub(super) fn until(&mut self, first_time: usize, all: usize) -> usize {
        let is_time = |token: &usize| *token >= first_time;
        let ends_with_one = match self.tokens.as_slice() {
            [.., before, last] => is_time(last) && !is_time(before),
            _ => false,
        };
        let pair = self
            .tokens
            .windows(2)
            .rposition(|pair| pair.iter().all(is_time));
        let Some(pair) = pair.filter(|_| !ends_with_one) else {
            return all;
        };
        let steps = self.tokens[pair] - first_time;
        self.tokens.truncate(pair + 1);
        self.log_probabilities.truncate(pair + 1);
        // Always on, at least a second: a text about nothing would come again and again.
        (steps * SAMPLES_PER_STEP).max(LEAST_SAMPLES).min(all)
    }

    fn is_silent(&self) -> bool {
        self.no_speech > SILENT && self.mean < UNSURE
    }

    fn is_repetitive(&self) -> bool {
        self.ratio > REPETITIVE
    }

    fn is_good(&self) -> bool {
        !self.is_repetitive() && self.mean >= UNSURE
    }
}

/// The language of a window, and its probability.
pub(super) fn language(network: &mut Network, sound: &Sound) -> Result<(usize, f32), ModelError> {
    let start = network.vocabulary.start;
    let mut past = network.nothing()?;
    let step = network.read(sound, &mut past, &[start], &[0])?;
    let languages = network.vocabulary.languages.iter();
    let logits: Vec<(usize, f32)> = languages.map(|&(id, _)| (id, step.logits[id])).collect();
    let best = logits.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let (language, most) = best.copied().unwrap_or((start + 1, 0.0));
    let sum: f32 = logits.iter().map(|(_, logit)| (logit - most).exp()).sum();
    Ok((language, 1.0 / sum))
}

/// The text of a window; `None` if nobody speaks. `seed` makes the choices at higher temperatures repeatable.
pub(super) fn decode(
    network: &mut Network,
    sound: &Sound,
    language: usize,
    seed: u64,
) -> Result<Option<Decoded>, ModelError> {
    let mut tried: Vec<Decoded> = Vec::new();
    for (attempt, &temperature) in (1_u64..).zip(&TEMPERATURES) {
        let mut dice = Dice::new(seed ^ (attempt << 48));
        let decoded = once(network, sound, language, (temperature, &mut dice))?;
        if decoded.is_silent() {
            return Ok(None);
        }
        if decoded.is_good() {
            return Ok(Some(decoded));
        }
        tried.push(decoded);
    }
    // A guess is better than nothing, and a text that repeats itself is not.
    let guesses = tried.into_iter().filter(|one| !one.is_repetitive());
    Ok(guesses.max_by(|a, b| a.mean.total_cmp(&b.mean)))
}

fn once(
    network: &mut Network,
    sound: &Sound,
    language: usize,
    (temperature, dice): (f32, &mut Dice),
) -> Result<Decoded, ModelError> {
    let Vocabulary {
        start,
        end,
        transcribe,
        no_speech,
        ..
    } = *network.vocabulary;
    let size = network.sizes.vocabulary;
    let prompt = [start, language, transcribe];
    let mut past = network.nothing()?;
    let step = network.read(sound, &mut past, &prompt, &[0, prompt.len() - 1])?;
    let (first, mut logits) = step.logits.split_at(size);
    let mut owned;
    let no_speech = log_softmax(first)[no_speech].exp();
    let most = MOST_TOKENS.min(network.sizes.context.saturating_sub(prompt.len() + 1));
    let (mut tokens, mut log_probabilities) = (Vec::new(), Vec::new());
    let mut sum = 0.0;
    loop {
        let allowed = allowed(&network.vocabulary, &tokens, logits);
        let likely = log_softmax(&allowed);
        let token = if temperature > 0.0 {
            dice.choose(&allowed, temperature)
        } else {
            best(&likely)
        };
        sum += likely[token];
        if token == end || tokens.len() == most {
            break;
        }
        tokens.push(token);
        log_probabilities.push(likely[token]);
        owned = network.read(sound, &mut past, &[token], &[0])?.logits;
        logits = &owned;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most a few hundred tokens")]
    let mean = sum / (tokens.len() + 1) as f32;
    let text = network.vocabulary.text(&tokens);
    Ok(Decoded {
        tokens,
        log_probabilities,
        mean,
        no_speech,
        ratio: compression_ratio(text.trim()),
    })
}

/// The logits of the tokens that may follow. Times come in pairs, never go back, and come first.
fn allowed(vocabulary: &Vocabulary, before: &[usize], logits: &[f32]) -> Vec<f32> {
    const NEVER: f32 = f32::NEG_INFINITY;
    let mut logits = logits.to_vec();
    let (first_time, size) = (vocabulary.first_time, logits.len());
    let mut forbid = |from: usize, to: usize| {
        if let Some(part) = logits.get_mut(from.min(size)..to.min(size)) {
            part.fill(NEVER);
        }
    };
    for &token in &vocabulary.never {
        forbid(token, token + 1);
    }
    if before.is_empty() {
        for &token in &vocabulary.not_first {
            forbid(token, token + 1);
        }
        forbid(0, first_time);
        forbid(first_time + LATEST_START + 1, size);
        return logits;
    }
    let is_time = |token: Option<&usize>| token.is_some_and(|&token| token >= first_time);
    let after_time = is_time(before.last());
    let after_pair = after_time && (before.len() < 2 || is_time(before.iter().nth_back(1)));
    if after_pair {
        forbid(first_time, size);
    } else if after_time {
        forbid(0, vocabulary.end);
    }
    let last = before.iter().rev().find(|&&token| token >= first_time);
    if let Some(&last) = last {
        let earliest = if after_time && !after_pair {
            last
        } else {
            last + 1
        };
        forbid(first_time, earliest);
    }
    // A time is due when all times together are more likely than any text.
    let likely = log_softmax(&logits);
    let (texts, times) = likely.split_at(first_time.min(size));
    let most = times.iter().copied().fold(NEVER, f32::max);
    if most > NEVER {
        let sum: f32 = times.iter().map(|time| (time - most).exp()).sum();
        if most + sum.ln() > texts.iter().copied().fold(NEVER, f32::max) {
            logits[..first_time.min(size)].fill(NEVER);
        }
    }
    logits
}

fn best(values: &[f32]) -> usize {
    let best = values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(at, _)| at)
}

/// The natural logarithms of the probabilities.
pub(super) fn log_softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
    let all = most + sum.ln();
    logits.iter().map(|logit| logit - all).collect()
}

/// Bytes of a text by those of its compressed form.
#[expect(clippy::cast_precision_loss, reason = "short texts")]
fn compression_ratio(text: &str) -> f64 {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Memory takes everything.
    let compressed = encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .unwrap_or_default();
    text.len() as f64 / (compressed.len().max(1)) as f64
}

/// Repeatable choices: a sequence of Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        // Zero would stay zero.
        let mut dice = Self(seed ^ 0x9e37_79b9_7f4a_7c15);
        dice.0 = dice.0.max(1);
        for _ in 0..8 {
            dice.next();
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A token by its probability at a temperature.
    fn choose(&mut self, logits: &[f32], temperature: f32) -> usize {
        let heated: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
        let likely = log_softmax(&heated);
        let drawn = u32::try_from(self.next() >> 40).unwrap_or(0);
        let mut left = f64::from(drawn) / f64::from(1_u32 << 24);
        for (at, value) in likely.iter().enumerate() {
            left -= f64::from(value.exp());
            if left < 0.0 {
                return at;
            }
        }
        best(&likely)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_repeats_itself_compresses_well() {
        let said = "And so my fellow Americans, ask not what your country can do for you.";
        assert!(compression_ratio(said) < 1.5);
        assert!(compression_ratio(&"Thank you. ".repeat(20)) > REPETITIVE);
    }

    #[test]
    fn choices_follow_the_probabilities_and_can_be_repeated() {
        let logits = [f32::NEG_INFINITY, 0.7_f32.ln(), 0.3_f32.ln()];
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..2000)
                .map(|_| dice.choose(&logits, 1.0))
                .collect::<Vec<_>>()
        };
        let drawn = draw(5);
        let count = |token| drawn.iter().filter(|&&one| one == token).count();
        assert_eq!(count(0), 0);
        assert!((1300..1500).contains(&count(1)), "{}", count(1));
        assert_eq!(drawn, draw(5));
    }
}
