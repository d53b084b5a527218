//! When to retry a failed run, or a failed file of a redaction.

use rushes_models::ErrorKind;

use crate::catalog::queue::Verdict;

/// Most attempts if something external does not answer: about a quarter of an hour.
const PATIENT: i64 = 14;
/// Most attempts for a possibly intermittent defect.
const BRIEF: i64 = 3;
/// The first pause. Each further one is twice as long.
const FIRST_MS: i64 = 1_000;
/// The longest pause.
const LONGEST_MS: i64 = 120_000;

/// What happens to a run whose attempt number `attempts`, from 1, failed.
pub(crate) fn verdict(kind: ErrorKind, attempts: i64) -> Verdict {
    let allowed = match kind {
        ErrorKind::Unavailable | ErrorKind::Overloaded => PATIENT,
        ErrorKind::Internal => BRIEF,
        // The same input fails in the same way again.
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
