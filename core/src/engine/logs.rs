//! Log records: checked, read for what they say about model calls, and passed on under the content policy.

use super::Engine;
use crate::content::Counts;
use crate::error::Result;
use crate::wire::json::{self, Signal};
use std::sync::atomic::Ordering;

/// What became of a logs request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LogsReport {
    /// Log records in the request.
    pub records: u64,
    /// The request to pass on, where the content policy changed it.
    pub payload: Option<Vec<u8>>,
}

impl Engine {
    /// Takes one `ExportLogsServiceRequest` received at `now` (Unix nanoseconds). Bytes that are not one are refused and
    /// touch nothing.
    pub fn take_logs(&self, request: &[u8], now: u64) -> Result<LogsReport> {
        self.clock.fetch_max(now, Ordering::Relaxed);
        let plan = self.plan();
        let records = json::check(Signal::Logs, request)?;
        let mut counts = Counts::default();
        let payload = plan.content.logs(request, &mut counts);
        self.measure().content(&counts);
        Ok(LogsReport { records, payload })
    }
}
