"""Black-box acceptance: the vendors' own SDKs against a real `upwell serve`."""

import pytest

pytest.register_assert_rewrite("acceptance.callers", "acceptance.stories")  # they assert, and their names don't say so
