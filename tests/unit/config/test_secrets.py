import pytest

from enricher.config import effective, load, load_text
from enricher.config.secrets import MASK, is_secret, masked

TOKEN = "s3cr3t-t0ken"


@pytest.mark.parametrize(
    "path",
    [
        ("exporters", "otlp", "headers", "x-anything"),
        ("exporters", "otlp", "headers", "authorization"),
        ("receivers", "otlp", "protocols", "grpc", "tls", "key_pem"),
        ("a", "token"),
        ("a", "bearer_token"),
        ("a", "password"),
        ("a", "client_secret"),
        ("a", "api_key"),
        ("a", "X-API-Key"),
        ("a", "credentials", 0),
    ],
)
def test_secret_keys(path: tuple[str | int, ...]) -> None:
    assert is_secret(path)


@pytest.mark.parametrize(
    "path",
    [
        ("exporters", "otlp", "tls", "key_file"),
        ("a", "token_file"),
        ("a", "max_tokens"),
        ("a", "input_tokens"),
        ("receivers", "otlp", "protocols", "http", "cors", "allowed_headers", 0),
        ("sampling", "policies", 0, "string_attribute", "key"),
    ],
)
def test_public_keys(path: tuple[str | int, ...]) -> None:
    assert not is_secret(path)


def test_masking_keeps_the_shape() -> None:
    data = {
        "headers": {"a": "x", "b": ""},
        "list": [{"token": "x", "tokens": 5}],
        "url": "https://me:pw@host/x",
        "password": None,
    }
    assert masked(data) == {
        "headers": {"a": MASK, "b": ""},
        "list": [{"token": MASK, "tokens": 5}],
        "url": f"https://{MASK}@host/x",
        "password": None,
    }


def test_the_effective_configuration_shows_no_secret() -> None:
    text = """
exporters:
  otlp_http/a:
    endpoint: http://user:s3cr3t-t0ken@host:4318
    headers: { authorization: "Bearer ${env:TOKEN}", x-scope-orgid: s3cr3t-t0ken }
"""
    settings = load_text(text, environ={"TOKEN": TOKEN}).require()
    shown = effective(settings)
    assert TOKEN not in repr(shown)
    assert shown["exporters"]["otlp_http/a"]["headers"] == {"authorization": MASK, "x-scope-orgid": MASK}
    assert shown["limits"]["buffer_mib"] == 512


@pytest.mark.parametrize(
    "text",
    [
        "exporters: {otlp: {endpoint: 'h:1', headers: {authorization: ['${env:TOKEN}']}}}",
        "exporters: {otlp: {endpoint: 'h:1', headers: {authorization: \"\\u0001${env:TOKEN}\"}}}",
        "exporters: {otlp: {endpoint: 'h:1', headers: ['${env:TOKEN}']}}",
        "exporters: {otlp: {endpoint: 'h:1', headers: '${env:TOKEN}'}}",
        "exporters: {otlp: {endpoint: 'h:1', headers: {a: 5, b: '${env:TOKEN}'}}}",
        "exporters: {otlp_http: {endpoint: 'ftp://me:${env:TOKEN}@h:1'}}",
        "admin: {enabled: 'https://me:${env:TOKEN}@h'}",
        "limits: {token: '${env:TOKEN}'}",
    ],
)
def test_no_problem_shows_a_secret(text: str) -> None:
    loaded = load_text(text, environ={"TOKEN": TOKEN})
    assert loaded.errors
    assert TOKEN not in repr(loaded.problems)
    assert TOKEN not in "\n".join(map(str, loaded.problems))


def test_assignments_of_secrets_are_not_shown() -> None:
    loaded = load([], [f"exporters.otlp.headers.authorization=[{TOKEN}]", f"exporters.otlp.token={TOKEN}"])
    assert loaded.errors
    assert TOKEN not in repr(loaded.problems)
