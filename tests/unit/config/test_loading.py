from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from enricher.config import Loaded, Settings, load, load_text
from enricher.errors import ConfigError


def test_no_file_is_a_valid_configuration() -> None:
    loaded = load()
    assert loaded.problems == []
    settings = loaded.require()
    protocols = settings.receivers.otlp.protocols
    assert protocols.grpc is not None
    assert protocols.http is not None
    assert (protocols.grpc.endpoint, protocols.http.endpoint) == ("127.0.0.1:4317", "127.0.0.1:4318")
    assert settings.metrics.prometheus.endpoint == "127.0.0.1:9464"
    assert settings.sampling.policies == []
    exporter = settings.exporters["file"]
    assert getattr(exporter, "path", "") == "enricher-data/traces.jsonl"
    assert getattr(exporter, "rotation", None) is not None


def test_an_empty_file_is_a_valid_configuration(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert load([path]).require() == load().require()


def test_sections_without_values_have_their_defaults() -> None:
    text = "".join(f"{name}:\n" for name in Settings.model_fields if name != "exporters")
    assert load_text(text).require() == load().require()


def test_all_faults_of_all_sections_come_at_once_in_document_order() -> None:
    text = """
limits: { depth: x, dpeth: 3 }
sampling:
  decision_wait: soon
  policies:
    - { name: a, type: latency, latency: { threshold_ms: -1 } }
    - { name: a, type: quantum }
    - { name: b, type: string_attribute, string_attribute: { key: k, values: ["(", 5], enabled_regex_matching: true } }
nonsense: 1
admin: { endpoint: x }
"""
    assert [(problem.code, problem.line) for problem in load_text(text).problems] == [
        ("wrong-type", 2),
        ("unknown-key", 2),
        ("invalid-value", 4),
        ("out-of-range", 6),
        ("duplicate-policy-name", 7),
        ("unknown-policy-type", 7),
        ("bad-regex", 8),
        ("wrong-type", 8),
        ("unknown-key", 9),
        ("invalid-value", 10),
    ]


def test_faults_of_several_files_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    names = ["z.yaml", "a.yaml", "m.yaml"]
    for name, section in zip(names, ("limits", "admin", "sampling"), strict=True):
        (tmp_path / name).write_text(f"{section}: {{nonsense: 1}}\n")
    problems = load([tmp_path / name for name in names]).problems
    assert [Path(problem.file).name for problem in problems] == names


def test_require_raises_all_errors_and_no_notes() -> None:
    loaded = load_text("sampling: {num_traces: 1, decision_wait: x}\nlimits: {depth: x}\n")
    with pytest.raises(ConfigError) as raised:
        loaded.require()
    assert [problem.path for problem in raised.value.problems] == ["sampling.decision_wait", "limits.depth"]
    assert "sampling.decision_wait" in str(raised.value)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbflimits: {depth: 9}\n")
    assert load([path]).require().limits.depth == 9


def _never_raises(loaded: Loaded) -> None:
    assert (loaded.settings is None) == bool(loaded.errors)
    for problem in loaded.problems:
        assert problem.message
        str(problem)


@given(st.text(max_size=200))
def test_arbitrary_text_gives_settings_or_problems(text: str) -> None:
    _never_raises(load_text(text, environ={}))


_WORDS = """
    sampling policies name type latency threshold_ms and and_sub_policy not not_sub_policy drop
    drop_sub_policy cost trace_usd string_attribute values enabled_regex_matching key numeric_attribute
    min_value exporters otlp file path limits depth receivers protocols grpc tls metrics prometheus
    admin endpoint tail_sampling num_traces always_sample status_code status_codes storage headers
    decision_wait decision_cache boolean_attribute value hash_salt
"""
_words = st.sampled_from(_WORDS.split())
_values = (
    _words
    | st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.sampled_from(
        ["${env:A}", "${env:B:-1}", "${", "$$", "30s", "1e400", "(", "\\", "[", "a.*", "h:1", "http://h:1"]
    )
    | st.text(max_size=5)
)
_configs = st.recursive(
    _values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words | st.text(max_size=3), inner, max_size=5),
)


@given(st.dictionaries(_words, _configs, max_size=5))
def test_arbitrary_configurations_give_settings_or_problems(data: dict[str, object]) -> None:
    _never_raises(load_text(yaml.safe_dump(data), environ={"A": "x"}))


@given(st.binary(max_size=100))
def test_arbitrary_bytes_give_settings_or_problems(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "c.yaml"
    path.write_bytes(content)
    _never_raises(load([path], environ={}))


def test_large_and_deep_configurations_are_judged_in_seconds() -> None:
    inner = "type: always_sample"
    for _ in range(20):
        inner = f"type: not, not: {{not_sub_policy: {{{inner}}}}}"
    policies = [f"    - {{name: p{n}, latencyy: 1, {inner if n < 50 else 'type: status_code'}}}" for n in range(2000)]
    loaded = load_text("sampling:\n  policies:\n" + "\n".join(policies))
    assert len(loaded.problems) == 501
