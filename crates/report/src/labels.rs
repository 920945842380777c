//! Placement of point labels: near their point, without overlaps.

use crate::svg::At;

/// A box with its sides parallel to the axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) w: f64,
    pub(crate) h: f64,
}

impl Rect {
    pub(crate) fn around(at: At, radius: f64) -> Self {
        Self { x: at.x - radius, y: at.y - radius, w: 2.0 * radius, h: 2.0 * radius }
    }

    pub(crate) fn centre(&self) -> At {
        At { x: self.x + self.w / 2.0, y: self.y + self.h / 2.0 }
    }

    pub(crate) fn overlap(&self, other: &Self) -> f64 {
        let w = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let h = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        w.max(0.0) * h.max(0.0)
    }

    fn holds(&self, other: &Self) -> bool {
        (self.overlap(other) - other.w * other.h).abs() < 1e-6
    }

    /// Whether the segment passes through the box (clipping after Liang and Barsky).
    pub(crate) fn is_crossed_by(&self, [a, b]: [At; 2]) -> bool {
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let (mut enter, mut leave) = (0.0f64, 1.0f64);
        let sides = [
            (-dx, a.x - self.x),
            (dx, self.x + self.w - a.x),
            (-dy, a.y - self.y),
            (dy, self.y + self.h - a.y),
        ];
        for (slope, room) in sides {
            if slope == 0.0 {
                if room < 0.0 {
                    return false;
                }
            } else if slope < 0.0 {
                enter = enter.max(room / slope);
            } else {
                leave = leave.min(room / slope);
            }
        }
        enter < leave
    }
}

/// The obstacles that labels avoid.
#[derive(Debug, Default)]
pub(crate) struct Obstacles {
    pub(crate) markers: Vec<Rect>,
    pub(crate) lines: Vec<[At; 2]>,
}

/// A label to place beside `at`.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) at: At,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// A label farther than this from its point has a leader line.
pub(crate) const LEADER_FROM: f64 = 14.0;

const DIRECTIONS: usize = 16;
const RINGS: usize = 6;
const FIRST_RING: f64 = 6.0;
const RING_STEP: f64 = 5.0;
const SWEEPS: usize = 4;

/// A box inside `bounds` for every label, by coordinate descent on the cost of its position.
pub(crate) fn place(wishes: &[Wish], obstacles: &Obstacles, bounds: Rect) -> Vec<Rect> {
    let mut placed: Vec<Option<Rect>> = vec![None; wishes.len()];
    for _ in 0..SWEEPS {
        for i in 0..wishes.len() {
            placed[i] = None;
            let priced = candidates(&wishes[i])
                .map(|(rect, ring)| (cost(rect, ring, &wishes[i], &placed, obstacles, bounds), rect));
            placed[i] = priced.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, rect)| rect);
        }
    }
    placed.into_iter().map(|rect| rect.expect("every label has candidate positions")).collect()
}

/// Boxes around the point with their ring, nearest first, and in each ring above right first.
fn candidates(wish: &Wish) -> impl Iterator<Item = (Rect, usize)> {
    let Wish { at, width: w, height: h } = wish.clone();
    (0..RINGS * DIRECTIONS).map(move |i| {
        let (ring, direction) = (i / DIRECTIONS, i % DIRECTIONS);
        let angle = std::f64::consts::TAU * (direction as f64 / DIRECTIONS as f64 - 0.125);
        let distance = FIRST_RING + RING_STEP * ring as f64;
        let (cos, sin) = (angle.cos(), angle.sin());
        let centre = At { x: at.x + cos * (distance + w / 2.0), y: at.y + sin * (distance + h / 2.0) };
        (Rect { x: centre.x - w / 2.0, y: centre.y - h / 2.0, w, h }, ring)
    })
}

fn cost(
    rect: Rect,
    ring: usize,
    wish: &Wish,
    placed: &[Option<Rect>],
    obstacles: &Obstacles,
    bounds: Rect,
) -> f64 {
    let mut cost = ring as f64;
    if !bounds.holds(&rect) {
        cost += 1e6;
    }
    cost += placed.iter().flatten().map(|other| 100.0 * rect.overlap(other)).sum::<f64>();
    cost += obstacles.markers.iter().map(|marker| 20.0 * rect.overlap(marker)).sum::<f64>();
    cost += 12.0 * obstacles.lines.iter().filter(|line| rect.is_crossed_by(**line)).count() as f64;
    // A label nearer to another point than to its own is misleading.
    let centre = rect.centre();
    let distance = |at: At| (at.x - centre.x).hypot(at.y - centre.y);
    let own = distance(wish.at);
    let nearer = obstacles.markers.iter().filter(|marker| distance(marker.centre()) + 0.5 < own).count();
    cost + 15.0 * nearer as f64
}

