//! Proxies: exactly the frames and the sound of their spans.

use std::ops::Range;
use std::path::Path;

use rushes_workers::media::{
    Bounds, CutOutput, Film, FrameReader, MediaError, ProxyParams, ReadOptions, cut, sample_frames,
};
use rushes_workers::segment::{SegmentParams, ShotScan, segment};

use crate::clips::{Clips, ffprobe, ffprobe_pts, material, open};

#[derive(Default)]
struct Kept {
    proxies: Vec<Vec<u8>>,
    done: u64,
}

impl CutOutput for Kept {
    fn progress(&mut self, done: u64, total: u64) -> Result<(), MediaError> {
        assert!(done == self.done + 1 && done <= total);
        self.done = done;
        Ok(())
    }

    fn proxy(&mut self, index: usize, bytes: Vec<u8>) -> Result<(), MediaError> {
        assert_eq!(index, self.proxies.len());
        self.proxies.push(bytes);
        Ok(())
    }
}

fn scan(path: &Path) -> ShotScan {
    let mut progress = |_done, _total| Ok(());
    segment(open(path), &SegmentParams::default(), &Bounds::default(), &mut progress).unwrap()
}

fn proxies(path: &Path, scan: &ShotScan, spans: &[Range<u64>], params: &ProxyParams) -> Result<Vec<Vec<u8>>, MediaError> {
    let mut kept = Kept::default();
    let film = Film {
        source: open(path),
        timeline: &scan.timeline,
        bounds: &Bounds::default(),
    };
    cut(film, spans, params, &mut kept)?;
    Ok(kept.proxies)
}

#[test]
fn a_film_becomes_one_proxy_a_shot() {
    let Some(material) = material() else { return };
    let path = material.join("video/bikes.mp4");
    let scan = scan(&path);
    let spans: Vec<_> = scan.shots.iter().map(|shot| shot.frames()).collect();
    let clips = Clips::new();
    let proxies = proxies(&path, &scan, &spans, &ProxyParams::default()).unwrap();
    assert_eq!(proxies.len(), spans.len());
    for (proxy, span) in proxies.iter().zip(&spans) {
        let path = clips.write("proxy.mp4", proxy);
        assert_eq!(ffprobe_pts(&path).len() as u64, span.end - span.start);
        eprintln!("{span:?}: {} bytes, {}", proxy.len(), ffprobe(&path, "v:0", "stream=codec_name,width,height,duration,nb_frames,time_base,start_pts"));
    }
}
