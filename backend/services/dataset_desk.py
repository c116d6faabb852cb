"""DatasetDesk: what the Datasets page asks about one dataset, quick questions at once and slow ones as jobs."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from backend.data.choice import DatasetChoice, DatasetPart
from backend.data.inspection import DatasetSummary, inspect
from backend.data.row_search import Found, Wanted, search
from backend.data.row_table import RowTable
from backend.data.sources import resolve
from backend.domain.data_report import DataOrder, DataReport
from backend.domain.run_config import RunConfig
from backend.errors import DataError, StorageError
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_errors import DatasetNotMade
from backend.services.dataset_making import DatasetMaker, Made, Removal, format_of
from backend.services.dataset_registry import DatasetRegistry
from backend.services.dataset_tables import DatasetTables
from backend.services.dataset_versions import DatasetVersions, RunUse
from backend.services.jobs import Job, Jobs, Key
from backend.services.local_tokenizers import LocalTokenizers

QUICK_ROWS = 20_000  # a plain text is found in so many within some hundredths of a second
MAX_EXAMINED = 100_000
MAX_REMEMBERED = 1_000
NOT_BY_ROWS = ("pretrain", "grpo")  # rows are joined to blocks, or answered at length


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """What the list tells of a dataset. What is not known without reading it is None, or empty."""

    size_bytes: int | None = None
    modified: datetime | None = None
    num_rows: int | None = None
    num_problems: int = 0
    format: str = ""
    fingerprint: str = ""
    problem: str = ""


class DatasetDesk:
    """Jobs have the keys ("datasets", what, key of the dataset, ...); the answers are those of the methods."""

    def __init__(
        self,
        registry: DatasetRegistry,
        tables: DatasetTables,
        maker: DatasetMaker,
        versions: DatasetVersions,
        doctor: DataDoctor,
        tokenizers: LocalTokenizers,
    ) -> None:
        self.registry = registry
        self.tables = tables
        self.versions = versions
        self.tokenizers = tokenizers
        self.jobs = Jobs()
        self._maker = maker
        self._doctor = doctor
        self._lock = Lock()
        self._facts: OrderedDict[str, DatasetFacts] = OrderedDict()

    def facts(self, part: DatasetPart) -> DatasetFacts:
        """What is known of a dataset without reading it now; never raises for one that cannot be read."""
        try:
            key = f"{self.tables.key(part)} {part.model_dump_json()}"
            with self._lock:
                known = self._facts.get(key)
            return known or self._learned(key, part)
        except (DataError, OSError) as error:
            return DatasetFacts(problem=error.explain().why if isinstance(error, DataError) else str(error))

    def unread(self, parts: Sequence[DatasetPart]) -> list[DatasetPart]:
        """The small ones among these whose rows were not read yet: reading them all takes seconds at most."""
        found = []
        for part in parts:
            facts = self.facts(part)
            if facts.num_rows is None and not facts.problem and part.hub_id is None and self.tables.is_small(part):
                found.append(part)
        return found

    def read_all(self, parts: Sequence[DatasetPart]) -> Job:
        """Read these, as far as they can be read."""
        key = ("datasets", "facts", *sorted(self.tables.key(part) for part in parts))
        return self.jobs.start(key, "Counting rows", lambda job: self._read_all(parts, job))

    def open(self, part: DatasetPart) -> RowTable | Job:
        """The rows, or the job that reads them. Raises DataError, CacheNotWritten; DatasetElsewhere for the hub."""
        found = self.tables.at_hand(part)
        if found is not None:
            return found
        if self.tables.is_small(part):
            return self.tables.read(part)
        return self.jobs.start(self.key("rows", part), f"Reading {name_of(part)}", lambda job: self._read(part, job))

    def fetch(self, part: DatasetPart) -> Job:
        """Bring a dataset from the hub."""
        self.jobs.forget(self.key("fetch", part))
        self.tables.forget(part)
        return self.jobs.start(
            self.key("fetch", part),
            f"Fetching {name_of(part)}",
            lambda job: self._doctor.fetch(part, self.tables.folder(part), job.tell),
        )

    @property
    def is_hub_offline(self) -> bool:
        """Whether the settings forbid to ask the hub."""
        return self._doctor.is_hub_offline

    def search(self, part: DatasetPart, wanted: Wanted) -> Found | Job:
        """Rows with a text, or the job that looks for them. Raises PatternRefused, DatasetNotLoaded."""
        table = self.tables.table(part)
        if len(table) <= QUICK_ROWS and not wanted.is_pattern:
            return search(table, wanted)
        total = max(1, len(table))

        def work(job: Job) -> Found:
            return search(table, wanted, lambda at: job.tell(f"{at:,} of {total:,} rows", min(1.0, at / total)))

        job = self.jobs.start((*self.key("search", part), wanted), f"Searching {name_of(part)}", work)
        return job.answer if isinstance(job.answer, Found) else job

    def examine(self, what: str, order: DataOrder) -> Job:
        """Ask the doctor; the job's answer is a DataReport. The hub is not asked for the model."""
        key = self.examination_key(what, order)
        return self.jobs.start(key, f"Examining {name_of(order.dataset)}", lambda job: self._examine(order, job))

    def examination_key(self, what: str, order: DataOrder) -> Key:
        """The key of the job that answers an order on the files as they are now."""
        return (*self.key(what, order.dataset), order.model_dump_json())

    def longest_row(self, config: RunConfig, base: Path) -> int | None:
        """Tokens of the longest row that a run would train on, before it is cut; None where not all were looked at."""
        if config.dataset.mix or config.recipe.name in NOT_BY_ROWS:
            return None
        part = config.dataset.parts[0]
        try:
            if part.hub_id is None:
                part = part.model_copy(update={"path": str(resolve(part.path, base))})
            key = self.tables.key(part)
        except (DataError, OSError, ValueError):
            return None
        for place, report in self.jobs.answers("datasets"):
            if isinstance(report, DataReport) and place[2] == key and _tells_all(report, str(place[-1]), config, base):
                assert report.lengths is not None
                return report.lengths.percentiles["100"]
        return None

    def split(self, part: DatasetPart, fraction: float, seed: int) -> Job:
        """The job that writes a training and a validation file; its answer is a list of two Made."""
        return self._make(part, "split", lambda job: self._maker.split(part, fraction, seed, _counting(job)))

    def clean(self, part: DatasetPart, removals: frozenset[Removal], order: DataOrder, validation: str | None) -> Job:
        """The job that writes a cleaned copy; its answer is a Made. `order` says what too long means."""

        def work(job: Job) -> Made:
            too_long = self._too_long(part, order, job) if Removal.TOO_LONG in removals else []
            other = DatasetPart(path=validation, format=part.format, columns=part.columns) if validation else None
            return self._maker.clean(part, removals, validation=other, too_long=too_long, progress=_counting(job))

        return self._make(part, "clean", work)

    def preview(self, choice: DatasetChoice) -> Job:
        """The job that counts what a run would train on; its answer is a DatasetSummary."""

        def work(job: Job) -> DatasetSummary:
            job.tell("Reading all rows")
            return inspect(choice, Path("/"))

        return self.jobs.start(self.preview_key(choice), "Counting the mixture", work)

    def preview_key(self, choice: DatasetChoice) -> Key:
        """The key of the job that counts a mixture of the files as they are now. Raises DataError."""
        return ("datasets", "preview", *(self.tables.key(part) for part in choice.parts), choice.model_dump_json())

    def uses(self, part: DatasetPart) -> Job:
        """The job whose answer is a list of RunUse."""
        key = (*self.key("uses", part), self.versions.counts().get(part.path, 0))

        def work(job: Job) -> Sequence[RunUse]:
            return self.versions.uses(part.path, job.check)

        return self.jobs.start(key, f"Comparing {name_of(part)} with its runs", work)

    def key(self, what: str, part: DatasetPart) -> Key:
        """What the keys of a dataset's jobs begin with. Raises DataError."""
        return ("datasets", what, self.tables.key(part))

    def _learned(self, key: str, part: DatasetPart) -> DatasetFacts:
        table = self.tables.at_hand(part)
        facts = _of_files(part) if table is None else _of_table(part, table)
        if table is not None:
            with self._lock:
                self._facts[key] = facts
                while len(self._facts) > MAX_REMEMBERED:
                    self._facts.popitem(last=False)
        return facts

    def _read_all(self, parts: Sequence[DatasetPart], job: Job) -> None:
        for number, part in enumerate(parts):
            job.tell(f"{number:,} of {len(parts):,} datasets", number / len(parts))
            try:
                self.tables.read(part, lambda _: job.check())
            except (DataError, StorageError):
                continue  # it says so when it is opened

    def _read(self, part: DatasetPart, job: Job) -> RowTable:
        return self.tables.read(part, lambda count: job.tell(f"{count:,} rows so far"))

    def _examine(self, order: DataOrder, job: Job) -> DataReport:
        return self._doctor.check(order, job.tell, may_fetch=False)

    def _too_long(self, part: DatasetPart, order: DataOrder, job: Job) -> list[tuple[int, int]]:
        """Rows behind the cut, by source and number, from a look at all rows. Raises DatasetNotMade for too many."""
        if len(self.tables.table(part)) > MAX_EXAMINED:
            reason = f"Of at most {MAX_EXAMINED:,} rows it can be told which are too long, and it has more"
            raise DatasetNotMade(name=name_of(part), reason=reason)
        whole = order.model_copy(update={"num_rows": MAX_EXAMINED, "show": 0, "given": ()})
        report = self._doctor.check(whole, job.tell, may_fetch=False)
        sources = self.tables.table(part).facts.sources
        return [place_of(place, sources) for place in report.overlong]

    def _make(self, part: DatasetPart, what: str, work: Callable[[Job], object]) -> Job:
        key = self.key(what, part)
        known = self.jobs.of(key)
        if known is None or not known.is_running:
            self.jobs.forget(key)
        return self.jobs.start(key, f"Writing a new dataset from {name_of(part)}", work)


