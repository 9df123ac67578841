from ldm.runs.memory import peak_rss_mb


def test_peak_memory_only_grows() -> None:
    before = peak_rss_mb()
    assert 50 < before <= peak_rss_mb() < 100_000
