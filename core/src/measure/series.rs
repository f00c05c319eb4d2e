//! One sample of a snapshot.

/// A point that stands for its bucket and leads to a kept trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    pub bucket: usize,
    pub trace_id: u128,
    pub value: f64,
    pub unix_seconds: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A counter or gauge.
    Number(f64),
    /// Counts by bucket, not cumulative, the last is +Inf.
    Buckets { counts: Vec<u64>, sum: f64 },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The instrument's name in the catalogue.
    pub name: &'static str,
    /// Values in the order of the instrument's labels.
    pub labels: Vec<String>,
    pub value: Value,
    pub exemplars: Vec<Exemplar>,
}

impl Series {
    pub fn number<'a>(name: &'static str, labels: impl IntoIterator<Item = &'a str>, value: f64) -> Self {
        let labels = labels.into_iter().map(str::to_owned).collect();
        Self { name, labels, value: Value::Number(value), exemplars: Vec::new() }
    }
}
