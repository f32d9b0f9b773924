"""Signed manifests: whole files are read back, changed ones are found out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from aigc_apps.safety import Provenance, manifests

ORIGIN = Provenance(
    scenario="test", model="none", data="none", request={"text": "山水"}, seed=3, version="0"
)


def picture(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def signer():
    return manifests.local_signer()


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_what_is_signed_is_read_back_and_still_a_picture(kind, signer):
    content = picture(kind)
    signed = manifests.sign(content, f"image/{kind}", ORIGIN, signer)
    found = manifests.read_manifest(signed, f"image/{kind}")
    assert found.intact
    assert not found.trusted  # the root is ours, on nobody's list
    assert found.generated
    assert found.provenance == ORIGIN
    before, after = (np.asarray(Image.open(io.BytesIO(c))) for c in (content, signed))
    assert np.array_equal(before, after)
    assert len(signed) - len(content) < 20_000


def test_every_changed_byte_of_the_pixels_shows(signer):
    signed = manifests.sign(picture("png"), "image/png", ORIGIN, signer)
    start = signed.index(b"IDAT")
    for place in range(start, len(signed), 500):
        changed = bytearray(signed)
        changed[place] ^= 1
        assert not manifests.read_manifest(bytes(changed), "image/png").intact, place


def test_a_manifest_is_lost_when_a_picture_is_saved_again(signer):
    signed = manifests.sign(picture("png"), "image/png", ORIGIN, signer)
    buffer = io.BytesIO()
    Image.open(io.BytesIO(signed)).save(buffer, "png")
    assert manifests.read_manifest(buffer.getvalue(), "image/png") is None


def test_a_manifest_cannot_be_moved_to_another_picture(signer):
    signed = manifests.sign(picture("png"), "image/png", ORIGIN, signer)
    other = signed[: signed.index(b"IDAT") - 4] + picture("png")[33:].replace(b"\x00", b"\x01", 1)
    assert not manifests.read_manifest(other, "image/png").intact


def test_what_cannot_be_signed_is_refused_in_one_sentence(signer, one_sentence):
    with pytest.raises(ValueError, match="cannot hold a manifest") as error:
        manifests.sign(b"MThd", "audio/midi", ORIGIN, signer)
    one_sentence(error.value, "audio/midi")
    with pytest.raises(ValueError, match="cannot be signed as image/png") as error:
        manifests.sign(b"no picture", "image/png", ORIGIN, signer)
    one_sentence(error.value)


def test_what_can_hold_no_manifest_is_not_read(one_sentence):
    with pytest.raises(ValueError, match="cannot hold a manifest") as error:
        manifests.read_manifest(b"MThd", "audio/midi")
    one_sentence(error.value, "audio/midi")


@pytest.mark.parametrize("missing", ["c2pa", "cryptography"])
def test_one_package_alone_signs_nothing(monkeypatch, missing):
    monkeypatch.setattr(manifests, "find_spec", lambda name: None if name == missing else name)
    assert not manifests.signing_available()


def test_without_the_packages_the_error_names_the_extra(monkeypatch, one_sentence):
    monkeypatch.setattr(manifests, "find_spec", lambda name: None)
    assert not manifests.signing_available()
    with pytest.raises(ValueError, match="aigc-utils\\[safety\\]") as error:
        manifests.local_signer()
    one_sentence(error.value)
