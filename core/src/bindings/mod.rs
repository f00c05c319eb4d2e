//! The Python face of the core (`enricher/_core.pyi`). The only place that knows pyo3.

mod engine;
mod error;
mod json;
mod normalize;
mod price;
mod sample;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    engine::register(module)?;
    json::register(module)?;
    normalize::register(module)?;
    price::register(module)?;
    sample::register(module)?;
    module.add_function(wrap_pyfunction!(panic, module)?)
}

/// Panics, for the test that panics are translated.
#[pyfunction]
fn panic() {
    panic!("provoked");
}
