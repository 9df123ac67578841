import itertools

import pytest

from ldm.data.sampling import ResumableBatchSampler, SampleKey, as_key


def epoch(number: int, **arguments) -> list[list[SampleKey]]:
    sampler = ResumableBatchSampler(**{"length": 11, "batch_size": 3, **arguments})
    sampler.set_epoch(number)
    return list(sampler)


def flat(batches) -> list[SampleKey]:
    return list(itertools.chain.from_iterable(batches))


def test_an_epoch_holds_every_sample_once() -> None:
    keys = flat(epoch(0))
    assert sorted(key.index for key in keys) == list(range(11))
    assert [key.draw for key in keys] == list(range(11))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    assert epoch(3) == epoch(3)
    assert epoch(3) != epoch(4)
    assert epoch(3, seed=1) != epoch(3, seed=2)
    assert [key.index for key in flat(epoch(3, shuffle=False))] == list(range(11))


def test_draws_go_on_over_the_epochs() -> None:
    assert flat(epoch(2))[0].draw == 22


def test_validation_is_the_same_every_epoch() -> None:
    assert epoch(5, same_every_epoch=True) == epoch(0, same_every_epoch=True)


@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_going_on_gives_the_rest_of_the_epoch(done: int) -> None:
    sampler = ResumableBatchSampler(11, 3)
    sampler.set_epoch(2)
    state = sampler.state_dict(batches_done=done)
    resumed = ResumableBatchSampler(11, 3)
    resumed.load_state_dict(state)
    resumed.set_epoch(2)
    assert list(resumed) == epoch(2)[done:]
    resumed.set_epoch(3)
    assert list(resumed) == epoch(3)


def test_a_finished_epoch_goes_on_with_the_next() -> None:
    resumed = ResumableBatchSampler(11, 3)
    resumed.load_state_dict(ResumableBatchSampler(11, 3).state_dict(batches_done=4))
    assert list(resumed) == epoch(1)


def test_two_processes_see_together_what_one_sees() -> None:
    one = epoch(1, length=16, batch_size=4)
    ranks = [epoch(1, length=16, batch_size=2, rank=rank, num_replicas=2) for rank in (0, 1)]
    assert [left + right for left, right in zip(*ranks, strict=True)] == one


@pytest.mark.parametrize("length", range(1, 14))
def test_every_process_gets_batches_of_equal_size_and_nothing_is_lost(length: int) -> None:
    ranks = [epoch(0, length=length, batch_size=2, rank=rank, num_replicas=3) for rank in range(3)]
    assert len({tuple(map(len, batches)) for batches in ranks}) == 1
    assert {key.index for key in flat(flat(ranks))} == set(range(length))
    assert len(ranks[0]) == len(ResumableBatchSampler(length, 2, num_replicas=3))


def test_a_changed_order_is_refused_with_every_difference() -> None:
    state = ResumableBatchSampler(11, 3).state_dict(batches_done=1)
    with pytest.raises(ValueError, match="length was 11, is 12; batch_size was 3, is 4"):
        ResumableBatchSampler(12, 4).load_state_dict(state)


def test_an_empty_data_set_is_an_error() -> None:
    with pytest.raises(ValueError, match="data set is empty"):
        ResumableBatchSampler(0, 1)


def test_a_rank_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueError, match="rank 2 is not among 2 processes"):
        ResumableBatchSampler(4, 1, rank=2, num_replicas=2)


def test_a_plain_integer_is_a_key_of_epoch_0() -> None:
    assert as_key(3) == SampleKey(3, 3)
    assert as_key(SampleKey(3, 40)) == SampleKey(3, 40)
