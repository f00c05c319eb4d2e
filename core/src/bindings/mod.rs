//! The Python face of the core (`enricher/_core.pyi`). The only place that knows pyo3.

mod error;
mod json;
mod normalize;
mod price;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    json::register(module)?;
    normalize::register(module)?;
    price::register(module)
}
