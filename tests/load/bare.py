"""The bare page that the app's speed is compared with: the least that a rating costs.

One request a rating: four SQLAlchemy Core statements, one durable SQLite commit, one Jinja template, on the
same server as the app (two workers). It checks nothing, knows no study and keeps no revision.
"""

import sys

from flask import Flask, request
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, func, insert, select

from rater.store.engine import disposing, open_engine
from rater.web.server import bridge, run_workers

METADATA = MetaData()
ITEM = Table("item", METADATA, Column("id", Integer, primary_key=True), Column("text", String))
ANSWER = Table(
    "answer",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("rater", String, index=True),
    Column("position", Integer),
    Column("value", Float),
)
PAGE = """<!DOCTYPE html><html lang="en"><title>A text</title><main><p>{{ text }}</p><form method="post">
{% for point in range(1, 6) %}<label><input type="radio" name="value" value="{{ point }}">{{ point }}</label>
{% endfor %}<button>Next</button></form><p>{{ n }} saved</p></main></html>"""


def create_app(url: str) -> Flask:
    app = Flask(__name__)
    page = app.jinja_env.from_string(PAGE)
    engine = open_engine(url)
    immediate = engine.execution_options(rater_begin_immediate=True)

    @app.post("/<rater>/<int:position>")
    def answer(rater: str, position: int) -> str:
        with immediate.begin() as connection:
            mine = select(func.count()).where(ANSWER.c.rater == rater)
            connection.execute(select(ITEM.c.id).where(ITEM.c.id == position)).first()
            connection.execute(
                insert(ANSWER).values(rater=rater, position=position, value=float(request.form["value"]))
            )
            n = connection.execute(mine).scalar()
            text = connection.execute(select(ITEM.c.text).where(ITEM.c.id == position + 1)).scalar()
        return page.render(text=text, n=n)

    return app


def main(url: str, n_items: int) -> None:
    with disposing(open_engine(url)) as engine, engine.begin() as connection:
        METADATA.create_all(connection)
        connection.execute(insert(ITEM), [{"text": f"Text {n} " + "word " * 40} for n in range(n_items + 1)])
    run_workers(
        lambda: bridge(create_app(url), url),
        "127.0.0.1",
        0,
        on_listening=lambda address: print(f"{address}/", flush=True),
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
