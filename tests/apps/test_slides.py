"""One's own pictures in films: what is refused, what is seen, and what the file says of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from aigc_apps.video import Video, container, frames, slides


@pytest.fixture(scope="module")
def scenario(started):
    return Video()


def picture(folder, name="mine.png", size=(120, 80), mode="RGB", colour=(200, 30, 30)):
    path = folder / name
    Image.new(mode, size, colour).save(path)
    return path


def asked(scenario, path, **shot):
    return scenario.ask(
        title="Mine", height=180, shots=[{"picture": str(path), "seconds": 1} | shot]
    )


def test_a_picture_of_ones_own_is_seen_and_named_without_its_folder(scenario, tmp_path):
    request = asked(scenario, picture(tmp_path, colour="white"))
    film = scenario.generate(request, seed=0)
    frame = container.read_frames(film.content, height=180)[12]
    assert frame[90, 160] > 230
    assert frame[90, 10] < 100
    assert container.probe(film.content).problems == ()
    (named,) = [part for part in film.provenance.parts if part.startswith("mine.png (")]
    assert film.provenance.parts[named] == "person"
    assert "pictures" not in film.provenance.parts
    assert str(tmp_path) not in json.dumps(film.provenance.model_dump(mode="json"))
    assert str(tmp_path).encode() not in film.content


def test_a_wide_and_a_tall_picture_keep_their_shape(tmp_path):
    width, height = frames.slide_box(360)
    for size in ((1000, 100), (100, 1000)):
        tall, wide, _ = slides.fitted(picture(tmp_path, size=size), width, height).shape
        assert tall <= height
        assert wide <= width
        assert tall == height or wide == width
        assert np.isclose(wide / tall, size[0] / size[1], rtol=0.1)


def test_what_is_transparent_is_shown_on_white(tmp_path):
    path = picture(tmp_path, mode="RGBA", colour=(0, 0, 0, 0))
    assert slides.fitted(path, 100, 100).min() == 255


def test_a_telephones_picture_stands_upright(tmp_path):
    upright = Image.new("RGB", (80, 40), "white")
    upright.putpixel((0, 0), (0, 0, 0))
    tag = upright.getexif()
    tag[0x0112] = 6  # lying on its right side
    upright.save(tmp_path / "phone.jpg", exif=tag)
    tall, wide, _ = slides.fitted(tmp_path / "phone.jpg", 80, 80).shape
    assert (tall, wide) == (80, 40)


def write_text(folder):
    (folder / "a.png").write_text("no picture")
    return folder / "a.png"


def cut_short(folder):
    content = picture(folder, size=(300, 300)).read_bytes()
    (folder / "b.png").write_bytes(content[:20])
    return folder / "b.png"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none.png", "There is no picture"),
        (lambda folder: folder, "There is no picture"),
        (write_text, "no picture that can be read"),
        (cut_short, "no picture that can be read"),
        (lambda folder: picture(folder, size=(4, 400)), "4 x 400 pixels"),
        (lambda folder: picture(folder, name="c.tif"), "no picture that can be read"),
    ],
    ids=["missing", "a folder", "a text", "cut short", "a line", "a scanner's format"],
)
def test_what_is_no_picture_is_refused_before_work(make, words, scenario, tmp_path, one_sentence):
    with pytest.raises(ValueError, match=words) as caught:
        asked(scenario, make(tmp_path))
    one_sentence(caught.value)


def test_too_large_a_file_and_too_many_pixels_are_refused(tmp_path, monkeypatch, one_sentence):
    path = picture(tmp_path)
    for name in ("LARGEST_FILE", "MOST_PIXELS"):
        with monkeypatch.context() as patched:
            patched.setattr(slides, name, 50)
            with pytest.raises(ValueError, match="at most 50") as caught:
                slides.check_picture(path)
            one_sentence(caught.value)


def test_a_subject_and_a_picture_are_one_too_many(scenario, tmp_path):
    path = picture(tmp_path)
    with pytest.raises(ValueError, match="a subject and a picture"):
        asked(scenario, path, subject="Bag")
    with pytest.raises(ValueError, match="lacks its subject"):
        scenario.ask(title="A", shots=[{"seconds": 1}])
