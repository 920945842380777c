//! Contours of point clouds: the boundary of the densest region that holds half of the points.

use crate::svg::At;

/// The minimum number of points for a density estimate.
const FEWEST: usize = 10;

/// The number of grid cells on each side.
const CELLS: usize = 40;

/// The segments of the contour of half of the points, by a Gaussian kernel density estimate with Scott's bandwidths (Scott,
/// 1992) and marching squares; none for few points or points on one line parallel to an axis.
pub(crate) fn of_half(points: &[At]) -> Vec<[At; 2]> {
    let n = points.len() as f64;
    let spread = |of: fn(&At) -> f64| {
        let mean = points.iter().map(of).sum::<f64>() / n;
        let variance = points.iter().map(|point| (of(point) - mean).powi(2)).sum::<f64>() / n;
        let ends = points
            .iter()
            .map(of)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        (variance.sqrt() * n.powf(-1.0 / 6.0), ends)
    };
    let ((h_x, x_ends), (h_y, y_ends)) = (spread(|at| at.x), spread(|at| at.y));
    if points.len() < FEWEST || !(h_x > 0.0 && h_y > 0.0) {
        return vec![];
    }
    let density = |at: At| -> f64 {
        let kernel =
            |point: &At| (-0.5 * (((at.x - point.x) / h_x).powi(2) + ((at.y - point.y) / h_y).powi(2))).exp();
        points.iter().map(kernel).sum()
    };
    let mut levels: Vec<f64> = points.iter().map(|&point| density(point)).collect();
    levels.sort_by(f64::total_cmp);
    let level = levels[points.len() / 2];
    // Three bandwidths beyond the points, the density is below the level of the contour.
    let along = |(low, high): (f64, f64), h: f64, i: usize| {
        low - 3.0 * h + (high - low + 6.0 * h) * i as f64 / CELLS as f64
    };
    let corner = |i: usize, j: usize| {
        let at = At { x: along(x_ends, h_x, i), y: along(y_ends, h_y, j) };
        (at, density(at) - level)
    };
    let grid: Vec<Vec<(At, f64)>> =
        (0..=CELLS).map(|j| (0..=CELLS).map(|i| corner(i, j)).collect()).collect();
    let mut segments = Vec::new();
    for rows in grid.windows(2) {
        for (above, below) in rows[0].windows(2).zip(rows[1].windows(2)) {
            segments.extend(of_cell([above[0], above[1], below[1], below[0]]));
        }
    }
    segments
}

/// The segments at level zero in a cell with these corners and values, in order around it.
fn of_cell(corners: [(At, f64); 4]) -> Vec<[At; 2]> {
    let crossing = |i: usize| {
        let ((a, of_a), (b, of_b)) = (corners[i], corners[(i + 1) % 4]);
        let t = of_a / (of_a - of_b);
        ((of_a > 0.0) != (of_b > 0.0)).then_some(At { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) })
    };
    let found: Vec<At> = (0..4).filter_map(crossing).collect();
    match found[..] {
        [a, b] => vec![[a, b]],
        [a, b, c, d] => {
            // At a saddle, the sign of the mean value decides which corners are joined.
            let joined = corners.iter().map(|(_, value)| value).sum::<f64>() > 0.0;
            if joined == (corners[0].1 > 0.0) { vec![[a, b], [c, d]] } else { vec![[d, a], [b, c]] }
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contour_of_a_disc_is_a_closed_curve_around_its_centre_that_holds_half_of_it() {
        // A spiral that fills a disc of radius 10 evenly.
        let points: Vec<At> = (0..400)
            .map(|i| {
                let (radius, angle) = (10.0 * ((f64::from(i) + 0.5) / 400.0).sqrt(), 2.4 * f64::from(i));
                At { x: radius * angle.cos(), y: radius * angle.sin() }
            })
            .collect();
        let segments = of_half(&points);
        assert!(segments.len() > 20);
        let radii: Vec<f64> = segments.iter().flatten().map(|at| at.x.hypot(at.y)).collect();
        let mean = radii.iter().sum::<f64>() / radii.len() as f64;
        // Half of the disc's area is within 10 / sqrt(2).
        assert!((mean - 10.0 / 2.0f64.sqrt()).abs() < 1.0, "{mean}");
        // Each end of a segment is an end of one other.
        let key = |at: &At| ((1e6 * at.x).round() as i64, (1e6 * at.y).round() as i64);
        let mut ends: Vec<_> = segments.iter().flatten().map(key).collect();
        ends.sort_unstable();
        assert!(ends.chunks(2).all(|pair| pair[0] == pair[1]), "{ends:?}");
    }

    #[test]
    fn few_points_and_points_on_a_line_have_no_contour() {
        let line = |n: usize| (0..n).map(|i| At { x: i as f64, y: 1.0 }).collect::<Vec<At>>();
        assert!(of_half(&line(50)).is_empty() && of_half(&line(3)).is_empty() && of_half(&[]).is_empty());
    }
}
