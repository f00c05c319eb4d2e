//! Which signal an export request is of: the three kinds nest their items alike, so that only an item tells.

use super::json::Signal;
use super::reader::{BYTES, FIXED32, FIXED64, Reader, VARINT};
use super::request::{Head, Visitor, walk};
use crate::error::Result;

/// The signal of a request, by its first item that shows one; `None` when none does.
///
/// # Errors
/// Bytes that do not nest as the requests of all three do.
pub fn signal_of(request: &[u8]) -> Result<Option<Signal>> {
    let mut items = Items::default();
    walk(request, &mut items)?;
    Ok(items.found)
}

#[derive(Default)]
struct Items {
    found: Option<Signal>,
}

impl<'a> Visitor<'a> for Items {
    fn resource(&mut self, _: Head<'a>) -> Result<()> {
        Ok(())
    }

    fn scope(&mut self, _: Head<'a>) -> Result<()> {
        Ok(())
    }

    fn span(&mut self, item: &'a [u8]) -> Result<()> {
        if self.found.is_none() {
            self.found = of_item(item);
        }
        Ok(())
    }
}

/// Field numbers and wire types that only one of `Span`, `LogRecord` and `Metric` has (opentelemetry-proto 1.x). A
/// metric of a kind whose number a span uses alike is known by a first field that is no trace id: one of another length,
/// or letters on an item without times.
fn of_item(item: &[u8]) -> Option<Signal> {
    let mut reader = Reader::new(item);
    let mut first = None;
    while !reader.at_end() {
        let (field, wire) = reader.tag().ok()?;
        match (field, wire) {
            (1 | 11, FIXED64) | (2 | 7, VARINT) | (6, BYTES) | (8, FIXED32) => return Some(Signal::Logs),
            (6, VARINT) | (7 | 8, FIXED64) | (15, BYTES) | (16, FIXED32) => return Some(Signal::Traces),
            (7, BYTES) => return Some(Signal::Metrics),
            (1, BYTES) => first = Some(reader.bytes().ok()?),
            _ => reader.skip(wire).ok()?,
        }
    }
    let is_trace_id = |id: &[u8]| id.len() == 16 && !id.iter().all(u8::is_ascii_graphic);
    first.map(|id| if is_trace_id(id) { Signal::Traces } else { Signal::Metrics })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::from_json;

    fn told(signal: Signal, text: &str) -> Option<Signal> {
        signal_of(&from_json(signal, text.as_bytes()).expect("JSON")).expect("nested")
    }

    #[test]
    fn an_item_tells_its_signal() {
        for span in [
            r#"{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"chat"}"#,
            r#"{"name":"chat","startTimeUnixNano":"1"}"#,
            r#"{"status":{"code":2}}"#,
        ] {
            let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
            assert_eq!(told(Signal::Traces, &text), Some(Signal::Traces), "{span}");
        }
        for record in [
            r#"{"timeUnixNano":"1","body":{"stringValue":"x"}}"#,
            r#"{"observedTimeUnixNano":"1","traceId":"0102030405060708090a0b0c0d0e0f10"}"#,
            r#"{"severityNumber":9}"#,
            r#"{"attributes":[{"key":"a","value":{"intValue":"1"}}]}"#,
        ] {
            let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
            assert_eq!(told(Signal::Logs, &text), Some(Signal::Logs), "{record}");
        }
        for metric in [
            r#"{"name":"a","sum":{"dataPoints":[{"asInt":"1"}]}}"#,
            r#"{"name":"a","description":"b","unit":"s","histogram":{"dataPoints":[]}}"#,
            r#"{"name":"a","gauge":{"dataPoints":[{"asInt":"1"}]}}"#,
            r#"{"name":"http.server.load","gauge":{"dataPoints":[{"asInt":"1"}]}}"#,
            r#"{"name":"http.server.load","description":"CPU load","unit":"1","gauge":{"dataPoints":[]}}"#,
        ] {
            let text = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric}]}}]}}]}}"#);
            assert_eq!(told(Signal::Metrics, &text), Some(Signal::Metrics), "{metric}");
        }
    }

    #[test]
    fn a_request_without_items_is_of_no_signal() {
        assert_eq!(told(Signal::Traces, r#"{"resourceSpans":[{}]}"#), None);
        assert_eq!(signal_of(b"").expect("empty"), None);
    }
}
