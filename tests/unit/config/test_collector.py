"""Blocks that people paste from a Collector's configuration."""

import pytest

from enricher.config import load_text

# The example of upstream's README in its form, reduced to the policy types that are available.
PASTED = """
sampling:
  tail_sampling:
    decision_wait: 10s
    num_traces: 100
    expected_new_traces_per_sec: 10
    decision_cache:
      sampled_cache_size: 100000
      non_sampled_cache_size: 100000
    sample_on_first_match: false
    policies:
      [
          { name: test-policy-1, type: always_sample },
          { name: test-policy-2, type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000} },
          { name: test-policy-3, type: numeric_attribute, numeric_attribute: {key: k, min_value: 50, max_value: 100} },
          { name: test-policy-4, type: probabilistic, probabilistic: {sampling_percentage: 10, hash_salt: abc} },
          { name: test-policy-5, type: status_code, status_code: {status_codes: [ERROR, UNSET]} },
          {
            name: test-policy-7,
            type: string_attribute,
            string_attribute: {key: http.url, values: ['\\/health', '\\/metrics'], enabled_regex_matching: true,
                               cache_max_size: 10, invert_match: true}
          },
          { name: test-policy-8, type: rate_limiting, rate_limiting: {spans_per_second: 35} },
          { name: test-policy-9, type: bytes_limiting, bytes_limiting: {bytes_per_second: 10, burst_capacity: 20} },
          { name: test-policy-10, type: span_count, span_count: {min_spans: 2, max_spans: 20} },
          { name: test-policy-11, type: trace_state, trace_state: { key: key3, values: [value1, value2] } },
          { name: test-policy-12, type: boolean_attribute, boolean_attribute: {key: key4, value: true} },
          { name: test-policy-13, type: trace_flags },
          {
            name: test-policy-14,
            type: ottl_condition,
            ottl_condition: {
              error_mode: ignore,
              span: [
                'attributes["test_attr_key_1"] == "test_attr_val_1"',
                'attributes["test_attr_key_2"] != "test_attr_val_1"',
              ],
              spanevent: ['name != "test_span_event_name"', 'attributes["k"] != "v"']
            }
          },
          {
            name: and-policy-1,
            type: and,
            and: {
              and_sub_policy: [
                  { name: sub-1, type: numeric_attribute, numeric_attribute: { key: key1, min_value: 50 } },
                  { name: sub-2, type: probabilistic, probabilistic: { sampling_percentage: 0.1, hash_salt: x } },
              ]
            }
          },
          {
            name: composite-policy-1,
            type: composite,
            composite: {
              max_total_spans_per_second: 1000,
              policy_order: [sub-5, sub-6],
              composite_sub_policy: [
                  { name: sub-5, type: numeric_attribute, numeric_attribute: {key: key1, min_value: 50} },
                  { name: sub-6, type: always_sample },
              ],
              rate_allocation: [{ policy: sub-5, percent: 50 }, { policy: sub-6, percent: 25 }]
            }
          },
          {
            name: not-policy-1,
            type: not,
            not: { not_sub_policy: { name: sub-3, type: latency, latency: { threshold_ms: 5000 } } }
          },
          {
            name: drop-policy-1,
            type: drop,
            drop: {
              drop_sub_policy: [
                  { name: sub-4, type: string_attribute, string_attribute: {key: url.path, values: [\\/health],
                                                                            enabled_regex_matching: true } }
              ]
            }
          },
      ]
"""


def test_a_tail_sampling_block_pastes_in() -> None:
    loaded = load_text(PASTED)
    settings = loaded.require()
    assert settings.sampling.decision_wait == 10.0
    assert settings.sampling.decision_cache.sampled_cache_size == 100_000
    assert [policy.name for policy in settings.sampling.policies][-1] == "drop-policy-1"
    notes = [problem.path for problem in loaded.problems if problem.severity == "note"]
    assert notes == [
        "sampling.num_traces",
        "sampling.expected_new_traces_per_sec",
        "sampling.policies[3].probabilistic.hash_salt",
        "sampling.policies[5].string_attribute.cache_max_size",
        "sampling.policies[13].and.and_sub_policy[1].probabilistic.hash_salt",
    ]
    # always_sample beside other policies is worth a word, and nothing else is.
    assert [problem.path for problem in loaded.problems if problem.severity == "warning"] == ["sampling.policies[0]"]


