use std::thread::{Builder, scope};

use super::*;

#[test]
fn a_panic_of_a_thread_is_an_error_and_not_a_hang() {
    let shared = Shared::new(1, 1 << 20);
    let panicked = scope(|scope| {
        let thread = Builder::new().name("panics".to_owned());
        let thread = thread.spawn_scoped(scope, || {
            let _alarm = Alarm(&shared);
            panic!("as planned");
        });
        thread.unwrap().join().is_err()
    });
    assert!(panicked);
    let taken = shared.take(&mut VecDeque::new(), &mut Vec::new());
    assert!(matches!(taken, Err(MediaError::Internal(_))));
    assert!(!shared.offer(PacketStep::Gap(None), None));
    assert!(shared.claim().is_none());
}

#[test]
fn the_window_holds_what_its_budget_allows_and_all_comes_through() {
    const ROOM: usize = 4;
    const ALL: i64 = 100;
    let shared = Shared::new(1, ROOM * PacketStep::Gap(None).bytes());
    let mut seen = Vec::new();
    let most = scope(|scope| {
        let demux = Builder::new().name("demux".to_owned());
        let demux = demux.spawn_scoped(scope, || {
            let mut most = 0;
            for number in 0..ALL {
                assert!(shared.offer(PacketStep::Gap(Some(number)), None));
                most = most.max(shared.lock().window.len());
            }
            shared.end();
            most
        });
        let demux = demux.unwrap();
        // Full before any entry is taken.
        while shared.lock().window.len() < ROOM {
            std::thread::yield_now();
        }
        let claim = shared.claim().unwrap();
        let (mut out, mut batch) = (Outbox::default(), VecDeque::new());
        while let Trade::Entries(_) =
            shared.trade(claim.id, seen.len() as u64, &mut out, &mut batch)
        {
            seen.extend(batch.drain(..).filter_map(|entry| match entry {
                PacketStep::Gap(at) => at,
                PacketStep::Packet(_) | PacketStep::Failed(_) => None,
            }));
        }
        demux.join().unwrap()
    });
    assert_eq!(most, ROOM);
    assert_eq!(seen, (0..ALL).collect::<Vec<_>>());
}

#[test]
fn a_decoder_that_gets_to_where_nobody_began_goes_on() {
    let shared = Shared::new(2, 1 << 20);
    let split = Split { seq: 10, pts: 10 };
    for number in 0..20 {
        let split = (number == 10).then_some(split);
        assert!(shared.offer(PacketStep::Gap(Some(number)), split));
    }
    shared.end();
    let first = shared.claim().unwrap();
    let (mut out, mut batch) = (Outbox::default(), VecDeque::new());
    for _ in 0..2 {
        let trade = shared.trade(first.id, 0, &mut out, &mut batch);
        assert!(matches!(trade, Trade::Entries(None)));
    }
    // Its decoder has taken 16 entries, so there is no second chunk any more.
    assert_eq!(batch.len(), 2 * BATCH);
    assert!(shared.claim().is_none());
}
