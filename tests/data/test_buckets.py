import itertools

import pytest

from ldm.data.buckets import BucketBatchSampler, bucket_sizes, nearest_size, require_size
from ldm.data.sampling import ResumableBatchSampler

GROUPS = [0, 1, 0, 0, 2, 1, 0, 0, 1, 0, 0]


def epoch(number, **arguments):
    sampler = BucketBatchSampler(**{"groups": GROUPS, "batch_size": 2, **arguments})
    sampler.set_epoch(number)
    return list(sampler)


def test_sizes_fill_the_area_in_all_shapes():
    assert bucket_sizes(512, 512, 64) == [(384, 640), (448, 576), (512, 512), (576, 448), (640, 384)]
    assert bucket_sizes(64, 64, 16) == [(48, 80), (64, 64), (80, 48)]
    for height, width in bucket_sizes(768, 512, 64, most=3.0):
        assert height * width <= 768 * 512
        assert height % 64 == width % 64 == 0
    assert (768, 512) in bucket_sizes(768, 512, 64)


def test_a_picture_gets_the_size_of_its_shape():
    sizes = bucket_sizes(512, 512, 64)
    chosen = [sizes[nearest_size(*shape, sizes)] for shape in ((3000, 4000), (4000, 3000), (1000, 1010), (100, 1000))]
    assert chosen == [(448, 576), (576, 448), (512, 512), (384, 640)]


def test_a_size_that_the_model_cannot_draw_is_refused():
    with pytest.raises(ValueError, match=r"width is 500, but this model draws multiples of 64: take 512"):
        require_size(512, 500, 64)


def test_every_batch_is_of_one_group_and_every_sample_is_there_once():
    for number in range(4):
        batches = epoch(number)
        assert all(len({GROUPS[key.index] for key in batch}) == 1 for batch in batches)
        assert sorted(key.index for key in itertools.chain(*batches)) == list(range(11))
        assert len(batches) == len(BucketBatchSampler(GROUPS, 2)) == 4 + 2 + 1
    assert len({tuple(GROUPS[batch[0].index] for batch in epoch(n)) for n in range(8)}) > 1, "groups are mixed"


def test_the_order_depends_on_seed_and_epoch_alone():
    assert epoch(3) == epoch(3)
    assert epoch(3) != epoch(4)
    assert epoch(3, seed=1) != epoch(3, seed=2)
    assert epoch(5, same_every_epoch=True) == epoch(0, same_every_epoch=True)


def test_no_draw_stands_for_two():
    keys = [key.draw for number in range(5) for batch in epoch(number) for key in batch]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("done", range(8))
def test_going_on_gives_the_rest_of_the_epoch(done):
    first = BucketBatchSampler(GROUPS, 2)
    first.set_epoch(1)
    second = BucketBatchSampler(GROUPS, 2)
    second.load_state_dict(first.state_dict(done))
    assert [*epoch(1)[done:], *epoch(2)] == [*(second if done < 7 else ()), *_next(second, 2)]


def _next(sampler, number):
    sampler.set_epoch(number)
    return list(sampler)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_processes_see_together_what_one_sees(batch_size):
    each = [epoch(1, batch_size=batch_size, rank=rank, num_replicas=2) for rank in range(2)]
    assert len(each[0]) == len(each[1])
    whole = epoch(1, batch_size=2 * batch_size)
    for ours, theirs, together in zip(*each, whole, strict=True):
        assert len(ours) == len(theirs)
        assert {key.index for key in together} <= {key.index for key in ours + theirs}
        assert {GROUPS[key.index] for key in ours + theirs} == {GROUPS[together[0].index]}


def test_going_on_with_other_sizes_is_refused():
    state = BucketBatchSampler(GROUPS, 2).state_dict(1)
    with pytest.raises(ValueError, match="its order has changed: groups was"):
        BucketBatchSampler(GROUPS[::-1], 2).load_state_dict(state)
    with pytest.raises(ValueError, match="groups was None, is"):
        BucketBatchSampler(GROUPS, 2).load_state_dict(ResumableBatchSampler(11, 2).state_dict(1))
    with pytest.raises(ValueError, match=r"its order has changed: groups was \d+, is None"):
        ResumableBatchSampler(11, 2).load_state_dict(BucketBatchSampler(GROUPS, 2).state_dict(1))
