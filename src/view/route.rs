//! Ways on the stage, along which messages travel.

/// A polyline that knows its length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    points: Vec<(f64, f64)>,
    length: f64,
}

impl Route {
    /// The way through these points.
    pub fn new(points: Vec<(f64, f64)>) -> Self {
        let length = points.windows(2).map(|p| distance(p[0], p[1])).sum();
        Self { points, length }
    }

    /// Its corners, ends included.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The place at a part of the way, 0 to 1, and the direction there.
    pub fn at(&self, part: f64) -> Place {
        let mut left = self.length * part.clamp(0.0, 1.0);
        for pair in self.points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let d = distance(a, b);
            if left <= d && d > 0.0 {
                let t = left / d;
                return Place {
                    x: a.0 + (b.0 - a.0) * t,
                    y: a.1 + (b.1 - a.1) * t,
                    dx: (b.0 - a.0) / d,
                    dy: (b.1 - a.1) / d,
                };
            }
            left -= d;
        }
        let (x, y) = self.points.last().copied().unwrap_or_default();
        Place { x, y, dx: 1.0, dy: 0.0 }
    }
}

/// A place on a way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Across.
    pub x: f64,
    /// Down.
    pub y: f64,
    /// Direction across.
    pub dx: f64,
    /// Direction down.
    pub dy: f64,
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    (dx * dx + dy * dy).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_proportional_to_the_way() {
        let route = Route::new(vec![(0.0, 0.0), (10.0, 0.0), (10.0, 30.0)]);
        let place = |part: f64| {
            let p = route.at(part);
            (p.x, p.y)
        };
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(place), [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (10.0, 30.0)]);
        assert_eq!(route.at(0.5).dy, 1.0);
        assert_eq!(Route::new(vec![]).at(0.5).x, 0.0);
    }
}
