"""What boto3 and moto read from files for each session and each region: here once, or not at all.

EC2's model is four megabytes of JSON, which each session of a test's own would read again, and each region of moto's EC2 begins
with a thousand machine images that no test looks at.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import botocore.loaders
import botocore.session
import moto


def read_models_once() -> None:
    """Give all sessions of this process the same loader of botocore's models."""
    botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)


@contextmanager
def mock_aws() -> Iterator[None]:
    """As moto's own, the AWS of this process, with no machine images in it."""
    with patch.dict(os.environ, MOTO_EC2_LOAD_DEFAULT_AMIS="false"), moto.mock_aws():
        yield
