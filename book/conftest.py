"""What nbval does not compare when it runs the chapters again.

Pictures: matplotlib draws the same figure with other bytes in another
version or with other fonts, so an SVG says nothing about the numbers in it.
The cells around a figure print and assert what it shows, and these outputs
are compared, as is every other type of output.
"""

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave SVGs out of the comparison of each notebook's outputs."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("image/svg+xml",)
