"""Habits of all tests."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from enricher.price import refresh

# A busy machine is no fault: what hangs is ended by pytest's own timeout. The examples are the same at each run, so
# that a change is judged by what it changes; `--hypothesis-profile=explore` looks for new ones.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("house")

BOOK_AGE_DAYS = 5
REAL_AGE_DAYS = refresh.age_days


@pytest.fixture(autouse=True, scope="session")
def _age_of_the_book() -> Iterator[None]:
    """The shipped book is always as old: what `check` says must not depend on the day on which the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refresh, "age_days", lambda *_: BOOK_AGE_DAYS)
        yield
