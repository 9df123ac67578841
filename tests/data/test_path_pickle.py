import pickle

import pytest

from ldm.data.manifest import group_people, read_people
from ldm.data.path_pickle import read_paths


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("out", ["aligned", "{here}/aligned"])
def test_the_pickle_of_the_published_aligner_is_read(tmp_path, monkeypatch, protocol, out):
    """Sorted file names joined to the folder as it was given; five people of two pictures, called as published."""
    monkeypatch.chdir(tmp_path)
    names = [f"{person * 2 + picture:05d}_id{person}_#{picture}.jpg" for person in range(5) for picture in range(2)]
    (tmp_path / "aligned").mkdir()
    for name in names:
        (tmp_path / "aligned" / name).write_bytes(b"x")
    folder = out.format(here=tmp_path)
    with (tmp_path / "aligned.pickle").open("wb") as file:
        pickle.dump([f"{folder}/{name}" for name in sorted(names)], file, protocol=protocol)
    assert [path.name for path in read_paths(tmp_path / "aligned.pickle")] == names
    people = group_people(read_people(tmp_path / "aligned.pickle"))
    assert list(people) == ["id0", "id1", "id2", "id3", "id4"]
    assert [record.path.name for record in people["id1"]] == ["00002_id1_#0.jpg", "00003_id1_#1.jpg"]
