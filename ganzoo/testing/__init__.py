"""The conformance kit for plugin authors: one call checks every part of a plugin.

::

    def test_the_plugin_conforms() -> None:
        check_plugin("ganzoo_hinge")

Every failure is an AssertionError of one sentence that names the part.
"""

from ganzoo.testing.composing import Plain, tiny
from ganzoo.testing.plugin import check_plugin
from ganzoo.testing.training import same

__all__ = ["Plain", "check_plugin", "same", "tiny"]
