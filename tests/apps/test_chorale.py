"""The orderless model of four voices: what is erased is not seen, what is kept is not touched."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_apps.music import grid as module
from aigc_apps.music.chorale_model import ChoraleModel, to_symbols
from aigc_apps.music.gibbs import fill_cells

LENGTH = 16


def small(**changed):
    return ChoraleModel(channels=8, dilations=(1, 2), **changed)


def inputs(number: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    low, high = np.array(module.RANGES).T
    pitches = rng.integers((low + 6)[:, None], (high - 5)[:, None], (number, 4, LENGTH))
    clocks = module.clock(np.arange(LENGTH), np.full(LENGTH, 4), np.arange(LENGTH) > 11)
    return {
        "pitches": pitches.astype(np.int32),
        "onsets": np.ones(pitches.shape, np.float32),
        "clock": np.repeat(clocks[None], number, axis=0),
        "tonic": rng.integers(0, 12, number).astype(np.int32),
        "minor": np.zeros(number, np.int32),
        "lowest": np.full(number, -6, np.int32),
        "highest": np.full(number, 5, np.int32),
    }


def believe(model, pitches, erased, tonic=0):
    clocks = inputs()["clock"][0]
    return model.belief(pitches, erased, np.full(LENGTH, -1.0), clocks, tonic=tonic, minor=False)


@pytest.mark.parametrize("in_c", [True, False])
def test_an_erased_cell_is_not_seen_and_a_known_one_is(seeded, in_c):
    model, grid = small(in_c=in_c), inputs()["pitches"][0]
    erased = np.zeros(grid.shape)
    erased[2, 4:8] = 1
    other = grid.copy()
    other[2, 4:8] = 60
    np.testing.assert_array_equal(believe(model, grid, erased), believe(model, other, erased))
    other[1, 4] += 1
    assert not np.array_equal(believe(model, grid, erased), believe(model, other, erased))


def test_beliefs_are_probabilities(seeded):
    shares = believe(small(), inputs()["pitches"][0], np.ones((4, LENGTH)), tonic=9)
    np.testing.assert_allclose(shares.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("semitones", [1, 5])
def test_moved_to_c_a_transposed_piece_is_the_same_piece(seeded, semitones):
    grid, erased = inputs()["pitches"][0], np.zeros((4, LENGTH))
    erased[1:] = 1
    model, other = small(in_c=True), small(in_c=False)
    here, there = (
        believe(m, grid + shift, erased, tonic=shift)
        for m, shift in ((model, 0), (model, semitones))
    )
    np.testing.assert_allclose(here[..., 40:60], there[..., 40 + semitones : 60 + semitones])
    told = believe(other, grid + semitones, erased, tonic=semitones)
    assert not np.allclose(believe(other, grid, erased)[..., 40:60], told[..., 40:60])


@pytest.mark.parametrize("start", [True, False])
def test_kept_cells_are_never_written_and_free_ones_stay_in_range(seeded, start):
    given = inputs()
    free = np.zeros(given["pitches"].shape, bool)
    free[:, 1:, 3:] = True
    made, _ = fill_cells(
        small(), given["pitches"], free, np.full(LENGTH, -1.0), given["clock"][0],
        tonic=5, minor=True, num_passes=5, temperature=3.0, start=start, seed=1,
    )  # fmt: skip
    np.testing.assert_array_equal(made[~free], given["pitches"][~free])
    assert (made[free] != given["pitches"][free]).any()
    for voice, (low, high) in enumerate(module.RANGES):
        sounding = made[:, voice][made[:, voice] > 0]
        assert low <= sounding.min() <= sounding.max() <= high


def test_the_same_seed_writes_the_same_notes(seeded):
    given, model = inputs(), small()
    free = np.ones(given["pitches"].shape, bool)

    def write(seed):
        return fill_cells(
            model, given["pitches"], free, np.full(LENGTH, -1.0), given["clock"][0],
            tonic=0, minor=False, num_passes=4, seed=seed,
        )[0]  # fmt: skip

    np.testing.assert_array_equal(write(3), write(3))
    assert not np.array_equal(write(3), write(4))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_divides_the_logits(seeded, temperature):
    """One cell of 4,000 copies of a piece: how often each pitch is drawn, beside what is due."""
    given, model, number = inputs(1), small(), 4000
    model.last.kernel.assign(20 * model.last.kernel)  # an untaught model has no opinion else
    pitches, clocks = given["pitches"], given["clock"][0]
    free = np.zeros(pitches.shape, bool)
    free[0, 1, 5] = True
    unknown = np.full(LENGTH, -1.0)
    believed = model.belief(pitches[0], free[0], unknown, clocks, tonic=0, minor=False)[1, 5]
    low, high = module.RANGES[1]
    allowed = np.isin(np.arange(128), [0, *range(low, high + 1)])
    due = np.where(allowed, believed, 0) ** (1 / temperature)
    due /= due.sum()
    made, _ = fill_cells(
        model, np.repeat(pitches, number, 0), np.repeat(free, number, 0), unknown, clocks,
        tonic=0, minor=False, num_passes=1, temperature=temperature, seed=1,
    )  # fmt: skip
    found = np.bincount(made[:, 1, 5], minlength=128) / number
    assert due.max() > 0.08
    # Five standard errors of a share, and half a draw where almost none is due.
    assert (np.abs(found - due) < 5 * np.sqrt(due * (1 - due) / number) + 0.5 / number).all()


def test_an_untaught_model_costs_the_logarithm_of_the_symbols(seeded):
    model = small()
    model.last.kernel.assign(0 * model.last.kernel)
    nats = model.nll(inputs(), num_draws=2)
    np.testing.assert_allclose(nats, np.log(module.NUM_SYMBOLS), rtol=1e-5)


def test_symbols_and_pitches_are_inverse():
    pitches = np.array([0, 36, 60, 81])[None, None]
    for above in range(-5, 7):
        symbols = np.asarray(to_symbols(pitches, np.array([above])))
        assert 0 <= symbols.min() <= symbols.max() < module.NUM_SYMBOLS
        np.testing.assert_array_equal(module.to_pitches(symbols, above), pitches)


def test_it_learns_to_copy_what_repeats(seeded):
    """A minute of one chord is learnt in seconds: an erased cell is known from its neighbours."""
    from aigc_utils import training

    given = inputs(64)
    given["pitches"][:] = np.array([67, 64, 60, 48])[:, None]
    given["onsets"][:] = 0
    given["tonic"][:] = 0
    model = small()
    before = model.nll(given, num_draws=2).mean()
    training.train(model, given, epochs=15, batch_size=16, learning_rate=0.02, progress=False)
    assert model.nll(given, num_draws=2).mean() < 0.2 * before


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("pitches", np.zeros((3, 4, 15), np.int32), ("(3, 4, 15)", "multiple of 4")),
        ("pitches", np.full((3, 4, 16), 99, np.int32), ("99", "36 to 81")),
        ("clock", None, ("clock",)),
    ],
)
def test_inputs_that_do_not_fit_are_refused(seeded, one_sentence, name, value, words):
    given = inputs()
    given.pop(name)
    if value is not None:
        given[name] = value
    model = small()
    model.compile("adam")
    with pytest.raises(ValueError, match=r".") as caught:
        model.fit(given, verbose=0)
    one_sentence(caught.value, *words)


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"temperature": 0}, ("0", "temperature")), ({"num_passes": 0}, ("num_passes", "0"))],
)
def test_settings_out_of_range_are_refused(seeded, one_sentence, changed, words):
    given = inputs()
    free = np.ones(given["pitches"].shape, bool)
    settings = {"tonic": 0, "minor": False, "num_passes": 2, **changed}
    with pytest.raises(ValueError, match=r".") as caught:
        fill_cells(
            small(), given["pitches"], free, np.full(LENGTH, -1.0), given["clock"][0], **settings
        )
    one_sentence(caught.value, *words)
