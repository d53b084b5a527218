//! When a failed run, or a file of a redaction that failed, is tried again.

use rushes_models::ErrorKind;

use crate::catalog::queue::Verdict;

/// Attempts in all for something outside that does not answer: about a quarter of an hour.
const PATIENT: i64 = 14;
/// Attempts in all for what may be a defect that shows only sometimes.
const BRIEF: i64 = 3;
/// The first pause; each one after doubles.
const FIRST_MS: i64 = 1_000;
/// The longest pause.
const LONGEST_MS: i64 = 120_000;

/// What becomes of a run whose attempt number `attempts` (from 1) failed.
pub(crate) fn verdict(kind: ErrorKind, attempts: i64) -> Verdict {
    let allowed = match kind {
        ErrorKind::Unavailable | ErrorKind::Overloaded => PATIENT,
        ErrorKind::Internal => BRIEF,
        // The same input fails in the same way.
        ErrorKind::NotFound
        | ErrorKind::InvalidInput
        | ErrorKind::Unsupported
        | ErrorKind::Limit
        | ErrorKind::Cancelled
        | ErrorKind::Corrupt => 1,
    };
    if attempts >= allowed {
        return Verdict::GiveUp;
    }
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    Verdict::Retry((FIRST_MS << doublings).min(LONGEST_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_is_not_tried_twice() {
        assert_eq!(verdict(ErrorKind::InvalidInput, 1), Verdict::GiveUp);
        assert_eq!(verdict(ErrorKind::Corrupt, 1), Verdict::GiveUp);
    }

    #[test]
    fn what_does_not_answer_is_asked_again_with_longer_pauses() {
        assert_eq!(verdict(ErrorKind::Unavailable, 1), Verdict::Retry(1_000));
        assert_eq!(verdict(ErrorKind::Unavailable, 4), Verdict::Retry(8_000));
        assert_eq!(verdict(ErrorKind::Unavailable, 9), Verdict::Retry(120_000));
        assert_eq!(verdict(ErrorKind::Unavailable, PATIENT), Verdict::GiveUp);
    }
}
