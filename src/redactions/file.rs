//! One file of a redaction, from where its bytes are to where its result goes.

use std::path::Path;

use rushes_workers::media::HEAD;
use rushes_workers::redact::picture::{self, Header};
use rushes_workers::redact::{
    Done, JobContext, JobObserver, Media, MediaKind, ObjectSink, RedactError, RedactionJob, Sink,
    VideoOptions, clear_earlier, redact,
};
use rushes_workers::source::ByteSource;
use rushes_workers::watch::Watch;
use tokio::runtime::Handle;

use super::settings::RedactionRequest;
use super::{RedactionError, Redactions, store};
use crate::catalog::redactions::{self, FileResult, RedactionFile, RedactionTask};

/// Thousandths of a file, for its progress.
const WHOLE: f64 = 1000.0;

/// Shares a file's progress with its heartbeat, which may stop it.
struct Follower<'a>(&'a Watch);

impl JobObserver for Follower<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1000"
    )]
    fn progress(&mut self, share: f64) {
        let done = (share.clamp(0.0, 1.0) * WHOLE) as u64;
        self.0.progress(done, Some(WHOLE as u64));
    }

    fn is_stopped(&self) -> bool {
        self.0.stopped()
    }
}

impl Redactions {
    /// Redacts a file and stores its result. Blocks, and must not be called on an async thread.
    pub(super) fn work_on(
        &self,
        runtime: &Handle,
        task: &RedactionTask,
        watch: &Watch,
    ) -> Result<FileResult, RedactionError> {
        let (inner, file) = (&self.0, &task.file);
        let sink = self.sink(runtime, task)?;
        let output = if task.output.is_some() {
            &file.name
        } else {
            store::KEPT
        };
        let job = RedactionJob {
            name: &file.name,
            output: Path::new(output),
            corrections: None,
            resume: false,
        };
        let wanted = RedactionRequest::parse(&task.settings);
        let taken = wanted.and_then(|wanted| Ok((inner.pool.take(&wanted)?, wanted)));
        let (redactor, wanted) = match taken {
            Ok(taken) => taken,
            Err(error) => {
                // What an earlier redaction wrote must not stand if this one fails.
                clear_earlier(&sink, &job)?;
                return Err(error);
            }
        };
        let videos = VideoOptions {
            every: wanted.every,
            sandbox: inner.options.sandbox.clone(),
            longest: inner.options.video_limit,
        };
        let context = JobContext {
            sink: &sink,
            memory: &inner.memory,
            videos: &videos,
            threads: inner.options.threads,
        };
        let done = inner.pool.with(&wanted, redactor, |redactor| {
            redact(redactor, &job, &context, &mut Follower(watch), || {
                self.open(runtime, file)
            })
        })?;
        Ok(result_of(&done))
    }

    /// Where the result of a file goes.
    fn sink(&self, runtime: &Handle, task: &RedactionTask) -> Result<impl Sink, RedactionError> {
        let (inner, file) = (&self.0, &task.file);
        let _entered = runtime.enter();
        let staging = &inner.options.staging;
        let sink = match &task.output {
            Some(output) => ObjectSink::new(self.output(output)?, "", output, staging),
            None => {
                // What earlier attempts left is nobody's. A later one may have stored its result, if this one stood still.
                for token in 1..file.token {
                    let earlier = RedactionFile {
                        token,
                        ..file.clone()
                    };
                    let folder = store::attempt_folder(&earlier);
                    runtime.block_on(inner.storage.delete_prefix(&folder))?;
                }
                let folder = store::attempt_folder(file);
                ObjectSink::new(inner.storage.clone(), &folder, "store", staging)
            }
        };
        // Nothing is written for a redaction that was deleted meanwhile, or by an attempt that is no longer the newest.
        let (catalog, file, runtime) = (inner.catalog.clone(), file.clone(), runtime.clone());
        Ok(sink.guarded(move || {
            let asked = runtime.block_on(async {
                let mut db = catalog.read().await?;
                redactions::may_store(&mut db, &file).await
            });
            match asked {
                Ok(true) => Ok(()),
                Ok(false) => Err(RedactError::Cancelled),
                Err(error) => Err(RedactError::Io {
                    action: "ask",
                    path: "the catalogue".into(),
                    source: std::io::Error::other(error),
                }),
            }
        }))
    }

    /// The original: a picture whole, unless it is too large, and a video as it is read.
    fn open(&self, runtime: &Handle, file: &RedactionFile) -> Result<Media, RedactionError> {
        let inner = &self.0;
        let uri = file.source.as_deref().unwrap_or_default();
        let mut source = runtime.block_on(async {
            let locator = inner.storage.locate(uri).await?;
            Ok::<_, RedactionError>(inner.storage.open_source(&locator).await?)
        })?;
        let head = read(&mut *source, HEAD, &file.name)?;
        let (what, limit) = match MediaKind::of(&head, &file.name) {
            Some(MediaKind::Video) => ("video", inner.options.video_limit),
            Some(MediaKind::Picture) | None => ("picture", inner.options.picture_limit),
        };
        let bytes = source.len();
        if bytes > limit {
            return Err(RedactionError::TooLarge { what, bytes, limit });
        }
        if what == "video" {
            return Ok(Media::Video(source));
        }
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        let picture = read(&mut *source, length, &file.name)?;
        let header = picture::inspect(&picture).map_err(RedactError::from)?;
        self.check_pixels(&header)?;
        Ok(Media::Picture(picture))
    }

    /// Refuses a picture of more pixels than this server takes.
    pub(super) fn check_pixels(&self, header: &Header) -> Result<(), RedactionError> {
        let (pixels, limit) = (
            u64::from(header.width) * u64::from(header.height),
            self.0.options.picture_pixels,
        );
        if pixels > limit {
            return Err(RedactionError::TooManyPixels { pixels, limit });
        }
        Ok(())
    }
}

fn read(source: &mut dyn ByteSource, most: usize, name: &str) -> Result<Vec<u8>, RedactionError> {
    let mut bytes = vec![0; most.min(usize::try_from(source.len()).unwrap_or(usize::MAX))];
    let filled = source
        .read_full_at(0, &mut bytes)
        .map_err(|source| RedactionError::Read {
            name: name.to_owned(),
            source,
        })?;
    bytes.truncate(filled);
    Ok(bytes)
}

fn result_of(done: &Done) -> FileResult {
    FileResult {
        regions: i64::try_from(done.record.hidden_objects()).unwrap_or(i64::MAX),
        name: done.name.to_string_lossy().into_owned(),
        media_type: done.record.media_type().map(str::to_owned),
    }
}
