//! The work of a device, for benches and metrics.

use std::time::{Duration, Instant};

use metrics::{Counter, Gauge};

/// How often the busy fraction is updated.
pub(super) const WINDOW: Duration = Duration::from_secs(5);

/// The work of a device since its start, summed over its encoders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceStats {
    /// Time in encoders.
    pub busy: Duration,
    /// Time that encoders waited for pictures while a submission was open. Time without any work is not
    /// counted.
    pub waiting: Duration,
    /// Pictures encoded.
    pub pictures: u64,
    /// Batches encoded.
    pub batches: u64,
    /// Batches of the encoder's full batch size.
    pub full: u64,
    /// Number of batches halved for lack of memory.
    pub halved: u64,
}

impl DeviceStats {
    /// Share of the time with work that encoders spent computing, 0 to 1; 1 if there was none.
    #[must_use]
    pub fn busy_fraction(&self) -> f64 {
        let all = self.busy + self.waiting;
        if all.is_zero() {
            1.0
        } else {
            self.busy.as_secs_f64() / all.as_secs_f64()
        }
    }

    /// The work since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(earlier.busy),
            waiting: self.waiting.saturating_sub(earlier.waiting),
            pictures: self.pictures.saturating_sub(earlier.pictures),
            batches: self.batches.saturating_sub(earlier.batches),
            full: self.full.saturating_sub(earlier.full),
            halved: self.halved.saturating_sub(earlier.halved),
        }
    }
}

/// The metrics of one encoder. The rate of `rushes_device_pictures_total` is frames per second, and its
/// quotient by `rushes_device_batches_total` is the batch fill.
pub(super) struct Meter {
    pictures: Counter,
    batches: Counter,
    halved: Counter,
    busy: Gauge,
    waiting: Gauge,
    fraction: Gauge,
    fill: Gauge,
    /// Start of the window of the busy fraction, and the work in it.
    window: (Instant, DeviceStats),
}

impl Meter {
    pub(super) fn new(model: &str, number: usize) -> Self {
        let labels = [("model", model.to_owned()), ("device", number.to_string())];
        Self {
            pictures: metrics::counter!("rushes_device_pictures_total", &labels),
            batches: metrics::counter!("rushes_device_batches_total", &labels),
            halved: metrics::counter!("rushes_device_halved_batches_total", &labels),
            busy: metrics::gauge!("rushes_device_busy_seconds", &labels),
            waiting: metrics::gauge!("rushes_device_waiting_seconds", &labels),
            fraction: metrics::gauge!("rushes_device_busy_fraction", &labels),
            fill: metrics::gauge!("rushes_device_batch_fill", &labels),
            window: (Instant::now(), DeviceStats::default()),
        }
    }

    /// Reports work in batches, of which a full one has `full` pictures.
    #[expect(
        clippy::cast_precision_loss,
        reason = "pictures of a batch are far below 2^52"
    )]
    pub(super) fn tell(&mut self, done: &DeviceStats, full: usize) {
        self.pictures.increment(done.pictures);
        self.batches.increment(done.batches);
        self.halved.increment(done.halved);
        self.busy.increment(done.busy.as_secs_f64());
        self.waiting.increment(done.waiting.as_secs_f64());
        if done.batches > 0 {
            let each = done.pictures as f64 / done.batches as f64;
            self.fill.set(each / full.max(1) as f64);
        }
        let (since, window) = &mut self.window;
        window.add(done);
        if since.elapsed() >= WINDOW {
            let wanted = !(window.busy + window.waiting).is_zero();
            self.fraction
                .set(if wanted { window.busy_fraction() } else { 0.0 });
            self.window = (Instant::now(), DeviceStats::default());
        }
    }
}

impl DeviceStats {
    pub(super) fn add(&mut self, more: &Self) {
        self.busy += more.busy;
        self.waiting += more.waiting;
        self.pictures += more.pictures;
        self.batches += more.batches;
        self.full += more.full;
        self.halved += more.halved;
    }
}
