import csv

import pytest
from PIL import Image

from evaluation.studies import doctor_limits as study
from ldm.data.splits import held_out_people


def test_people_have_too_few_photos_to_be_measured_on_and_are_not_kept_out_of_training(tmp_path):
    photos = {f"p{number:03}": 1 + number % 5 for number in range(300)}
    for name, number in photos.items():
        (tmp_path / name).mkdir()
        for photo in range(number):
            (tmp_path / name / f"{photo}.jpg").write_bytes(b"x")
    kept_out = set(held_out_people([name for name, number in photos.items() for _ in range(number)]))
    chosen = study.tuning_people(tmp_path, 100)
    assert list(chosen) == list(study.tuning_people(tmp_path, 100)), "the seed chooses"
    assert {len(own) for own in chosen.values()} == {2, 3, 4}
    assert not chosen.keys() & kept_out
    assert any(photos[name] == 4 for name in kept_out), "of those with four some are kept out"
    left = sum(2 <= number <= 4 and name not in kept_out for name, number in photos.items())
    with pytest.raises(ValueError, match=f"{left} people have 2 to 4 photos, not {left + 1}"):
        study.tuning_people(tmp_path, left + 1)


def test_limits_lie_between_photos_as_they_are_and_clear_faults(tmp_path, monkeypatch, astronaut, hopper, capsys):
    people = {}
    for name, photo in (("eileen", astronaut), ("grace", hopper)):
        people[name] = [tmp_path / f"{name}.jpg"]
        photo.resize((400, 400), Image.Resampling.BICUBIC).save(people[name][0])
    monkeypatch.setattr(study, "tuning_people", lambda *_: people)
    study.run(tmp_path, 2, 2, tmp_path / "out")
    with (tmp_path / "out" / "limits.csv").open(newline="") as file:
        rows = {(row["fault"], row["photos"]): row for row in csv.DictReader(file)}
    for fault, planted, limit, rises in (
        ("too bright", "times 3.0", study.Thresholds().clipped, True),
        ("too dark", "times 0.25", study.Thresholds().dark, False),
        ("several faces", "a second face 1.0 times as large", study.Thresholds().second_face, True),
        ("no face", "every face covered", study.SEEN, False),
    ):
        own, other = rows[fault, "as they are"], rows[fault, planted]
        low, high = (own["most"], other["least"]) if rises else (other["most"], own["least"])
        assert float(low) < limit < float(high)
    assert "2 people" in capsys.readouterr().out
