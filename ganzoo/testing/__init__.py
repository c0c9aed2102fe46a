"""The conformance kit for plugin authors: every part of a plugin is checked, by one line.

::

    test_hinge = conformance("hinge")

Every failure is an AssertionError of one sentence that names the part.
"""

from ganzoo.testing.composing import Plain, tiny
from ganzoo.testing.items import conformance
from ganzoo.testing.new import new_plugin
from ganzoo.testing.plugin import check_plugin
from ganzoo.testing.replaying import check_replayed
from ganzoo.testing.same import same

__all__ = ["Plain", "check_plugin", "check_replayed", "conformance", "new_plugin", "same", "tiny"]
