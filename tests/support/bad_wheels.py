"""Wheels that must be refused, and how that is seen."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile

import pytest

from pkm_env.cache.unpack import BadWheel, unpack
from tests.support.wheels import wheel_bytes

INFO = "spam-1.0.dist-info"


def take(tmp_path, content, filename, **how):
    archive = tmp_path / "some-hash.whl"
    archive.write_bytes(content)
    return unpack(str(archive), str(tmp_path / "tree"), filename=filename, **how)


def refused(tmp_path, content, filename="spam-1.0-py3-none-any.whl", **how):
    """Return the error for a wheel that must be refused without a trace."""
    with pytest.raises(BadWheel) as caught:
        take(tmp_path, content, filename, **how)
    assert sorted(os.listdir(tmp_path)) == ["some-hash.whl"]
    assert filename in str(caught.value)
    return caught.value


def bad(tmp_path, **how):
    filename, content = wheel_bytes("spam", "1.0", **how)
    return refused(tmp_path, content, filename)


def entry(name, *, mode=0o100644, system=3):
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = system
    info.external_attr = mode << 16
    return info


def recorded(*names):
    """Return an edit that lists further members in RECORD, as a careful attacker would."""

    def edit(members):
        digest = base64.urlsafe_b64encode(hashlib.sha256(b"x").digest()).rstrip(b"=").decode()
        rows = "".join(f'"{name}",sha256={digest},1\n' for name in names)
        members[f"{INFO}/RECORD"] += rows.encode()

    return edit
