"""Tools for tests of progress displays: a clock moved by hand, a ticker that ticks when told, an emulated terminal, and
the contract that every renderer's tests inherit.

Knows the public protocol of renderers. Does not know any built-in renderer. The emulated terminal needs pyte
(`pip install "progresskit[testing]"`); everything else needs only the core.

    from progresskit.testing import RendererContract

    class TestMyRenderer(RendererContract):
        in_place = True

        def make_renderer(self):
            return MyRenderer()
"""

from __future__ import annotations

from .._model.frames import sample_view
from .contract import RendererContract
from .manual import ManualClock, ManualTicker, RecordingRenderer
from .terminal import EmulatedTerminal

__all__ = [
    "EmulatedTerminal",
    "ManualClock",
    "ManualTicker",
    "RecordingRenderer",
    "RendererContract",
    "sample_view",
]
