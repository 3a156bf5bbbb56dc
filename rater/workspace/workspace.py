"""A workspace: the sealed and the rating database, and every verb on a study.

The methods are the commands of `rater`, in the order of a study's life; docs/how-to/lifecycle.md describes
each.
Only `analyze` and `export` unblind; both write that in the study's log first.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rater.workspace.data_collection import DataCollection
from rater.workspace.databases import user_for_log, utc_now
from rater.workspace.preservation import Preservation

if TYPE_CHECKING:
    from rater.audit.findings import Audit
    from rater.bots.behaviours import Character
    from rater.generate.gather import Gathered
    from rater.measure.metric import Metric
    from rater.measure.run import MetricSummary
    from rater.measure.run import Progress as MeasureProgress
    from rater.publish.draft import PreparedPublication
    from rater.rehearse import SimulatedRaters
    from rater.runners.runner import Runner
    from rater.store.rating.studies import PublishedStudy
    from rater.study.confounds import Confound
    from rater.study.study import Study
    from rater.workspace.analysis_input import AnalysisInput
    from rater.workspace.generation import Generated, Loader, ShowProgress
    from rater.workspace.study_analysis import Progress, StudyAnalysis
    from rater.workspace.study_export import StudyExport

PLANNED_ANALYSIS = "planned analysis"
"""The reason that is logged for unblinding unless another one is given."""


class Workspace(DataCollection, Preservation):
    """The two databases of some studies, and every verb on them.

    Args:
        folder: The folder of the two SQLite files, made when it is needed.
        rating: URL of the rating database, or the path of its SQLite file, instead of the one in the folder.
        sealed: URL of the sealed database, or the path of its SQLite file, likewise.

    Example:
        >>> workspace = Workspace("rater-data")
        >>> workspace.generate("experiments/love_vs_hate.py")
        >>> workspace.publish("love_vs_hate")
        >>> workspace.analyze("love_vs_hate", interim=True)
    """

    # Before raters come

    def generate(
        self,
        study: "Study | str | Path",
        *,
        load: "Loader | None" = None,
        progress: "ShowProgress | None" = None,
        on_resume: Callable[[int, int], None] = lambda _n_saved, _n_planned: None,
        **options: Any,
    ) -> "Generated":
        """Generate every completion of a study that is missing; call it again after an interruption.

        Args:
            study: A study, or the path of a study file.
            load: Loads a model into an engine; by default `rater.workspace.generation.load_engine`.
            progress: Shows the progress of one model; see `rater.workspace.generation.ShowProgress`.
            on_resume: Called with the completions saved and planned where a study is continued.
            options: Fields of `rater.workspace.generation.GenerationOptions`, such as ``limit``.

        Raises:
            RaterError: the study, its model or a database is not usable, or another process generates it.
        """
        from rater.study.load import declared_study
        from rater.workspace.generation import GenerationOptions, generate_study, show_nothing

        study, folder = declared_study(study)
        return generate_study(
            self.databases,
            study,
            folder,
            GenerationOptions(**options),
            load=load,
            progress=show_nothing if progress is None else progress,
            on_resume=on_resume,
        )

    def describe_generation(self, study: "Study | str | Path", **options: Any) -> list[str]:
        """Describe what `generate` would do, with which models, and roughly what it takes."""
        from rater.study.load import declared_study
        from rater.workspace.generation import GenerationOptions, describe_generation

        declared, _ = declared_study(study)
        return list(describe_generation(self.databases, declared, GenerationOptions(**options)))

    def gather(self, study: "Study | str | Path", shards: str | Path, *, restart: bool = False) -> "Gathered":
        """Merge the files of all shards of a study, made by ``rater generate --shard``.

        Args:
            study: A study, or the path of a study file.
            shards: The folder of the files.
            restart: Delete the completions of an unpublished study first.

        Raises:
            StateError: the study has completions already; or a shard is missing or does not fit.
        """
        from rater.study.load import declared_study
        from rater.workspace.shards import gather_shards

        declared, folder = declared_study(study)
        return gather_shards(self.databases, declared, folder, Path(shards), restart=restart)

    def measure(
        self,
        name: str,
        metric: "Metric",
        *,
        called: str,
        repeats: int = 1,
        limit: int | None = None,
        progress: "MeasureProgress | None" = None,
        runner: "Runner | None" = None,
    ) -> "MetricSummary":
        """Measure the texts of a generated study, before or after publication; call it again to continue.

        Values are stored in the sealed database. The metric is given prompts and texts in random order,
        without arms.

        Args:
            name: The study's name.
            metric: A metric of `rater.measure`.
            called: The name under which its values are stored.
            repeats: How often each text is measured.
            limit: The largest number of texts to measure in this call.
            progress: Receives how many of how many values are stored.
            runner: Measures in several workers, such as `rater.runners.processes.LocalProcesses`.

        Raises:
            StateError: the study is not generated, or a metric of this name is defined otherwise.
            RaterError: the metric cannot be measured; earlier values are stored.
        """
        from rater.measure.run import measure_study

        return measure_study(
            self.sealed_url,
            name,
            metric,
            name=called,
            repeats=repeats,
            limit=limit,
            progress=(lambda _done, _planned: None) if progress is None else progress,
            runner=runner,
        )

    def declared(self, name: str) -> "Study":
        """Return a generated study as it was declared.

        Raises:
            StateError: the study is not generated.
        """
        from rater.store.engine import disposing, reading
        from rater.store.sealed.open import open_sealed
        from rater.store.sealed.studies import get_sealed_study
        from rater.study.study import Study

        with disposing(open_sealed(self.sealed_url)) as sealed, reading(sealed) as session:
            return Study.model_validate_json(get_sealed_study(session, name).canonical_json)

    def metrics(self, name: str) -> "list[MetricSummary]":
        """Return the metrics of a generated study, with the numbers of their values and failures.

        Raises:
            StateError: the study is not generated.
        """
        from rater.measure.run import summarise_metrics

        return summarise_metrics(self.sealed_url, name)

    def audit(self, name: str) -> "Audit":
        """Search a generated or published study for what could tell raters which arm made a text.

        Raises:
            StateError: the study is not generated.
        """
        from rater.audit.run import audit_study

        return audit_study(self.sealed_url, self.rating_url, name, now=utc_now())

    def publish(
        self,
        name: str,
        *,
        hold: bool = False,
        acknowledge_confounds: bool = False,
        audit: "Callable[[PreparedPublication], Sequence[Confound]] | None" = None,
    ) -> "PublishedStudy":
        """Audit a generated study, shuffle it, assign booklets, commit to the key, and open it to raters.

        Args:
            name: The study's name.
            hold: Whether the study stays closed to raters until `open`.
            acknowledge_confounds: Whether confounds that the study file does not declare are accepted; they
                are logged and reported.
            audit: Audits the draft instead, and returns the confounds to log; raises to refuse publication.

        Raises:
            StateError: the study is not wholly generated, is published already, or would reveal its arms.
        """
        from rater.publish.publish import find_published, open_study, publish_study

        if audit is None:
            from rater.audit.run import find_allowed_confounds

            audit = partial(
                find_allowed_confounds, self.sealed_url, acknowledge_confounds=acknowledge_confounds
            )

        published = publish_study(self.sealed_url, self.rating_url, name, now=utc_now(), audit=audit)
        if not hold:
            open_study(self.rating_url, name, now=utc_now(), by=user_for_log(None))
            published = find_published(self.rating_url, name) or published
        return published

    def preregistration(self, name: str) -> str:
        """Return a published study's preregistration as Markdown; the same study gives the same text.

        The planned power takes about a second.
        """
        from rater.admin.register import read_registrable, write_registration
        from rater.report.console.power import describe_planned_power

        registrable = read_registrable(self.sealed_url, self.rating_url, name)
        return write_registration(registrable, describe_planned_power(registrable.study))

    def rehearse(
        self,
        name: str,
        *,
        n_raters: int | None = None,
        effect: float = 0.0,
        seed: int = 0,
        characters: "Sequence[Character]" = (),
        progress: Callable[[str], None] = lambda _: None,
    ) -> "StudyAnalysis":
        """Let simulated raters rate a temporary copy of a generated study, and analyse their answers.

        The study's own databases are only read. Costs about a second for each simulated rater.

        Args:
            name: The study's name.
            n_raters: How many simulated raters there are; by default as many as are planned.
            effect: How much higher they rate the first arm of the contrast, in scale points.
            seed: Seed of the simulated raters.
            characters: One simulated rater of each of these characters is among them, such as "slow".
            progress: Receives the current step in words.

        Raises:
            StateError: the study is not wholly generated.
            StudyError: the characters do not fit the study.
        """
        from rater.rehearse import SimulatedRaters

        simulated = SimulatedRaters(n_raters, effect, seed, tuple(characters))
        return self.analyze_input(self.read_rehearsal(name, simulated, progress=progress))

    def read_rehearsal(
        self, name: str, simulated: "SimulatedRaters", *, progress: Callable[[str], None]
    ) -> "AnalysisInput":
        """Run a rehearsal and return its answers, not analysed yet; see `rehearse`."""
        from rater.workspace.analysis_input import read_rehearsal

        return read_rehearsal(self.databases, name, simulated, progress=progress)

    # Once answers are there

    def analyze(
        self,
        name: str,
        *,
        interim: bool = False,
        who: str | None = None,
        why: str = PLANNED_ANALYSIS,
        allow_tampered: bool = False,
        progress: "Progress | None" = None,
    ) -> "StudyAnalysis":
        """Unblind a study and make its planned analysis; the study is verified first, and closed for good.

        Costs a few seconds; the bootstrap intervals are the longest part.

        Args:
            name: The study's name.
            interim: Whether this is an interim analysis: the study stays open, and the look is logged.
            who: Who looks, for the log; by default the system's user.
            why: Why, for the log.
            allow_tampered: Whether data that fails verification is analysed; every result is then marked.
            progress: Receives how many of how many bootstrap replicates are done.

        Raises:
            StateError: the study is not published or has no answers.
            SealError: the data fails verification.
        """
        data = self.unblind(name, interim=interim, who=who, why=why, allow_tampered=allow_tampered)
        result = self.analyze_input(data, progress=progress)
        self.note_shown(name, result)
        return result

    def analyze_permuted(
        self, name: str, *, allow_tampered: bool = False, progress: "Progress | None" = None
    ) -> "StudyAnalysis":
        """Make the planned analysis on real answers with shuffled arms, without unblinding; see `analyze`."""
        from rater.workspace.analysis_input import permute

        data = permute(self.databases, name, allow_tampered=allow_tampered)
        return self.analyze_input(data, progress=progress)

    def unblind(
        self,
        name: str,
        *,
        interim: bool = False,
        who: str | None = None,
        why: str = PLANNED_ANALYSIS,
        label: str | None = None,
        allow_tampered: bool = False,
    ) -> "AnalysisInput":
        """Log a look and return the answers with their arms, not analysed yet; see `analyze`.

        The analysis can then be made with `analyze_input`; once it was shown, `note_shown` logs that.
        """
        from rater.workspace.analysis_input import look_at

        return look_at(
            self.databases,
            name,
            who=user_for_log(who),
            why=why,
            interim=interim,
            label=label,
            allow_tampered=allow_tampered,
        )

    @staticmethod
    def analyze_input(data: "AnalysisInput", *, progress: "Progress | None" = None) -> "StudyAnalysis":
        """Analyse answers that were read before, by their plan."""
        from rater.workspace.study_analysis import StudyAnalysis

        return StudyAnalysis.of(data, progress=progress)

    def note_shown(self, name: str, result: "StudyAnalysis") -> None:
        """Log that a look's results were shown; a look without it is reported as never shown."""
        from rater.unblind import note_shown

        if result.interim_look is not None:
            note_shown(self.rating_url, name, look=result.interim_look, now=utc_now())

    def export(
        self,
        name: str,
        *,
        unblind: bool = False,
        who: str | None = None,
        why: str = "export",
        allow_tampered: bool = False,
    ) -> "StudyExport":
        """Read a study's answers for tidy tables; every export is logged.

        Args:
            name: The study's name.
            unblind: Whether arms are included, which unblinds a closed study for good. Otherwise there are no
                arms, and a text has another id for each rater.
            who: Who exports, for the log; by default the system's user.
            why: Why a study is unblinded, for the log.
            allow_tampered: Whether data that fails verification is unblinded.

        Raises:
            StateError: the study is not published, or arms are asked for and it still takes answers.
            SealError: arms are asked for, and the data fails verification.
        """
        from rater.unblind import Reason
        from rater.workspace.study_export import StudyExport

        by = user_for_log(who)
        if not unblind:
            return StudyExport.masked(self.databases, name, who=by)
        reason = Reason(who=by, why=why)
        return StudyExport.unblinded(self.databases, name, reason=reason, allow_tampered=allow_tampered)
