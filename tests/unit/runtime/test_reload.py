"""A new configuration without a restart."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from enricher.config import load
from enricher.errors import PlanError
from enricher.runtime import reload as reloading
from enricher.runtime.reload import Reloader, Watcher
from tests.support.waiting import wait_until


class FakeEngine:
    def __init__(self) -> None:
        self.plans: list[bytes] = []
        self.error: PlanError | None = None

    def replace_plan(self, plan: bytes) -> None:
        if self.error:
            raise self.error
        self.plans.append(plan)


Make = Callable[[str], Reloader]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "enricher.yaml"


@pytest.fixture
def reloader(file: Path, engine: FakeEngine) -> Reloader:
    file.write_text("sampling: {decision_wait: 10s}\n")
    settings = load([file]).require()
    return Reloader([file], [], settings, engine, lambda one: json.dumps(one.sampling.decision_wait).encode())


def test_a_good_change_is_in_force(reloader: Reloader, file: Path, engine: FakeEngine) -> None:
    file.write_text("sampling: {decision_wait: 20s}\n")
    assert reloader.reload()
    assert engine.plans == [b"20.0"]
    assert reloader.settings.sampling.decision_wait == 20
    assert (reloader.state.ok, reloader.state.restart_needed) == (True, [])


def test_a_faulty_change_leaves_the_old_plan_and_says_every_fault(
    reloader: Reloader, file: Path, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text("sampling: {decision_wait: soon}\nlimits: {buffer_mib: 0}\n")
    assert not reloader.reload()
    assert engine.plans == []
    assert reloader.settings.sampling.decision_wait == 10
    assert len(reloader.state.problems) == 2
    assert not reloader.state.ok
    assert f"{file}:1:" in caplog.text
    file.write_text("sampling: {decision_wait: 30s}\n")
    assert reloader.reload()
    assert reloader.state.ok


def test_a_plan_that_the_core_refuses_leaves_the_old_one(reloader: Reloader, file: Path, engine: FakeEngine) -> None:
    engine.error = PlanError("unknown concept")
    file.write_text("sampling: {decision_wait: 20s}\n")
    assert not reloader.reload()
    assert reloader.state.problems == ["unknown concept"]
    assert reloader.settings.sampling.decision_wait == 10


def test_a_change_of_what_is_read_at_start_only_is_told(
    reloader: Reloader, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    file.write_text("admin: {endpoint: 127.0.0.1:1}\n")
    assert reloader.reload()
    assert reloader.state.restart_needed == ["admin"]
    assert "changes of admin take effect at the next start" in caplog.text


def test_the_watcher_sees_files_that_are_written_and_symlinks_that_are_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "_LOOK_EVERY_S", 0.02)
    first, second, link = tmp_path / "a", tmp_path / "b", tmp_path / "current"
    first.write_text("1")
    second.write_text("2")
    link.symlink_to(first)
    changes: list[str] = []
    watcher = Watcher([link], lambda: changes.append("changed"))
    watcher.start()
    first.write_text("111")
    wait_until(lambda: len(changes) == 1)
    (tmp_path / "next").symlink_to(second)
    os.replace(tmp_path / "next", link)
    wait_until(lambda: len(changes) == 2)
    link.unlink()
    wait_until(lambda: watcher._look() == [None])
    watcher.stop()
    assert len(changes) == 2


def test_files_that_a_reload_is_about_to_read_are_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("1")
    watcher = Watcher([file], lambda: None)
    file.write_text("11")
    watcher.note()
    assert not watcher.changed()
    file.write_text("111")
    assert watcher.changed()
    assert not watcher.changed()
