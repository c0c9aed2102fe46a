"""The checks of a plugin as pytest's tests, one for each, so that every failure is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ganzoo.testing.plugin import checks

if TYPE_CHECKING:
    from ganzoo.testing.plugin import Check


def conformance(plugin: str) -> Any:
    """A test function for pytest that makes every check of ``check_plugin`` a test of its own.

    ``plugin`` is the name of an installed plugin, or of a module. Assign it to a name that pytest
    collects: ``test_hinge = conformance("hinge")``.
    """
    import pytest  # optional: only a plugin's tests need it

    @pytest.mark.parametrize("check", checks(plugin), ids=str)
    def test_conforms(check: Check) -> None:
        check.run()

    return test_conforms
