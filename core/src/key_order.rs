//! The order in which an instrumentation writes its keys. Spans of one kind carry the same keys in the same order, so that
//! the key that came next last time is compared before any table is asked.

use crate::keys::{KeyId, KeyTable};
use crate::wire::span::Attr;

/// Orders remembered, a power of two. Kinds of spans that share a place cost each other the short cut, nothing else.
const ORDERS: usize = 32;

/// Longer orders, in keys or in bytes of keys, are not remembered.
const MOST_KEYS: usize = 128;
const MOST_BYTES: usize = 4096;

/// How many of the keys to come are compared: one may be missing, or new.
const AHEAD: usize = 2;

/// The orders that one worker has seen. Bound to one key table.
pub struct KeyOrders {
    orders: Vec<KeyOrder>,
    current: usize,
    at: usize,
    strange: usize,
}

#[derive(Default)]
struct KeyOrder {
    text: Vec<u8>,
    keys: Vec<Known>,
}

struct Known {
    start: u32,
    end: u32,
    id: KeyId,
}

impl KeyOrders {
    pub fn new() -> Self {
        Self { orders: (0..ORDERS).map(|_| KeyOrder::default()).collect(), current: 0, at: 0, strange: 0 }
    }

    /// A span begins, of a scope (hash of its name) and with a name, as far as it is known yet.
    #[inline]
    pub fn begin(&mut self, scope: u64, name: &[u8]) {
        let head = match name.first_chunk::<8>() {
            Some(head) => u64::from_le_bytes(*head),
            None => name.len() as u64,
        };
        let mixed = (scope ^ head).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.current = (mixed >> 32) as usize % ORDERS;
        self.at = 0;
        self.strange = 0;
    }

    /// What `table` has for a key, and whether the key was expected, which means that it was seen before.
    #[inline]
    pub fn lookup(&mut self, key: &[u8], table: &KeyTable) -> (KeyId, bool) {
        let order = &self.orders[self.current];
        for (known, step) in order.keys.iter().skip(self.at).take(AHEAD).zip(1..) {
            if order.text.get(known.start as usize..known.end as usize) == Some(key) {
                self.at += step;
                return (known.id, true);
            }
        }
        self.strange += 1;
        (table.lookup(key), false)
    }

    /// The span ended, and its content is without fault. Learns its order when most of its keys were not expected.
    #[inline]
    pub fn end(&mut self, attrs: &[Attr<'_>]) {
        if self.strange * 2 > attrs.len() {
            self.learn(attrs);
        }
    }

    #[cold]
    fn learn(&mut self, attrs: &[Attr<'_>]) {
        let order = &mut self.orders[self.current];
        order.text.clear();
        order.keys.clear();
        if attrs.len() > MOST_KEYS || attrs.iter().map(|attr| attr.key.len()).sum::<usize>() > MOST_BYTES {
            return;
        }
        for attr in attrs {
            let start = order.text.len() as u32;
            order.text.extend_from_slice(attr.key);
            order.keys.push(Known { start, end: order.text.len() as u32, id: attr.id });
        }
    }
}

impl Default for KeyOrders {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyTableBuilder;
    use crate::wire::value::Value;

    /// Looks the keys of one span up; gives the ids and how many keys were expected.
    fn span(orders: &mut KeyOrders, table: &KeyTable, name: &str, keys: &[&str]) -> (Vec<KeyId>, usize) {
        orders.begin(7, name.as_bytes());
        let found: Vec<_> = keys.iter().map(|key| orders.lookup(key.as_bytes(), table)).collect();
        let attrs: Vec<_> = keys
            .iter()
            .zip(&found)
            .map(|(key, (id, known))| Attr { key: key.as_bytes(), value: Value::Empty, id: *id, known: *known })
            .collect();
        orders.end(&attrs);
        (found.iter().map(|(id, _)| *id).collect(), found.iter().filter(|(_, known)| *known).count())
    }

    #[test]
    fn an_order_is_learned_and_always_says_what_the_table_says() {
        let mut builder = KeyTableBuilder::default();
        for key in ["gen_ai.system", "gen_ai.prompt.{n}.role", "c", "d"] {
            builder.add(key);
        }
        let table = builder.build();
        let mut orders = KeyOrders::new();
        let full = ["gen_ai.system", "x", "gen_ai.prompt.0.role", "c", "d"];
        let lookup = |keys: &[&str]| keys.iter().map(|key| table.lookup(key.as_bytes())).collect::<Vec<_>>();
        for (keys, expected) in [
            (&full[..], 0),
            (&full[..], 5),
            // One key missing, one new in between, another order, nothing in common, none.
            (&["gen_ai.system", "gen_ai.prompt.0.role", "c", "d"][..], 4),
            (&["gen_ai.system", "x", "new", "gen_ai.prompt.0.role", "c", "d"][..], 5),
            (&["d", "c", "x", "gen_ai.system"][..], 1),
            (&["d", "c", "x", "gen_ai.system"][..], 4),
            (&["y", "z"][..], 0),
            (&[][..], 0),
        ] {
            let (ids, known) = span(&mut orders, &table, "chat", keys);
            assert_eq!(ids, lookup(keys));
            assert_eq!(known, expected, "{keys:?}");
        }
        let many: Vec<String> = (0..1000).map(|n| format!("key.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for _ in 0..2 {
            assert_eq!(span(&mut orders, &table, "many", &many).1, 0, "too many to remember");
        }
    }
}
