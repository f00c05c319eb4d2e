//! Core errors as the exceptions of `enricher.errors`.

use crate::error::CoreError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

static DECODE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static PLAN: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static OVERLOADED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The Python exception of a core error.
pub fn to_python(py: Python<'_>, error: &CoreError) -> PyErr {
    let (cell, name) = match error {
        CoreError::Decode { .. } | CoreError::Json(_) => (&DECODE, "DecodeError"),
        CoreError::Plan(_) => (&PLAN, "PlanError"),
        CoreError::Full { .. } => (&OVERLOADED, "Overloaded"),
    };
    match cell.import(py, "enricher.errors", name) {
        Ok(kind) => PyErr::from_type(kind.clone(), error.to_string()),
        Err(missing) => missing,
    }
}

/// Runs `work` without the GIL and maps its error.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> crate::error::Result<T> + Send) -> PyResult<T> {
    py.detach(work).map_err(|error| to_python(py, &error))
}
