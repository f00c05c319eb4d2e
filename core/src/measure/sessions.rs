//! Sessions with a call in the last minutes, counted by hash, bounded.

use hashbrown::HashMap;

#[derive(Debug)]
pub struct Sessions {
    last_call: HashMap<u64, u64, foldhash::fast::RandomState>,
    window: u64,
    limit: usize,
}

impl Sessions {
    /// `window`: nanoseconds; `limit`: sessions tracked at once.
    pub fn new(window: u64, limit: usize) -> Self {
        Self { last_call: HashMap::default(), window, limit }
    }

    /// Counts a session by the hash of its id at `now` (Unix nanoseconds).
    pub fn seen(&mut self, session: u64, now: u64) {
        if let Some(last) = self.last_call.get_mut(&session) {
            *last = now.max(*last);
            return;
        }
        if self.last_call.len() >= self.limit {
            self.expire(now);
        }
        if self.last_call.len() < self.limit {
            self.last_call.insert(session, now);
        }
    }

    pub fn active(&mut self, now: u64) -> usize {
        self.expire(now);
        self.last_call.len()
    }

    fn expire(&mut self, now: u64) {
        let oldest = now.saturating_sub(self.window);
        self.last_call.retain(|_, last| *last >= oldest);
    }
}
