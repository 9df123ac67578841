import pytest
from omegaconf import OmegaConf

from ldm.data.action_units.facs import (
    BP4D,
    BP4D_INTENSITY,
    DISFA,
    DISFA_EIGHT,
    FACS,
    PRESETS,
    Asked,
    conflicts,
    parse_asked,
    preset,
)


def test_every_unit_of_the_data_sets_is_in_the_table():
    for units in (BP4D, BP4D_INTENSITY, DISFA, DISFA_EIGHT):
        assert set(units) <= FACS.keys()
        assert list(units) == sorted(set(units))
    assert len(BP4D) == len(DISFA) == 12
    assert all(number == unit.number for number, unit in FACS.items())
    assert list(FACS) == sorted(FACS)
    assert {*range(29, 38), *range(41, 47), *range(51, 59), *range(61, 67)} <= FACS.keys()


def test_phrases_are_the_names_with_hyphens_and_all_differ():
    assert FACS[12].phrase == "lip-corner-puller"
    assert FACS[1].phrase == "inner-brow-raiser"
    assert FACS[24].phrase == "lip-pressor"
    assert len({unit.phrase for unit in FACS.values()}) == len({unit.doing for unit in FACS.values()}) == len(FACS)


def test_what_is_asked_for_is_understood():
    assert parse_asked("12=3, 6=2.5,R14,AU4") == [Asked(12, 3), Asked(6, 2.5), Asked(14, 3, "right"), Asked(4, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12=6", "AU12=6: intensities go from 0"),
        ("smile", "'smile' is no action unit: write 12, 12=3"),
        ("3", "there is no AU3 here; there are 1, 2, 4"),
        ("", "'' is no action unit"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_asked(text)


def test_presets_are_units_that_go_together():
    assert preset("happiness", 4) == [Asked(6, 4), Asked(12, 4)]
    assert preset("contempt")[0] == Asked(12, 3, "right")
    assert preset("neutral") == []
    for name in PRESETS:
        assert conflicts([one.unit for one in preset(name)]) == []
    with pytest.raises(ValueError, match="no preset 'joy'; there are happiness"):
        preset("joy")


def test_the_vector_of_the_config_can_be_asked_for_what_data_sets_and_presets_have(root):
    config = OmegaConf.load(root / "configs" / "stable-diffusion" / "au_vector.yaml")
    units = set(config.model.params.personalization_config.params.parts[1].params.units)
    assert {*BP4D, *DISFA} <= units
    assert {one.unit for name in PRESETS for one in preset(name)} <= units


def test_conflicts_say_why():
    assert conflicts([6, 12]) == []
    assert conflicts([24, 25]) == [
        "AU24 (Lip pressor) with AU25 (Lips part): lips that are pressed together do not part"
    ]
    assert "eyes that are closed have no raised upper lid" in conflicts([43, 5])[0]
    assert conflicts([51, 52]) == ["AU51 (Head turn left) with AU52 (Head turn right): a head moves one way at a time"]
    assert conflicts([52, 53]) == []
    assert conflicts([25, 26]) == ["AU25 with AU26: a jaw that drops parts the lips anyway; the strongest says it all"]
