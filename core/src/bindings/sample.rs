//! What `enricher check` asks the core about sampling rules.

use crate::keys::KeyTableBuilder;
use crate::sample::ottl::{Context, parse};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Where an OTTL condition stops making sense, in characters from its beginning, and why.
#[pyfunction]
fn ottl_fault(text: &str, context: &str) -> PyResult<Option<(usize, String)>> {
    let context = match context {
        "span" => Context::Span,
        "spanevent" => Context::SpanEvent,
        other => return Err(PyValueError::new_err(format!("no context {other:?}"))),
    };
    let fault = parse(text, context, &mut KeyTableBuilder::default()).err();
    Ok(fault.map(|fault| (text.get(..fault.offset).unwrap_or(text).chars().count(), fault.message)))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ottl_fault, module)?)
}
