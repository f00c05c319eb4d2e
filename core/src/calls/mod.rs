//! Which reports are the same model call (design §6), within a trace and across traces.
//!
//! `Report` is what one span says, `Grouping` groups the reports of a trace into `Call`s, `Loss, RecentCalls` remembers what
//! other traces and earlier verdicts said, so that no call is counted twice.

mod amounts;
mod draw;
mod elsewhere;
mod fuller;
mod group;
mod identity;
mod ids;
mod late;
mod lend;
mod loops;
mod matching;
mod merge;
mod models;
mod nested;
mod own;
mod past;
mod rate_limits;
mod recent;
mod report;
mod sets;
mod settle;
mod sketch;
mod slots;
mod taken;
mod top_up;
mod tree;

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod lent;
#[cfg(test)]
mod lent_later;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod scenes;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod splits;

pub use amounts::{Before, total};
pub use group::{Fate, Grouping, Rule};
pub use merge::Call;
pub use rate_limits::RateLimits;
pub use recent::{Arrival, Loss, RecentCalls};
pub use report::{Place, Report, ReportedCost};
pub use sketch::Sketch;
pub use slots::{CONTEXT_OF_CALLS, Texts};
pub use tree::Links;
