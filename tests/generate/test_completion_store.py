from rater.generate.completion_store import SealedStore
from rater.generate.freeze import freeze
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.sealed.completions import read_cells
from rater.store.sealed.compute import read_compute
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.study import Study
from tests.generate.shards import NOW, USE, VERSIONS, completion


def test_what_is_saved_in_the_sealed_database_is_logged_with_its_compute(
    study: Study, sealed_url: str
) -> None:
    missing = freeze(sealed_url, study, now=NOW)

    with SealedStore(sealed_url, missing.study_id) as store:
        assert store.versions_by_arm() == {}
        store.save([completion(cell) for cell in missing.cells], VERSIONS, now=NOW)
        store.end_run(len(missing.cells), VERSIONS, USE, now=NOW)
        assert store.versions_by_arm() == {arm: [VERSIONS] for arm in study.arm_names}

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        assert read_cells(session, missing.study_id) == set(missing.cells)
        last = read_events(session, SealedEventRow, missing.study_id)[-1]
        assert (last.kind, last.detail["n_made"]) == ("generated", len(missing.cells))
        assert read_compute(session, missing.study_id) == ([USE], 0)