def test_the_block_may_stand_without_its_name_and_with_a_component_name() -> None:
    plain = load_text("sampling:\n  decision_wait: 7s\n").require()
    assert load_text("sampling:\n  tail_sampling/2:\n    decision_wait: 7s\n").require() == plain


@pytest.mark.parametrize(
    ("option", "available"),
    [
        ("sampling_strategy: trace-complete", True),
        ("sampling_strategy: span-ingest", False),
        ("block_on_overflow: true", True),
        ("num_shards: 8", True),
        ("tail_storage: pebble", False),
    ],
)
def test_options_are_ignored_only_where_that_changes_nothing(option: str, available: bool) -> None:
    loaded = load_text(f"sampling:\n  {option}\n")
    assert [problem.code for problem in loaded.problems] == ["ignored-option" if available else "not-available"]
    assert (loaded.settings is not None) == available


@pytest.mark.parametrize(
    "text",
    [
        "exporters: {otlp: {endpoint: 'h:1', write_buffer_size: 5, wait_for_ready: true}}",
        "exporters: {otlphttp: {endpoint: 'http://h:1', encoding: proto}}",
        "receivers: {otlp: {protocols: {grpc: {transport: tcp, include_metadata: false}}}}",
    ],
)
def test_harmless_options_of_receivers_and_exporters_are_notes(text: str) -> None:
    loaded = load_text(text)
    assert {problem.code for problem in loaded.problems} == {"ignored-option"}
    assert loaded.settings is not None


@pytest.mark.parametrize(
    "text",
    [
        "exporters: {otlphttp: {endpoint: 'http://h:1', encoding: json}}",
        "exporters: {otlp: {endpoint: 'h:1', sending_queue: {storage: file_storage}}}",
    ],
)
def test_options_that_would_change_something_are_faults(text: str) -> None:
    assert [problem.code for problem in load_text(text).problems] == ["not-available"]


def test_options_inside_what_is_refused_are_not_reported_again() -> None:
    text = "sampling: {tail_storage: {probabilistic: {hash_salt: {probabilistic: {hash_salt: x}}}}}"
    assert [problem.path for problem in load_text(text).problems] == ["sampling.tail_storage"]


def test_the_block_must_be_a_mapping() -> None:
    assert [problem.code for problem in load_text("sampling: {tail_sampling: [1]}").problems] == ["wrong-type"]
    assert load_text("sampling: {tail_sampling: }").problems == []


def test_exporters_of_a_collector_keep_their_old_and_new_names() -> None:
    text = "exporters:\n  otlp/a: {endpoint: 'h:1'}\n  otlp_grpc/b: {endpoint: 'h:1'}\n"
    text += "  otlphttp/c: {endpoint: 'http://h:1'}\n  otlp_http/d: {endpoint: 'http://h:1'}\n  debug:\n"
    exporters = load_text(text).require().exporters
    assert [type(exporter).__name__ for exporter in exporters.values()] == [
        "OtlpGrpcExporter",
        "OtlpGrpcExporter",
        "OtlpHttpExporter",
        "OtlpHttpExporter",
        "DebugExporter",
    ]


def test_a_whole_collector_file_says_where_its_parts_belong() -> None:
    text = "receivers: {otlp: {protocols: {grpc: {}}}}\nprocessors: {batch: {}}\nservice: {pipelines: {}}\n"
    loaded = load_text(text)
    assert [(problem.path, bool(problem.hint)) for problem in loaded.errors] == [
        ("processors", True),
        ("service", True),
    ]
