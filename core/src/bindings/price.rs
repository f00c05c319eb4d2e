//! The price book by itself, for tests and `enricher prices show`: one call in as JSON, its cost out as JSON.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::detached;
use crate::error::CoreError;
use crate::price::plan::PricePlan;
use crate::price::{Book, PriceInput, Reported, money};
use crate::usage::{Unit, Usage};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Request {
    provider: String,
    request_model: String,
    response_model: String,
    host: String,
    time_unix_ns: u64,
    duration_ns: u64,
    /// Quantities by unit name.
    usage: Map<String, Value>,
    service_tier: String,
    requested_tier: String,
    batch: bool,
    speed: String,
    inference_geo: String,
    search_context_size: String,
    tenant: String,
    failed_without_answer: bool,
    from_cache: bool,
    estimated: bool,
    /// A decimal string.
    reported_usd: Option<String>,
    reported_by_provider: bool,
}

impl Request {
    fn usage(&self) -> Result<Usage, String> {
        let mut usage = Usage::new();
        for (name, quantity) in &self.usage {
            let unit = Unit::from_name(name).ok_or_else(|| format!("unknown unit {name:?}"))?;
            let taken = match (quantity.as_i64(), quantity.as_f64()) {
                (Some(count), _) => usage.set(unit, count),
                (None, Some(quantity)) => usage.set_f64(unit, quantity),
                (None, None) => false,
            };
            if !taken {
                return Err(format!("{name} cannot be {quantity}"));
            }
        }
        Ok(usage)
    }

    fn reported(&self) -> Result<Option<Reported>, String> {
        let Some(text) = &self.reported_usd else {
            return Ok(None);
        };
        let usd_pico = money::from_decimal(text).ok_or_else(|| format!("{text:?} is not a decimal"))?;
        Ok(Some(Reported { usd_pico, by_provider: self.reported_by_provider }))
    }
}

/// A compiled price book.
#[pyclass(frozen, module = "enricher._core")]
pub struct PriceBook {
    book: Book,
}

#[pymethods]
impl PriceBook {
    #[new]
    fn new(py: Python<'_>, plan: &[u8]) -> PyResult<PriceBook> {
        detached(py, || {
            let plan: PricePlan = serde_json::from_slice(plan).map_err(|error| CoreError::Plan(error.to_string()))?;
            let book = Book::compile(&plan).map_err(CoreError::Plan)?;
            Ok(PriceBook { book })
        })
    }

    fn price(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        py.detach(|| self.answer(request)).map_err(PyValueError::new_err)
    }
}

impl PriceBook {
    fn answer(&self, request: &str) -> Result<String, String> {
        let request: Request = serde_json::from_str(request).map_err(|error| error.to_string())?;
        let usage = request.usage()?;
        let (cost, explanation) = self.book.explain(&PriceInput {
            provider: &request.provider,
            request_model: &request.request_model,
            response_model: &request.response_model,
            host: &request.host,
            time_unix_ns: request.time_unix_ns,
            duration_ns: request.duration_ns,
            usage: &usage,
            service_tier: &request.service_tier,
            requested_tier: &request.requested_tier,
            batch: request.batch,
            speed: &request.speed,
            inference_geo: &request.inference_geo,
            search_context_size: &request.search_context_size,
            tenant: &request.tenant,
            failed_without_answer: request.failed_without_answer,
            from_cache: request.from_cache,
            estimated: request.estimated,
            one_sided: false,
            reported: request.reported()?,
        });
        Ok(explanation.to_json(&self.book, &cost).to_string())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PriceBook>()
}
