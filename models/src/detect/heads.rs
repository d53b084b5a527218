//! Heads: decode the outputs of each architecture into boxes of the network's input.

use crate::manifest::Head;

/// One output of a network.
#[derive(Debug)]
pub(super) struct Output<'a> {
    pub(super) name: &'a str,
    pub(super) shape: Vec<usize>,
    pub(super) numbers: &'a [f32],
}

/// The context of a run that a head needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// Of the network's input, in pixels.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Boxes with a lower score are dropped.
    pub(super) threshold: f32,
}

/// A box from a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Raw {
    /// Rank among the manifest's classes.
    pub(super) class: usize,
    pub(super) score: f32,
    /// Left, top, right, bottom in pixels of the input.
    pub(super) rect: [f32; 4],
    /// Eyes, nose and corners of the mouth of a face, if the network gives them.
    pub(super) points: Option<[[f32; 2]; 5]>,
    /// Corners of a plate, going round, if the network gives them.
    pub(super) corners: Option<[[f32; 2]; 4]>,
}

/// The boxes of one picture of a batch; `None` if the outputs do not fit the head.
pub(super) fn decode(
    head: Head,
    outputs: &[Output<'_>],
    picture: usize,
    grid: &Grid,
) -> Option<Vec<Raw>> {
    match head {
        Head::CenterFace => center_face(outputs, picture, grid),
        Head::Yunet => yunet(outputs, picture, grid),
        Head::UltraLight => ultra_light(outputs, picture, grid),
        Head::LpdYunet => lpd_yunet(outputs, picture, grid),
        Head::Yolox => yolox(outputs, picture, grid),
        Head::Yolov8 => yolov8(outputs, picture, grid),
        Head::Corners => corners(outputs, picture, grid),
    }
}

/// Names and shapes, for an error.
pub(super) fn describe(outputs: &[Output<'_>]) -> String {
    let each: Vec<String> = outputs
        .iter()
        .map(|output| format!("{} {:?}", output.name, output.shape))
        .collect();
    each.join(", ")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "places in a grid are far below 2^24"
)]
fn real(n: usize) -> f32 {
    n as f32
}

impl Output<'_> {
    /// The numbers of one picture, if it is in the batch.
    fn of(&self, picture: usize) -> Option<&[f32]> {
        let length: usize = self.shape.get(1..)?.iter().product();
        self.numbers.get(picture * length..(picture + 1) * length)
    }
}

fn centred(x: f32, y: f32, width: f32, height: f32) -> [f32; 4] {
    [
        x - width / 2.0,
        y - height / 2.0,
        x + width / 2.0,
        y + height / 2.0,
    ]
}

/// `CenterFace`: a heat map, log sizes, offsets and points at stride 4, in the order of the outputs.
fn center_face(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    const STRIDE: usize = 4;
    let (heat, scale, offset) = (outputs.first()?, outputs.get(1)?, outputs.get(2)?);
    let columns = grid.width / STRIDE;
    let cells = columns * (grid.height / STRIDE);
    let (heat, scale, offset) = (heat.of(picture)?, scale.of(picture)?, offset.of(picture)?);
    if heat.len() != cells || scale.len() != 2 * cells || offset.len() != 2 * cells {
        return None;
    }
    // Five points as shares of the box, down and across by turns.
    let marks = outputs.get(3).and_then(|marks| marks.of(picture));
    let marks = marks.filter(|marks| marks.len() == 10 * cells);
    let stride = real(STRIDE);
    let boxes = heat
        .iter()
        .enumerate()
        .filter(|&(_, &score)| score >= grid.threshold);
    Some(
        boxes
            .map(|(cell, &score)| {
                let (row, column) = (real(cell / columns), real(cell % columns));
                let y = stride * (row + offset[cell] + 0.5);
                let x = stride * (column + offset[cells + cell] + 0.5);
                let height = stride * scale[cell].exp();
                let width = stride * scale[cells + cell].exp();
                let rect = centred(x, y, width, height);
                let points = marks.map(|marks| {
                    [0, 1, 2, 3, 4].map(|at| {
                        let (down, across) = (
                            marks[2 * at * cells + cell],
                            marks[(2 * at + 1) * cells + cell],
                        );
                        [rect[0] + width * across, rect[1] + height * down]
                    })
                });
                Raw {
                    class: 0,
                    score,
                    rect,
                    points,
                    corners: None,
                }
            })
            .collect(),
    )
}

