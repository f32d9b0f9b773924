"""The pieces of a transformer: what their formulas say, with and without what was read before."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from aigc_apps.common.attention import MLP, Attention, Block, dense

pytestmark = pytest.mark.usefixtures("seeded")


def test_attention_is_what_the_formula_says():
    keras.utils.set_random_seed(0)
    piece = Attention(width=6, num_heads=2, gain=1.0)
    x = np.random.default_rng(0).normal(size=(1, 4, 6)).astype(np.float32)
    seen = np.tril(np.ones((4, 4), bool))[None, None]
    piece.build(x.shape)
    found, kept, shares = map(np.asarray, piece(x, None, seen))
    queries, keys, values = np.split(x[0] @ np.asarray(piece.look.kernel), 3, axis=1)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        scores = np.where(seen[0, 0], queries[:, head] @ keys[:, head].T / np.sqrt(3), -np.inf)
        chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares[0, len(heads)], chances, atol=1e-5)
        heads.append(chances @ values[:, head])
    wanted = np.concatenate(heads, axis=1) @ np.asarray(piece.gather.kernel)
    np.testing.assert_allclose(found[0], wanted, atol=1e-5)
    assert kept.shape == (2, 1, 2, 4, 3)
    np.testing.assert_allclose(kept[0, 0, 1], keys[:, 3:], atol=1e-5)
    np.testing.assert_allclose(kept[1, 0, 1], values[:, 3:], atol=1e-5)


def test_a_block_adds_attention_and_then_the_dense_network():
    keras.utils.set_random_seed(0)
    block = Block(8, num_heads=2, num_layers=1, leave_out=keras.layers.Dropout(0.0))
    x = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    seen = np.ones((1, 1, 3, 3), bool)
    block.build(x.shape)
    found = np.asarray(block(x, None, seen)[0])

    def norm(values):
        return values / np.sqrt((values**2).mean(axis=-1, keepdims=True) + 1e-6)

    middle = x + np.asarray(block.attention(norm(x), None, seen)[0])
    wide = np.maximum(norm(middle) @ np.asarray(block.mlp.widen.kernel), 0) ** 2
    wanted = middle + wide @ np.asarray(block.mlp.narrow.kernel)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_what_was_read_before_is_kept_in_front():
    piece = Attention(width=6, num_heads=2, gain=1.0)
    x = np.random.default_rng(2).normal(size=(3, 5, 6)).astype(np.float32)
    seen = np.tril(np.ones((5, 5), bool))[None, None]
    piece.build(x.shape)
    whole, kept, shares = map(np.asarray, piece(x, None, seen))
    _, past, _ = piece(x[:, :3], None, seen[..., :3, :3])
    rest, all_kept, new_shares = map(np.asarray, piece(x[:, 3:], past, seen[..., 3:, :]))
    np.testing.assert_allclose(rest, whole[:, 3:], atol=1e-5)
    np.testing.assert_allclose(all_kept, kept, atol=1e-5)
    np.testing.assert_allclose(new_shares, shares[:, :, 3:], atol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 4])
def test_the_deeper_the_stack_the_less_each_block_begins_with(num_layers):
    block = Block(128, num_heads=2, num_layers=num_layers, leave_out=keras.layers.Dropout(0.0))
    block.build((None, None, 128))
    for last, fan_in in ((block.attention.gather, 128), (block.mlp.narrow, 512)):
        variance = np.asarray(last.kernel).var() * fan_in
        # 16,384 and 65,536 draws: the error of a variance is about 1%.
        assert variance == pytest.approx(0.5 / num_layers, rel=0.06)
    first = np.asarray(block.attention.look.kernel).var() * 128
    assert first == pytest.approx(1.0, rel=0.06)


def test_each_token_goes_through_the_dense_network_by_itself():
    piece = MLP(8, gain=1.0)
    piece.build((None, None, 8))
    x = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    alone = np.stack([np.asarray(piece(x[:, [t]]))[:, 0] for t in range(3)], axis=1)
    np.testing.assert_allclose(np.asarray(piece(x)), alone, atol=1e-5)


def test_units_are_left_out_while_training_only():
    block = Block(8, num_heads=2, num_layers=1, leave_out=keras.layers.Dropout(0.9, seed=0))
    x = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32)
    seen = np.ones((1, 1, 3, 3), bool)
    block.build(x.shape)
    quiet = [np.asarray(block(x, None, seen)[0]) for _ in range(2)]
    np.testing.assert_array_equal(*quiet)
    trained = np.asarray(block(x, None, seen, training=True)[0])
    # Nine of ten are left out of either sum: about 0.9 ** 2 of the numbers stay as they were.
    assert 0.5 < np.isclose(trained, x, atol=1e-7).mean() < 0.98


def test_a_dense_layer_has_no_bias_and_varies_as_it_is_told():
    layer = dense(300, gain=0.25)
    layer.build((None, 200))
    assert [weight.shape for weight in layer.weights] == [(200, 300)]
    assert np.asarray(layer.kernel).var() * 200 == pytest.approx(0.25, rel=0.05)
