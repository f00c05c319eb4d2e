//! Rule numbers of what was concluded rather than read, for `explain` and `enricher.inferred`.

/// The first of them; the plan's rules end far below.
const FIRST: u16 = 0x3f00;

macro_rules! conclusions {
    ($($name:ident = $text:literal),+ $(,)?) => {
        #[repr(u16)]
        #[allow(clippy::upper_case_acronyms, non_camel_case_types)]
        enum Index { $($name),+ }
        $(pub const $name: u16 = FIRST + Index::$name as u16;)+

        /// What a conclusion was drawn from.
        pub fn text(rule: u16) -> Option<&'static str> {
            const TEXTS: &[&str] = &[$($text),+];
            TEXTS.get(usize::from(rule.checked_sub(FIRST)?)).copied()
        }
    };
}

conclusions! {
    HOST = "server address",
    SCOPE = "instrumentation scope",
    DIALECT = "dialect",
    MODEL = "model",
    TOTAL = "total minus the other part",
    PARTS = "sum of the parts",
    CACHE_ADDED = "plus cached tokens",
    REASONING_ADDED = "plus reasoning tokens",
    OPERATION = "kind of span",
    TEST = "the dialect's test of spans",
    USAGE = "usage on the span",
    STATUS = "HTTP status",
    TEXT = "text of the error",
    EXCEPTION = "exception event",
    UNIT = "unit corrected",
    FINISH = "finish reason",
    RESOURCE = "resource",
    NORMALIZED = "normalized before",
    LOG = "log record",
    FURTHER = "further evaluations",
    FURTHER_VERDICTS = "further verdicts of guardrails",
    CONTENT = "content",
    CURRENCY = "converted at the stated rate",
}
