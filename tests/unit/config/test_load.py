from pathlib import Path

from enricher.config import compile_plan, load


def test_no_file_is_a_valid_configuration() -> None:
    loaded = load()
    assert loaded.problems == []
    settings = loaded.require()
    assert settings.receivers.otlp.protocols.grpc is not None
    assert settings.receivers.otlp.protocols.grpc.endpoint == "127.0.0.1:4317"
    assert list(settings.exporters) == ["file"]
    assert b'"version":1' in compile_plan(settings)


def test_an_empty_file_is_a_valid_configuration(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing\n")
    assert load([path]).require() == load().require()
