//! OTLP JSON to and from protobuf, and the check of requests that pass through.

use super::error::{detached, to_python};
use crate::error::CoreError;
use crate::wire::json::{self, Signal};
use crate::wire::request::latest_end;
use crate::wire::signal::signal_of;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(traces_to_json, module)?)?;
    module.add_function(wrap_pyfunction!(otlp_to_json, module)?)?;
    module.add_function(wrap_pyfunction!(otlp_from_json, module)?)?;
    module.add_function(wrap_pyfunction!(otlp_signal, module)?)?;
    module.add_function(wrap_pyfunction!(check_otlp, module)?)?;
    module.add_function(wrap_pyfunction!(latest_end_ns, module)?)
}

fn signal(py: Python<'_>, name: &str) -> PyResult<Signal> {
    Signal::from_name(name).ok_or_else(|| {
        to_python(py, &CoreError::Json(format!("unknown signal {name:?}; one of traces, metrics, logs")))
    })
}

#[pyfunction]
fn traces_to_json<'py>(py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    otlp_to_json(py, "traces", payload)
}

#[pyfunction]
fn otlp_to_json<'py>(py: Python<'py>, signal: &str, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let signal = self::signal(py, signal)?;
    let text = detached(py, || json::to_json(signal, payload))?;
    Ok(PyBytes::new(py, text.as_bytes()))
}

#[pyfunction]
fn otlp_from_json<'py>(py: Python<'py>, signal: &str, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let signal = self::signal(py, signal)?;
    let bytes = detached(py, || json::from_json(signal, payload))?;
    Ok(PyBytes::new(py, &bytes))
}

#[pyfunction]
fn latest_end_ns(py: Python<'_>, payload: &[u8]) -> PyResult<u64> {
    detached(py, || latest_end(payload))
}

#[pyfunction]
fn otlp_signal(py: Python<'_>, payload: &[u8]) -> PyResult<Option<&'static str>> {
    Ok(detached(py, || signal_of(payload))?.map(Signal::name))
}

#[pyfunction]
fn check_otlp(py: Python<'_>, signal: &str, payload: &[u8]) -> PyResult<u64> {
    let signal = self::signal(py, signal)?;
    detached(py, || json::check(signal, payload))
}