def _tells_all(report: DataReport, order: str, config: RunConfig, base: Path) -> bool:
    """Whether every row was cut into tokens, for this model and recipe."""
    asked = DataOrder.model_validate_json(order).base_model
    is_whole = report.is_complete and report.num_sampled >= report.num_rows and report.lengths is not None
    is_same = asked is not None and base / asked.path == base / config.base_model.path
    return is_whole and is_same and report.recipe == config.recipe.name


def name_of(part: DatasetPart) -> str:
    """The last part of its path."""
    return part.path.rstrip("/").rpartition("/")[2] or part.path


def place_of(place: int | str, sources: Sequence[str]) -> tuple[int, int]:
    """The source and the number of a row that a report names."""
    name, _, number = str(place).rpartition(":")
    return (sources.index(name) if name in sources else 0), int(number)


def _counting(job: Job) -> Callable[[int], None]:
    return lambda count: job.tell(f"{count:,} rows so far")


def _of_files(part: DatasetPart) -> DatasetFacts:
    if part.hub_id is not None:
        return DatasetFacts()
    path = resolve(part.path, Path("/"))
    found = path.stat()
    return DatasetFacts(None if path.is_dir() else found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _of_table(part: DatasetPart, table: RowTable) -> DatasetFacts:
    of_files, told = _of_files(part), table.facts
    try:
        name = format_of(part, table).name
    except DataError:
        name = ""
    return DatasetFacts(told.size_bytes, of_files.modified, told.num_rows, told.num_problems, name, told.fingerprint)
