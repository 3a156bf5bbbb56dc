from typing import Any

import torch

from rater.steering.cache import empty_cache, gather


def test_new_positions_are_appended_even_beyond_the_room_that_was_made() -> None:
    cache = empty_cache()
    states = torch.arange(2 * 1 * 200 * 3, dtype=torch.float32).reshape(2, 1, 200, 3)

    cache.update(states[:, :, :4], states[:, :, :4], 0)
    for pos in range(4, 200):
        keys, values = cache.update(states[:, :, pos : pos + 1], -states[:, :, pos : pos + 1], 0)

    assert torch.equal(keys, states)
    assert torch.equal(values[:, :, 4:], -states[:, :, 4:])
    assert cache.get_seq_length() == 200


def test_gathered_rows_are_copied_and_aligned_at_the_right_end() -> None:
    long, short = empty_cache(), empty_cache()
    long.update(torch.full((3, 1, 5, 2), 1.0), torch.full((3, 1, 5, 2), 1.5), 0)
    short.update(torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 2.5), 0)

    both = gather([(long, torch.tensor([2])), (short, torch.tensor([0, 0]))], width=4)
    keys, values = both.update(torch.full((3, 1, 1, 2), 9.0), torch.full((3, 1, 1, 2), 9.5), 0)

    assert keys[:, 0, :, 0].tolist() == [[1, 1, 1, 1, 9], [0, 0, 2, 2, 9], [0, 0, 2, 2, 9]]
    assert values[1, 0, :, 1].tolist() == [0, 0, 2.5, 2.5, 9.5]


def test_no_more_room_is_made_than_will_be_needed() -> None:
    cache = empty_cache()
    cache.update(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2), 0)

    def made(room: int) -> int:
        layer: Any = gather([(cache, torch.tensor([0]))], 3, room).layers[0]
        return int(layer.keys.shape[2]) - 3

    assert [made(room) for room in (0, 5, 1000)] == [0, 5, 64]


def test_gathering_does_not_touch_what_it_copies() -> None:
    cache = empty_cache()
    cache.update(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2), 0)

    copy = gather([(cache, torch.tensor([0]))], width=3)
    copy.update(torch.zeros(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), 0)

    assert cache.get_seq_length() == 3
    assert copy.get_seq_length() == 4
