from ldm.data.effective import effective_lines


def test_every_fact_is_a_line_and_steps_are_counted_per_picture():
    about = {"instance pictures": 5, "folders": ["a", "b"], "sizes": {"64 x 64": 10}, "captions": []}
    assert effective_lines(about, 4, 100) == [
        "instance pictures: 5",
        "folders: 'a'",
        "         'b'",
        "sizes: 64 x 64 (10)",
        "steps: 100 x 4 samples = each instance picture is seen 80.0 times on average",
    ]


def test_a_run_without_end_has_no_count():
    assert effective_lines({"instance pictures": 5}, 4, -1) == ["instance pictures: 5"]