/// The positions nearest to `targets`, in the same order and at least `gap` apart.
pub(crate) fn spread_apart(targets: &[f64], gap: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by(|&a, &b| targets[a].total_cmp(&targets[b]));
    // Clusters of touching labels, each with a centre and members, merged until none touch.
    let mut clusters: Vec<Vec<usize>> = Vec::new();
    let centre = |cluster: &[usize]| cluster.iter().map(|&i| targets[i]).sum::<f64>() / cluster.len() as f64;
    let half = |cluster: &[usize]| gap * cluster.len() as f64 / 2.0;
    for i in order {
        let mut cluster = vec![i];
        while let Some(above) = clusters.pop() {
            if centre(&cluster) - centre(&above) >= half(&cluster) + half(&above) {
                clusters.push(above);
                break;
            }
            cluster = [above, cluster].concat();
        }
        clusters.push(cluster);
    }
    let mut places = vec![0.0; targets.len()];
    for cluster in clusters {
        let first = centre(&cluster) - half(&cluster) + gap / 2.0;
        for (step, i) in cluster.into_iter().enumerate() {
            places[i] = first + gap * step as f64;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: Rect = Rect { x: 0.0, y: 0.0, w: 300.0, h: 200.0 };

    #[test]
    fn labels_of_a_crowded_curve_stay_apart_and_inside() {
        let points: Vec<At> =
            (0..9).map(|i| At { x: 12.0 + 33.0 * f64::from(i), y: 60.0 + 9.0 * f64::from(i) }).collect();
        let wishes: Vec<Wish> = points.iter().map(|&at| Wish { at, width: 30.0, height: 11.0 }).collect();
        let obstacles = Obstacles {
            markers: points.iter().map(|&at| Rect::around(at, 4.0)).collect(),
            lines: points.windows(2).map(|pair| [pair[0], pair[1]]).collect(),
        };
        let rects = place(&wishes, &obstacles, BOUNDS);
        for (i, rect) in rects.iter().enumerate() {
            assert!(BOUNDS.holds(rect), "label {i} at {rect:?}");
            assert!(rects[..i].iter().all(|other| rect.overlap(other) == 0.0), "label {i}");
            assert!(obstacles.markers.iter().all(|marker| rect.overlap(marker) == 0.0), "label {i}");
            assert!(obstacles.lines.iter().all(|line| !rect.is_crossed_by(*line)), "label {i}");
        }
    }

    #[test]
    fn a_segment_crosses_a_box_only_if_it_passes_through() {
        let unit = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };
        let at = |x, y| At { x, y };
        assert!(unit.is_crossed_by([at(-1.0, 0.5), at(2.0, 0.5)]));
        assert!(unit.is_crossed_by([at(0.2, 0.2), at(0.3, 0.3)]));
        assert!(!unit.is_crossed_by([at(-1.0, 0.5), at(-0.1, 0.5)]));
        assert!(!unit.is_crossed_by([at(-1.0, 1.5), at(2.0, 1.2)]));
    }

    proptest! {
        #[test]
        fn spread_labels_keep_their_order_and_distance(
            targets in prop::collection::vec(0.0..100.0f64, 0..8),
        ) {
            let places = spread_apart(&targets, 10.0);
            for a in 0..targets.len() {
                for b in 0..a {
                    prop_assert!((places[a] - places[b]).abs() > 10.0 - 1e-9);
                    let keeps_order = (targets[a] < targets[b]) == (places[a] < places[b]);
                    prop_assert!(keeps_order || targets[a] == targets[b]);
                }
            }
        }
    }

    #[test]
    fn labels_that_do_not_touch_are_not_moved() {
        assert_eq!(spread_apart(&[50.0, 0.0, 20.0], 10.0), [50.0, 0.0, 20.0]);
        assert_eq!(spread_apart(&[50.0, 50.0], 10.0), [45.0, 55.0]);
    }
}
