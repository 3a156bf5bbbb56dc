from rater.web.settings import drop_sealed_settings


def test_the_sealed_settings_are_dropped() -> None:
    environ = {"RATER_SEALED": "sqlite:///sealed.db", "HOME": "/home"}

    assert drop_sealed_settings(environ) is True
    assert environ == {"HOME": "/home"}
    assert drop_sealed_settings(environ) is False
