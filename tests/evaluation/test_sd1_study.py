from evaluation.studies.sd1 import alone, section, table_of

FOUND = {
    "machine": "CPU, 1 threads, x86_64, torch 2.13",
    "weights_gb": 2.034,
    "load": {"seconds": 1.26, "peak_mb": 2560.0, "before_mb": 300.0},
    "step": {
        "step_median_ms": 40500.0,
        "floor_median_ms": 39000.0,
        "ratio": 1.038,
        "peak_mb": 6144.0,
        "step_ms": [1, 2],
    },
    "checkpoint_mb": 11.94,
    "drawing_steps": 2,
    "first_picture_s": 61.4,
    "load_average": 0.9,
    "cores": 2,
}


def test_what_was_measured_is_a_table() -> None:
    rows = dict(line.strip("| ").split(" | ") for line in table_of(FOUND).splitlines()[2:])
    assert rows["loading the file, every weight touched"] == "1.3 s"
    assert rows["memory of the process that loads, at most"] == "2.50 GiB"
    assert rows["step / floor"] == "1.04"
    assert rows["a checkpoint of celeb basis (`last.ckpt`)"] == "11.9 MB"
    assert rows["`02_start_test.sh` from the call to the first picture, 2 sampler steps"] == "61 s"


def test_the_section_says_what_it_was_measured_with() -> None:
    text = section("TABLE", FOUND)
    for words in ("study sd1", "2.03 GB", "celeb_basis.yaml", "medians of 2 steps", "TABLE"):
        assert words in text
    assert "Other work" not in text
    assert "Other work ran beside it (5.2 processes waited for 2 cores)" in section("T", FOUND | {"load_average": 5.2})


def test_a_part_is_measured_in_its_own_process() -> None:
    import os

    assert alone(os.getpid) != os.getpid()