/// `YuNet`: class, objectness and box at strides 8, 16 and 32, as outputs `cls_8`, `obj_8`, `bbox_8` and so on.
fn yunet(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    let mut found = Vec::new();
    for stride in [8_usize, 16, 32] {
        let get = |kind: &str| {
            let name = format!("{kind}_{stride}");
            outputs.iter().find(|o| o.name == name)?.of(picture)
        };
        let (class, object, boxes) = (get("cls")?, get("obj")?, get("bbox")?);
        let marks = get("kps");
        let columns = grid.width / stride;
        let cells = columns * (grid.height / stride);
        if class.len() != cells || object.len() != cells || boxes.len() != 4 * cells {
            return None;
        }
        let s = real(stride);
        for cell in 0..cells {
            let score = (class[cell].clamp(0.0, 1.0) * object[cell].clamp(0.0, 1.0)).sqrt();
            if score >= grid.threshold {
                let b = &boxes[4 * cell..][..4];
                let x = (real(cell % columns) + b[0]) * s;
                let y = (real(cell / columns) + b[1]) * s;
                let rect = centred(x, y, b[2].exp() * s, b[3].exp() * s);
                let (column, row) = (real(cell % columns), real(cell / columns));
                let marks = marks.and_then(|marks| marks.get(10 * cell..10 * cell + 10));
                let points = marks.map(|m| {
                    [0, 1, 2, 3, 4].map(|at| [(column + m[2 * at]) * s, (row + m[2 * at + 1]) * s])
                });
                found.push(Raw {
                    class: 0,
                    score,
                    rect,
                    points,
                    corners: None,
                });
            }
        }
    }
    Some(found)
}

/// Ultra-Light: outputs `scores` (background, face) and `boxes` (corners as shares of the sides).
fn ultra_light(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    let get = |name: &str| outputs.iter().find(|o| o.name == name)?.of(picture);
    let (scores, boxes) = (get("scores")?, get("boxes")?);
    if scores.len() * 2 != boxes.len() {
        return None;
    }
    let (width, height) = (real(grid.width), real(grid.height));
    let (scores, boxes) = (scores.as_chunks::<2>().0, boxes.as_chunks::<4>().0);
    let pairs = scores
        .iter()
        .zip(boxes)
        .filter(|(s, _)| s[1] >= grid.threshold);
    Some(
        pairs
            .map(|(s, b)| Raw {
                class: 0,
                score: s[1],
                rect: [b[0] * width, b[1] * height, b[2] * width, b[3] * height],
                points: None,
                corners: None,
            })
            .collect(),
    )
}

/// LPD-YuNet: outputs `loc` (box and four corners against prior boxes), `conf` and `iou`; one picture at a time.
///
/// The prior boxes and variances are those of its reference program. A plate's region is the box around its
/// corners and its predicted box, because either alone sometimes cuts a plate short.
fn lpd_yunet(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    if picture > 0 {
        return None;
    }
    let get = |name: &str| outputs.iter().find(|o| o.name == name).map(|o| o.numbers);
    let (places, classes, ious) = (get("loc")?, get("conf")?, get("iou")?);
    let priors = lpd_priors(grid);
    if places.len() != 14 * priors.len()
        || classes.len() != 2 * priors.len()
        || ious.len() != priors.len()
    {
        return None;
    }
    const VARIANCE: [f32; 2] = [0.1, 0.2];
    let mut found = Vec::new();
    for (i, &[x, y, size]) in priors.iter().enumerate() {
        let score = (classes[2 * i + 1].max(0.0) * ious[i].clamp(0.0, 1.0)).sqrt();
        if score < grid.threshold {
            continue;
        }
        let place = &places[14 * i..][..14];
        let near = |at: usize| {
            [
                x + place[at] * VARIANCE[0] * size,
                y + place[at + 1] * VARIANCE[0] * size,
            ]
        };
        let [cx, cy] = near(0);
        let width = size * (place[2] * VARIANCE[0]).exp();
        let height = size * (place[3] * VARIANCE[1]).exp();
        let mut rect = centred(cx, cy, width, height);
        for [x, y] in [near(4), near(6), near(10), near(12)] {
            rect = [
                rect[0].min(x),
                rect[1].min(y),
                rect[2].max(x),
                rect[3].max(y),
            ];
        }
        found.push(Raw {
            class: 0,
            score,
            rect,
            points: None,
            corners: None,
        });
    }
    Some(found)
}

