//! Fixed-bucket histograms with an exemplar a bucket.

use super::series::{Exemplar, Series, Value};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: Arc<[f64]>,
    counts: Box<[u64]>,
    sum: f64,
    /// By bucket, made when the first kept trace is seen: (trace id, value, Unix seconds).
    exemplars: Vec<Option<(u128, f64, f64)>>,
}

/// The trace behind an observation, if it was kept: (trace id, Unix seconds).
pub type Kept = Option<(u128, f64)>;

impl Histogram {
    pub fn new(bounds: &Arc<[f64]>) -> Self {
        Self { bounds: bounds.clone(), counts: vec![0; bounds.len() + 1].into(), sum: 0.0, exemplars: Vec::new() }
    }

    pub fn observe(&mut self, value: f64, kept: Kept) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
        if let Some((trace, seconds)) = kept {
            if self.exemplars.is_empty() {
                self.exemplars.resize(self.counts.len(), None);
            }
            self.exemplars[bucket] = Some((trace, value, seconds));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    pub fn series(&self, name: &'static str, labels: Vec<String>) -> Series {
        let exemplars = self.exemplars.iter().enumerate().filter_map(|(bucket, exemplar)| {
            exemplar.map(|(trace_id, value, unix_seconds)| Exemplar { bucket, trace_id, value, unix_seconds })
        });
        Series {
            name,
            labels,
            value: Value::Buckets { counts: self.counts.to_vec(), sum: self.sum },
            exemplars: exemplars.collect(),
        }
    }
}

/// Checks that bounds are finite and ascending.
pub fn bounds(bounds: &[f64], name: &str) -> Result<Arc<[f64]>, String> {
    if bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.iter().all(|bound| bound.is_finite()) {
        Ok(bounds.into())
    } else {
        Err(format!("{name} must be finite and ascending"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_only_kept_traces_are_exemplars() {
        let mut histogram = Histogram::new(&bounds(&[1.0, 2.0], "x").unwrap());
        histogram.observe(1.0, None);
        histogram.observe(1.5, Some((7, 10.0)));
        histogram.observe(9.0, None);
        let series = histogram.series("h", vec![]);
        assert_eq!(series.value, Value::Buckets { counts: vec![1, 1, 1], sum: 11.5 });
        assert_eq!(series.exemplars, [Exemplar { bucket: 1, trace_id: 7, value: 1.5, unix_seconds: 10.0 }]);
        assert!(bounds(&[2.0, 1.0], "x").is_err());
    }
}
