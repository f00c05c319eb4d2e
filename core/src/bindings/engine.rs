//! `Engine` and its reports.

use super::error::{detached, to_python};
use crate::engine::{self, ingest, logs, tick};
use crate::measure::Value;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::sync::Arc;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()?;
    module.add_class::<IngestReport>()?;
    module.add_class::<LogsReport>()?;
    module.add_class::<TickReport>()
}

#[pyclass(frozen, module = "enricher._core")]
struct IngestReport(ingest::IngestReport);

#[pymethods]
impl IngestReport {
    #[getter]
    fn accepted(&self) -> u64 {
        self.0.accepted
    }
    #[getter]
    fn rejected(&self) -> u64 {
        self.0.rejected
    }
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }
    #[getter]
    fn pressure(&self) -> bool {
        self.0.pressure
    }
}

#[pyclass(frozen, module = "enricher._core")]
struct LogsReport(logs::LogsReport);

#[pymethods]
impl LogsReport {
    #[getter]
    fn records(&self) -> u64 {
        self.0.records
    }
    /// A new bytes object on each access: read it once.
    #[getter]
    fn payload<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        self.0.payload.as_deref().map(|payload| PyBytes::new(py, payload))
    }
    #[getter]
    fn refused(&self) -> u64 {
        self.0.refused
    }
}

#[pyclass(frozen, module = "enricher._core")]
struct TickReport(tick::TickReport);

#[pymethods]
impl TickReport {
    /// New bytes objects on each access: read it once.
    #[getter]
    fn payloads<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.0.payloads.iter().map(|payload| PyBytes::new(py, &payload.bytes)))
    }
    #[getter]
    fn payload_spans(&self) -> Vec<u64> {
        self.0.payloads.iter().map(|payload| payload.spans).collect()
    }
    #[getter]
    fn calls<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.calls)
    }
    #[getter]
    fn traces<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.traces)
    }
    #[getter]
    fn explanations<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.explanations)
    }
    #[getter]
    fn decided(&self) -> u64 {
        self.0.decided
    }
    #[getter]
    fn kept(&self) -> u64 {
        self.0.kept
    }
    #[getter]
    fn more(&self) -> bool {
        self.0.more
    }
}

/// A request below this many bytes is done sooner (tens of microseconds) than the GIL changes hands twice.
const SMALL: usize = 16 << 10;

#[pyclass(frozen, module = "enricher._core")]
struct Engine(Arc<engine::Engine>);

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, plan: &[u8]) -> PyResult<Self> {
        let engine = py.detach(|| engine::Engine::new(plan)).map_err(|error| to_python(py, &error))?;
        Ok(Self(Arc::new(engine)))
    }

    fn replace_plan(&self, py: Python<'_>, plan: &[u8]) -> PyResult<()> {
        detached(py, || self.0.replace_plan(plan))
    }

    fn ingest(&self, py: Python<'_>, payload: &[u8], now_ns: u64) -> PyResult<IngestReport> {
        if payload.len() < SMALL {
            let report = self.0.ingest(payload, now_ns).map_err(|error| to_python(py, &error))?;
            return Ok(IngestReport(report));
        }
        detached(py, || self.0.ingest(payload, now_ns)).map(IngestReport)
    }

    #[pyo3(signature = (payload, now_ns, keep=false))]
    fn take_logs(&self, py: Python<'_>, payload: &[u8], now_ns: u64, keep: bool) -> PyResult<LogsReport> {
        detached(py, || self.0.take_logs(payload, now_ns, keep)).map(LogsReport)
    }

    fn tick(&self, py: Python<'_>, now_ns: u64) -> TickReport {
        TickReport(py.detach(|| self.0.tick(now_ns)))
    }

    fn drain(&self, py: Python<'_>, now_ns: u64) -> TickReport {
        TickReport(py.detach(|| self.0.drain(now_ns)))
    }

    fn discard(&self, py: Python<'_>, now_ns: u64) -> TickReport {
        TickReport(py.detach(|| self.0.discard(now_ns)))
    }

    fn next_due_ns(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.0.next_due().unwrap_or(0))
    }

    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let series = py.detach(|| self.0.series());
        let list = PyList::empty(py);
        for series in &series {
            let labels = PyTuple::new(py, &series.labels)?;
            let exemplars: Vec<_> = series
                .exemplars
                .iter()
                .map(|e| (e.bucket, format!("{:032x}", e.trace_id), e.value, e.unix_seconds))
                .collect();
            match &series.value {
                Value::Number(value) => list.append((series.name, labels, *value, 0.0, exemplars))?,
                Value::Buckets { counts, sum } => {
                    list.append((series.name, labels, counts.clone(), *sum, exemplars))?;
                }
            }
        }
        Ok(list)
    }

    fn save_states<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| self.0.state_bytes()))
    }

    fn load_states(&self, py: Python<'_>, saved: &[u8]) -> PyResult<()> {
        detached(py, || self.0.load_state_bytes(saved))
    }

    fn summary(&self, py: Python<'_>) -> String {
        py.detach(|| self.0.summary())
    }
}
