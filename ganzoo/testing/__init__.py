"""The conformance kit for plugin authors: every part of a plugin is checked, by one line.

::

    test_hinge = conformance("hinge")

Every failure is an AssertionError of one sentence that names the part.
"""

from ganzoo.testing.composing import Plain, tiny
from ganzoo.testing.items import conformance
from ganzoo.testing.new import new_plugin
from ganzoo.testing.plugin import check_plugin
from ganzoo.testing.training import same

__all__ = ["Plain", "check_plugin", "conformance", "new_plugin", "same", "tiny"]
