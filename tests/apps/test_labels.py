"""What files say of themselves: the table in ``labels.yml`` against files of each format."""

from __future__ import annotations

import json
import re

import pytest

import aigc_apps
from aigc_apps.safety import file_comment, read_labels
from aigc_apps.safety.labels import RULES
from aigc_apps.safety.provenance import MADE_BY, Provenance
from aigc_apps.video import container

ENTRIES = (
    "Label ContentProducer ProduceID ReservedCode1 ContentPropagator PropagateID ReservedCode2"
)
READ = {"film": lambda content: container.read_metadata(content)["comment"].encode()}


@pytest.fixture(scope="module", params=sorted(read_labels()))
def labelled(request):
    """A format, what the table says of it, a file, and of a film what it says of itself."""
    told = read_labels()[request.param]
    name, fields = told.example
    scenario = aigc_apps.load_application(name)
    artifact = scenario.generate(scenario.ask(**(fields or scenario.examples[0])), seed=1)
    return request.param, told, artifact, READ.get(request.param, bytes)(artifact.content)


@pytest.mark.slow
def test_the_field_aigc_stands_where_the_table_says(labelled):
    _, told, artifact, said = labelled
    text = said.decode("utf-8", "replace").replace("&quot;", '"')
    found = re.search(r'\{"AIGC": (\{.*?\})\}', text)
    assert (found is not None) == (told.hidden.state != "not met")
    if found:
        field = json.loads(found[1])
        assert list(field) == ENTRIES.split()
        assert field["Label"] == "1"
        assert field["ProduceID"] in file_comment(artifact.provenance)


@pytest.mark.slow
def test_fixed_words_can_be_searched_for_in_each_file(labelled):
    _, told, _, said = labelled
    assert (MADE_BY.encode() in said.lower()) == (told.machine.state != "not met")


@pytest.mark.slow
def test_a_sign_that_people_see_says_generated_by_ai(labelled):
    name, told, _, said = labelled
    if name in ("text", "MusicXML"):
        assert "AI生成" in said.decode("utf-8")
        assert told.visible.state == "met"
    if name in ("MIDI", "WAV"):
        assert told.visible.state == "not met"


@pytest.mark.slow
def test_a_provenance_tells_parts_choice_and_repairs(labelled):
    *_, artifact, _ = labelled
    assert artifact.provenance.parts
    assert set(artifact.provenance.parts.values()) <= {
        "model", "rule", "template", "source", "person",
    }  # fmt: skip


def test_what_no_model_made_says_so_and_has_no_field():
    where = Provenance(
        made_by="made without a generative model", scenario="poetry", model="counts", data="poems",
        request={}, seed=0, version="1",
    )  # fmt: skip
    assert file_comment(where) == "made without a generative model: poetry, counts, seed 0"


def test_the_same_file_has_the_same_number_and_another_seed_another():
    known = {"scenario": "music", "model": "m", "data": "d", "request": {}, "version": "1"}
    one, again, other = (file_comment(Provenance(seed=seed, **known)) for seed in (0, 0, 1))
    assert one == again
    assert one != other


def test_every_format_answers_every_rule():
    assert read_labels()
    for told in read_labels().values():
        assert all(getattr(told, rule).how for rule in RULES)
