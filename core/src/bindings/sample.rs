//! What `enricher check` asks the core about sampling rules.

use crate::keys::KeyTableBuilder;
use crate::sample::conditions::pattern;
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

/// Where a regular expression stops making sense, in characters from its beginning, and why; no place where it is well
/// formed and too large.
#[pyfunction]
fn regex_fault(text: &str) -> Option<(Option<usize>, String)> {
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).build().parse(text);
    let (place, reason) = match parsed {
        Ok(_) => return pattern(text).err().map(|reason| (None, reason)),
        Err(regex_syntax::Error::Parse(fault)) => (Some(fault.span().start.offset), fault.kind().to_string()),
        Err(regex_syntax::Error::Translate(fault)) => (Some(fault.span().start.offset), fault.kind().to_string()),
        Err(other) => (None, other.to_string()),
    };
    Some((place.map(|offset| text.get(..offset).unwrap_or(text).chars().count()), reason))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(regex_fault, module)?)?;
    module.add_function(wrap_pyfunction!(ottl_fault, module)?)
}
