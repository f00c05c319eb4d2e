//! The OTLP messages: field numbers, JSON names and types (opentelemetry-proto 1.x).

pub struct Message {
    pub fields: &'static [Field],
    /// Counts as one item of its signal: a span, a data point, a log record.
    pub item: bool,
}

pub struct Field {
    pub number: u32,
    /// lowerCamelCase.
    pub name: &'static str,
    pub kind: Kind,
    pub repeated: bool,
}

#[derive(Clone, Copy)]
pub enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    /// Hexadecimal in JSON: trace and span ids.
    Id,
    Bool,
    /// A varint that JSON writes as a number.
    Uint32,
    /// A varint that JSON writes as a string.
    Int64,
    Uint64,
    Sint32,
    Fixed32,
    Fixed64,
    Sfixed64,
    Double,
    /// A number in JSON; its names are read too.
    Enum(&'static [&'static str]),
    Message(&'static Message),
}

use Kind::{Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int64, Sfixed64, Sint32, Text, Uint32, Uint64};

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

const fn message(fields: &'static [Field]) -> Message {
    Message { fields, item: false }
}

const fn item(fields: &'static [Field]) -> Message {
    Message { fields, item: true }
}

static ANY_VALUE: Message = message(&[
    one(1, "stringValue", Text),
    one(2, "boolValue", Bool),
    one(3, "intValue", Int64),
    one(4, "doubleValue", Double),
    one(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
    one(6, "kvlistValue", Kind::Message(&KV_LIST)),
    one(7, "bytesValue", Bytes),
]);
static ARRAY_VALUE: Message = message(&[many(1, "values", Kind::Message(&ANY_VALUE))]);
static KV_LIST: Message = message(&[many(1, "values", Kind::Message(&KEY_VALUE))]);
static KEY_VALUE: Message = message(&[one(1, "key", Text), one(2, "value", Kind::Message(&ANY_VALUE))]);
static ENTITY_REF: Message = message(&[
    one(1, "schemaUrl", Text),
    one(2, "type", Text),
    many(3, "idKeys", Text),
    many(4, "descriptionKeys", Text),
]);
static RESOURCE: Message = message(&[
    many(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "droppedAttributesCount", Uint32),
    many(3, "entityRefs", Kind::Message(&ENTITY_REF)),
]);
static SCOPE: Message = message(&[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);

static SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
static STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
static STATUS: Message = message(&[one(2, "message", Text), one(3, "code", Enum(STATUS_CODES))]);
static EVENT: Message = message(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);
static LINK: Message = message(&[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    many(4, "attributes", Kind::Message(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Uint32),
    one(6, "flags", Fixed32),
]);
static SPAN: Message = item(&[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    one(4, "parentSpanId", Id),
    one(5, "name", Text),
    one(6, "kind", Enum(SPAN_KINDS)),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", Kind::Message(&KEY_VALUE)),
    one(10, "droppedAttributesCount", Uint32),
    many(11, "events", Kind::Message(&EVENT)),
    one(12, "droppedEventsCount", Uint32),
    many(13, "links", Kind::Message(&LINK)),
    one(14, "droppedLinksCount", Uint32),
    one(15, "status", Kind::Message(&STATUS)),
    one(16, "flags", Fixed32),
]);
static SCOPE_SPANS: Message = message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "spans", Kind::Message(&SPAN)),
    one(3, "schemaUrl", Text),
]);
static RESOURCE_SPANS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(3, "schemaUrl", Text),
]);
pub static TRACES: Message = message(&[many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);

static TEMPORALITIES: &[&str] =
    &["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];
static EXEMPLAR: Message = message(&[
    one(2, "timeUnixNano", Fixed64),
    one(3, "asDouble", Double),
    one(4, "spanId", Id),
    one(5, "traceId", Id),
    one(6, "asInt", Sfixed64),
    many(7, "filteredAttributes", Kind::Message(&KEY_VALUE)),
]);
static NUMBER_POINT: Message = item(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "asDouble", Double),
    many(5, "exemplars", Kind::Message(&EXEMPLAR)),
    one(6, "asInt", Sfixed64),
    many(7, "attributes", Kind::Message(&KEY_VALUE)),
    one(8, "flags", Uint32),
]);
static HISTOGRAM_POINT: Message = item(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(8, "exemplars", Kind::Message(&EXEMPLAR)),
    many(9, "attributes", Kind::Message(&KEY_VALUE)),
    one(10, "flags", Uint32),
    one(11, "min", Double),
    one(12, "max", Double),
]);
static BUCKETS: Message = message(&[one(1, "offset", Sint32), many(2, "bucketCounts", Uint64)]);
static EXPONENTIAL_POINT: Message = item(&[
    many(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    one(6, "scale", Sint32),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", Kind::Message(&BUCKETS)),
    one(9, "negative", Kind::Message(&BUCKETS)),
    one(10, "flags", Uint32),
    many(11, "exemplars", Kind::Message(&EXEMPLAR)),
    one(12, "min", Double),
    one(13, "max", Double),
    one(14, "zeroThreshold", Double),
]);
static QUANTILE: Message = message(&[one(1, "quantile", Double), one(2, "value", Double)]);
static SUMMARY_POINT: Message = item(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", Kind::Message(&QUANTILE)),
    many(7, "attributes", Kind::Message(&KEY_VALUE)),
    one(8, "flags", Uint32),
]);
static GAUGE: Message = message(&[many(1, "dataPoints", Kind::Message(&NUMBER_POINT))]);
static SUM: Message = message(&[
    many(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
    one(2, "aggregationTemporality", Enum(TEMPORALITIES)),
    one(3, "isMonotonic", Bool),
]);
static HISTOGRAM: Message = message(&[
    many(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)),
    one(2, "aggregationTemporality", Enum(TEMPORALITIES)),
]);
static EXPONENTIAL_HISTOGRAM: Message = message(&[
    many(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT)),
    one(2, "aggregationTemporality", Enum(TEMPORALITIES)),
]);
static SUMMARY: Message = message(&[many(1, "dataPoints", Kind::Message(&SUMMARY_POINT))]);
static METRIC: Message = message(&[
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    one(5, "gauge", Kind::Message(&GAUGE)),
    one(7, "sum", Kind::Message(&SUM)),
    one(9, "histogram", Kind::Message(&HISTOGRAM)),
    one(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
    one(11, "summary", Kind::Message(&SUMMARY)),
    many(12, "metadata", Kind::Message(&KEY_VALUE)),
]);
static SCOPE_METRICS: Message = message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "metrics", Kind::Message(&METRIC)),
    one(3, "schemaUrl", Text),
]);
static RESOURCE_METRICS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
    one(3, "schemaUrl", Text),
]);
pub static METRICS: Message = message(&[many(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))]);

/// `SEVERITY_NUMBER_*` names are read; numbers are the rule.
static SEVERITIES: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];
static LOG_RECORD: Message = item(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Enum(SEVERITIES)),
    one(3, "severityText", Text),
    one(5, "body", Kind::Message(&ANY_VALUE)),
    many(6, "attributes", Kind::Message(&KEY_VALUE)),
    one(7, "droppedAttributesCount", Uint32),
    one(8, "flags", Fixed32),
    one(9, "traceId", Id),
    one(10, "spanId", Id),
    one(11, "observedTimeUnixNano", Fixed64),
    one(12, "eventName", Text),
]);
static SCOPE_LOGS: Message = message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "logRecords", Kind::Message(&LOG_RECORD)),
    one(3, "schemaUrl", Text),
]);
static RESOURCE_LOGS: Message = message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
    one(3, "schemaUrl", Text),
]);
pub static LOGS: Message = message(&[many(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))]);
