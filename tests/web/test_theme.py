import pytest
from flask.testing import FlaskClient

from rater.web.theme import contrast, look_css, shade_for


@pytest.mark.parametrize("accent", ["17508f", "ffff00", "ff0000", "808080", "000000", "ffffff", "00ff00"])
@pytest.mark.parametrize(
    ("theme", "paper", "ink"), [("light", (252, 251, 248), (255,) * 3), ("dark", (29, 33, 38), (11, 13, 16))]
)
def test_any_accent_can_be_read_and_written_on(
    accent: str, theme: str, paper: tuple[float, float, float], ink: tuple[float, float, float]
) -> None:
    shade = shade_for(accent, theme)
    colour = (int(shade[:2], 16), int(shade[2:4], 16), int(shade[4:], 16))

    assert contrast(colour, paper) >= 7
    assert contrast(colour, ink) >= 7


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.478, abs=0.001)


def test_a_colour_that_keeps_its_contrast_stays_as_it_is(client: FlaskClient) -> None:
    assert "--accent:#17508f" in look_css("17508f")
    assert client.get("/look/17508f.css").mimetype == "text/css"
    assert client.get("/look/red;}.css").status_code == 404


def test_a_brown_accent_stays_a_saturated_orange_in_the_dark() -> None:
    shade = shade_for("8a4b00", "dark")
    red, green, blue = (int(shade[start : start + 2], 16) for start in (0, 2, 4))

    assert red > green > blue
    assert red - blue > 200
