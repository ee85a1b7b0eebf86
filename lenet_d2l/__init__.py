"""LeNet with PyTorch and d2l: the package behind the book.

A chapter of ``book/`` introduces each public name, with its code. The names
are listed in ``__init__.pyi`` and imported when they are first used, so that
what needs no PyTorch, such as ``--help``, does not wait for it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
