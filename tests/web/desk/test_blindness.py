"""The desk, previews with it, loads and opens nothing that could unblind."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

WALK = """
import json, sqlite3, sys
from pathlib import Path
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "sqlite3.connect" else None)
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.schema import DeskUser
from rater.store.rating.users import begin_session
from rater.web.app import create_app
from rater.web.settings import WebSettings

url, slug, folder = sys.argv[1:]
settings = WebSettings(url, with_desk=True, previews_folder=Path(folder))
with disposing(create_rating(url)) as rating, writing(rating) as session:
    session.add(DeskUser(name="ada", password_hash="", made_at=settings.now(), role="owner"))
    session.flush()
    token = begin_session(session, "ada", now=settings.now())
client = create_app(settings).test_client()
client.set_cookie("rater-desk", token, path="/desk")
study = "/desk/studies/a_study"
pages = ("progress.json", "answers.csv", "invite", "recruit")
paths = ("/desk", study, *(f"{study}/{page}" for page in pages))
seen = [client.get(path).status_code for path in paths]
seen.append(client.get("/desk/login").status_code)
made = client.post(f"{study}/preview").headers["Location"]
key = made.rpartition("/")[2]
seen += [client.get(made).status_code, client.get(f"{study}/previews/{key}/s/{slug}").status_code]
print(json.dumps({"seen": seen, "opened": sorted(set(opened)), "modules": sorted(sys.modules)}))
"""
UNBLINDING = (
    "rater.analysis",
    "rater.admin",
    "rater.generate",
    "rater.publish",
    "rater.report",
    "rater.steering",
    "rater.store.sealed",
    "rater.study.arms",
    "rater.study.design",
    "rater.study.study",
    "rater.unblind",
    "torch",
    "transformers",
)


def test_the_desk_loads_and_opens_nothing_that_could_unblind_it(
    publish_study: Callable[..., str], rating_url: str, tmp_path: Path
) -> None:
    previews = tmp_path / "previews"
    previews.mkdir()
    command = [sys.executable, "-c", WALK, rating_url, publish_study(), str(previews)]

    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert found["seen"] == [200] * 9
    rating = rating_url.removeprefix("sqlite:///")
    assert all(path == rating or path.startswith(f"{previews}/") for path in found["opened"])
    loaded = [name for name in found["modules"] if name.startswith(UNBLINDING)]
    assert loaded == []