/// Centre and side of LPD-YuNet's prior boxes, in pixels of the input.
fn lpd_priors(grid: &Grid) -> Vec<[f32; 3]> {
    const SIZES: [&[f32]; 4] = [
        &[10.0, 16.0, 24.0],
        &[32.0, 48.0],
        &[64.0, 96.0],
        &[128.0, 192.0, 256.0],
    ];
    let mut priors = Vec::new();
    let (mut columns, mut rows) = (grid.width / 4, grid.height / 4);
    let mut stride = 8.0;
    for sizes in SIZES {
        (columns, rows) = (columns / 2, rows / 2);
        for row in 0..rows {
            for column in 0..columns {
                for &size in sizes {
                    priors.push([
                        (real(column) + 0.5) * stride,
                        (real(row) + 0.5) * stride,
                        size,
                    ]);
                }
            }
        }
        stride *= 2.0;
    }
    priors
}

/// YOLOX: one output, batch × places × (centre, log size, objectness, classes), against cells at strides 8, 16, 32.
fn yolox(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    let output = outputs.first()?;
    let width = *output.shape.get(2).filter(|&&width| width > 5)?;
    let numbers = output.of(picture)?;
    let mut found = Vec::new();
    let mut rows = numbers.chunks_exact(width);
    for stride in [8_usize, 16, 32] {
        let s = real(stride);
        for row in 0..grid.height / stride {
            for column in 0..grid.width / stride {
                let place = rows.next()?;
                let (class, best) = highest(place[5..].iter().copied())?;
                let score = place[4] * best;
                if score >= grid.threshold {
                    let x = (place[0] + real(column)) * s;
                    let y = (place[1] + real(row)) * s;
                    let rect = centred(x, y, place[2].exp() * s, place[3].exp() * s);
                    found.push(Raw {
                        class,
                        score,
                        rect,
                        points: None,
                        corners: None,
                    });
                }
            }
        }
    }
    rows.next().is_none().then_some(found)
}

/// `YOLOv8` and similar networks: one output, batch × (centre, size, classes) × places, in pixels of the input.
fn yolov8(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    let output = outputs.first()?;
    let &[_, height, places] = output.shape.as_slice() else {
        return None;
    };
    let numbers = output.of(picture)?;
    if height < 5 {
        return None;
    }
    let at = |row: usize, place: usize| numbers[row * places + place];
    let mut found = Vec::new();
    for place in 0..places {
        let (class, score) = highest((4..height).map(|row| at(row, place)))?;
        if score >= grid.threshold {
            let rect = centred(at(0, place), at(1, place), at(2, place), at(3, place));
            found.push(Raw {
                class,
                score,
                rect,
                points: None,
                corners: None,
            });
        }
    }
    Some(found)
}

/// Our own: one output, batch × places × 13, against the middles of cells at strides 8, 16 and 32, in strides. A place
/// has a score, a centre, a log size and four corners.
fn corners(outputs: &[Output<'_>], picture: usize, grid: &Grid) -> Option<Vec<Raw>> {
    const FIELDS: usize = 13;
    let output = outputs
        .first()
        .filter(|o| o.shape.get(2) == Some(&FIELDS))?;
    let (rows, rest) = output.of(picture)?.as_chunks::<FIELDS>();
    let mut rows = rows.iter();
    let mut found = Vec::new();
    for stride in [8_usize, 16, 32] {
        let s = real(stride);
        for row in 0..grid.height / stride {
            for column in 0..grid.width / stride {
                let &[score, x, y, width, height, ref offsets @ ..] = rows.next()?;
                if score >= grid.threshold {
                    let place =
                        |x: f32, y: f32| [(real(column) + 0.5 + x) * s, (real(row) + 0.5 + y) * s];
                    let [x, y] = place(x, y);
                    let &[ax, ay, bx, by, cx, cy, dx, dy] = offsets;
                    found.push(Raw {
                        class: 0,
                        score,
                        rect: centred(x, y, width.exp() * s, height.exp() * s),
                        points: None,
                        corners: Some([place(ax, ay), place(bx, by), place(cx, cy), place(dx, dy)]),
                    });
                }
            }
        }
    }
    (rows.next().is_none() && rest.is_empty()).then_some(found)
}

/// Rank and value of the maximum.
fn highest(values: impl Iterator<Item = f32>) -> Option<(usize, f32)> {
    values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}
