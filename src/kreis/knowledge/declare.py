"""What a user declares of a project that answers questions from documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.reading import read_yaml
from kreis.collection.sources import Source
from kreis.declarations import Declared, Named, at, once, place_of, users_line
from kreis.durations import duration
from kreis.errors import ProjectError
from kreis.generative.chunking.by_structure import ByStructure
from kreis.generative.chunking.chunker import Chunker
from kreis.generative.documents.table import contract_of_documents
from kreis.generative.embeddings.kinds import EmbeddingKind
from kreis.generative.index.kinds import IndexStoreKind
from kreis.generative.output.kinds import ValidatorKind
from kreis.generative.prompts.prompt import Example, Prompt, prompt_of
from kreis.generative.retrieval.kinds import Lexical, SearchKind
from kreis.knowledge.candidates import AnswererDeclaration, Answers, KnowledgeBase
from kreis.knowledge.documents import DocumentsFunction, DocumentsOf, ReadableBy
from kreis.knowledge.questions import Questions, read_questions
from kreis.requirements.goal import Goal
from kreis.tasks.task import answers_questions
from kreis.training.declare import Candidates, Trainable
from kreis.training.recalibration import Calibrate

if TYPE_CHECKING:
    from kreis.training.candidate import Candidate
    from kreis.training.mitigations.mitigation import Mitigation
    from kreis.training.precision import Precision
    from kreis.training.preprocessing import Encode
    from kreis.training.search import Search, Space
from kreis.training.weighing import ByClass, ClassWeight

__all__ = ["Knowledge"]


class Knowledge(Candidates):
    """Documents, what is made of them, and who answers from them."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._knowledge_bases = Named[KnowledgeBase]("knowledge bases")
        self._prompts = Named[Prompt]("prompts")
        self._answerers = Named[AnswererDeclaration]("candidates")
        self._questions: Declared[Questions] | None = None
        self._feedback_within = timedelta(days=1)

    @property
    def knowledge_bases(self) -> Mapping[str, KnowledgeBase]:
        """The knowledge bases, by name."""
        return self._knowledge_bases

    @property
    def prompts(self) -> Mapping[str, Prompt]:
        """The prompts, by name."""
        return self._prompts

    @property
    def answerers(self) -> Mapping[str, AnswererDeclaration]:
        """The candidates that answer questions, by name."""
        return self._answerers

    @property
    def asked_questions(self) -> Questions:
        """The questions that candidates are fitted and judged by.

        Raises:
            ProjectError: none are declared.
        """
        if self._questions is None:
            raise ProjectError(
                "no questions are declared: nothing says which answers are right",
                where=self._file,
                hint='project.questions("questions.jsonl")',
            )
        return self._questions.value

    @property
    def contenders(self) -> Mapping[str, tuple[int, bool]]:
        """By name how simple each candidate is, and whether it is a baseline."""
        answerers = {name: (each.candidate.complexity, each.baseline) for name, each in self.answerers.items()}
        return {**super().contenders, **answerers}

    @property
    def horizon(self) -> timedelta:
        """How long outcomes take."""
        return self._feedback_within if answers_questions(self.goal.task) else super().horizon

    def documents(
        self,
        *,
        contract: str | None = None,
        access: ReadableBy = "groups",
        version: Callable[[], str] | None = None,
    ) -> Callable[[DocumentsFunction], Source]:
        """Declare a documents source: a function of a `Window` that gives `Document`s, one after the other.

        It may give all that there are, whatever the window: what became known in it is taken, and what is no longer
        given is gone. Documents are collected, checked and kept as all rows are.

        Args:
            contract: Path of a data contract over columns of `Document`, relative to the project. Of columns that it
                does not name, and without it of all, only the types are asked, and an id, a text and a known-at.
            access: Who may read: "groups" (those that a document names; everybody of its tenant where it names none),
                or "everyone": then a document that names groups is refused.
            version: A cheap probe of the documents outside; without it they are read, to see whether they changed.

        Raises:
            ProjectError: the contract is missing or wrong, the name is taken, or `access` is none.
        """

        def declare_documents(function: DocumentsFunction) -> Source:
            name, where = function.__name__, place_of(function)
            if access not in get_args(ReadableBy):
                raise ProjectError.unknown_name("value of access", access, get_args(ReadableBy), where=where)
            reads = DocumentsOf(function=function, access=access, folder=self.folder)
            with at(where):
                promised = self._contract_of_documents(name, contract)
                source = Source(
                    name=name,
                    contract=promised,
                    known_at="known_at",
                    read=reads,
                    version=version or reads.identity,
                    whole=True,
                )
            self._add_source(source, where)
            return source

        return declare_documents

    def _contract_of_documents(self, name: str, contract: str | None) -> Contract:
        if contract is None:
            return Contract.of(contract_of_documents(name), "what documents are")
        if not (self.folder / contract).is_file():
            hint = f"write {contract} (Open Data Contract Standard), or leave contract out"
            raise ProjectError(f"there is no contract at {contract}", where=f"documents {name!r}", hint=hint)
        declared = Contract.load(self.folder / contract)  # refused as it was written, with its lines
        known = {column.name for column in declared.plan.columns}
        document = read_yaml(self.folder / contract)[0]
        table = document["schema"][0]
        more = [each for each in contract_of_documents(name)["schema"][0]["properties"] if each["name"] not in known]
        table = {**table, "properties": [*table.get("properties", ()), *more]}
        return declared if not more else Contract.of({**document, "schema": [table]}, declared.file)

    def knowledge_base(
        self,
        name: str,
        *,
        documents: Source | str,
        chunks: Chunker = ByStructure(),
        embedding: EmbeddingKind | None = None,
        search: SearchKind = Lexical(),
        store: IndexStoreKind | None = None,
    ) -> KnowledgeBase:
        """Declare a knowledge base: documents that are cut, embedded and searched in one way. Its index is built in
        preparation, and only anew where something has changed.

        Args:
            name: Its name.
            documents: What it holds: what `@project.documents` gave.
            chunks: How documents are cut: `ByStructure`, `BySentences`, `ByWords`, `ParentChild`.
            embedding: The model of its vectors: `LocalEmbedding`, `EndpointEmbedding`; None: it is searched by words.
            search: How it is searched, where a candidate says nothing else: `Lexical`, `Dense`, `Hybrid`,
                `Diverse`, `Rewritten`.
            store: The database that its index is published to and searched in, `PostgresIndexes` or `QdrantIndexes`;
                None: the file, which each service has.

        Raises:
            ProjectError: the name is taken, there is no such source, or it is searched by vectors that it has not.
        """
        where = users_line()
        source = documents if isinstance(documents, str) else documents.name
        if source not in self.sources or not isinstance(self.sources[source].read, DocumentsOf):
            known = [each for each, found in self.sources.items() if isinstance(found.read, DocumentsOf)]
            raise ProjectError.unknown_name("documents source", source, known, where=where)
        if search.needs_vectors and embedding is None:
            hint = 'embedding=LocalEmbedding("multilingual-e5-small-int4"), or search=Lexical()'
            raise ProjectError("it is searched by vectors, and no embedding is named", where=where, hint=hint)
        base = KnowledgeBase(
            name=name, documents=source, chunks=chunks, embedding=embedding, search=search, store=store
        )
        self._knowledge_bases.add(name, base, where)
        return base

    def prompt(
        self,
        name: str,
        *,
        file: str,
        output: type | None = None,
        validators: Sequence[ValidatorKind] = (),
        examples: Sequence[Example] = (),
        shots: int = 2,
        most_tokens: int = 512,
        retries: int = 1,
    ) -> Prompt:
        """Declare a prompt: a file at a version. Changed, the candidates that use it are other candidates.

        Args:
            name: What candidates call it.
            file: Its path, relative to the project: Markdown with the sections System, Instructions, Never, Output,
                Examples and Question, or instructions alone.
            output: A msgspec or pydantic type that an answer must be of; free text if not given.
            validators: What an answer must satisfy beyond that.
            examples: Answered questions, of which those nearest to a question are shown.
            shots: How many of them.
            most_tokens: Of an answer.
            retries: How often a model is asked again, with what was wrong.

        Raises:
            ProjectError: the name is taken, the file is missing, empty or wrong, or `output` has no schema.
        """
        where = users_line()
        path = self.folder / file
        if not path.is_file():
            raise ProjectError(f"there is no prompt at {file}", where=where, hint=f"write {file}")
        with at(where):
            made = prompt_of(
                name,
                path.read_text(encoding="utf-8"),
                output=output,
                validators=tuple(validators),
                where=file,
                examples=tuple(examples),
                shots=shots,
                most_tokens=most_tokens,
                retries=retries,
            )
        self._prompts.add(name, made, where)
        return made

    def questions(self, file: str, *, feedback_within: str = "1d") -> Questions:
        """Declare the questions that candidates are fitted and judged by, and what is right.

        One JSON object a line: `id`, `question`, `answer` (texts of which a right answer holds one), `passages` (each a
        `document` and a `quote`), `answerable` (false where the documents hold no answer), `kind`, `language`, `part`
        ("validation" or "test"; drawn by the id where it is not said), and who asks (`tenant`, `groups`).

        Args:
            file: Its path, relative to the project.
            feedback_within: How long people take, in service, to say what came of an answer.

        Raises:
            ProjectError: questions are declared already, the file is missing, or a line is no question.
        """
        where = users_line()
        with at(where):
            read = read_questions(self.folder / file)
            self._feedback_within = duration(feedback_within, "feedback_within")
        self._questions = once(self._questions, read, "file of questions")
        self.notes.extend(read.warnings)
        return read

    def candidate(
        self,
        name: str,
        candidate: Candidate | Trainable | Answers,
        *,
        baseline: bool = False,
        search: Search | Mapping[str, Space] | None = None,
        features: Sequence[str] | None = None,
        encode: Encode | None = None,
        class_weight: ClassWeight | None = None,
        sample: ByClass | None = None,
        precision: Precision = "float32",
        mitigate: Mitigation | None = None,
        calibrate: Calibrate | None = None,
    ) -> None:
        """Declare a way to answer the question.

        Args:
            name: Its name.
            candidate: `Mean`, `Rule`, `Logistic`, `Linear`, `GradientBoosting`, or a scikit-learn estimator (see
                `Estimator`); of a project that answers from documents `BestPassage` or `Rag`, which take none of the
                options below but `baseline`.
            baseline: Whether others must beat it.
            search: Which of its parameters to search; a mapping of spaces gets the default number of trials.
            features: Full names of the features that it may use; all if not given.
            encode: How it is given categories, if not as suits its kind: "order" (of the mean outcome), "one-hot",
                "ordinal", "target" or "native"; or by feature one of these, or the texts in their order. How texts are
                read, if not by `TfIdf()`: another one, for all or by feature.
            class_weight: What rows of each outcome weigh in training: {True: 20, False: 1}, by the names of classes, or
                "balanced". Probabilities are corrected for it.
            sample: The share of the rows of each outcome that teach, drawn by chance: {False: 0.1}. Probabilities are
                corrected for it.
            precision: How large arrays of weights are kept, in networks and models of words: "float16" or "int8" make
                the model smaller; the examination `variants` says what that loses.
            mitigate: What makes it treat groups more alike, with the reason: `Reweighed` or `ThresholdsByGroup`.
            calibrate: What makes probabilities of yes truer, behind the model: "platt", "beta", "isotonic" or
                "venn-abers"; "auto" for the best of these that the validation rows show to be better than none. Of
                classes, "none" leaves out the temperature that they have where it helps.

        Raises:
            ProjectError: the name is taken, it is no candidate for this kind of question, it has no parameter to
                search by that name, there is no such encoder, or the goal does not say which decision is the good one.
        """
        where, asks = users_line(), answers_questions(self.goal.task)
        if isinstance(candidate, Answers) != asks:
            fits = "BestPassage(kb) or Rag(kb, …)" if asks else "one that is fitted to rows: GradientBoosting() …"
            said = f"a {type(candidate).__name__} is no candidate for {self.goal.task.name}"
            raise ProjectError(said, where=where, hint=fits)
        options: dict[str, Any] = {"search": search, "features": features, "encode": encode, "sample": sample}
        options |= {"class_weight": class_weight, "calibrate": calibrate, "precision": precision, "mitigate": mitigate}
        if not isinstance(candidate, Answers):
            super().candidate(name, candidate, baseline=baseline, **options)
            return
        for option, given in options.items():
            if given is not None and (option, given) != ("precision", "float32"):
                hint = f"leave it out; how documents are searched: {type(candidate).__name__}(kb, search=Lexical())"
                raise ProjectError(f"{option}= is for candidates that are fitted to rows", where=where, hint=hint)
        self._answerers.add(name, AnswererDeclaration(name=name, candidate=candidate, baseline=baseline), where)

    def check(self) -> None:
        """Check that a project that answers questions has what it takes, and that its candidates name what there is."""
        super().check()
        if not answers_questions(self.goal.task):
            return
        _ = self.asked_questions  # raises where there are none
        if not any(each.baseline for each in self.answerers.values()):
            raise ProjectError(
                "no candidate is a baseline: there is nothing to be better than",
                where=self._file,
                hint=f"add a line: {'; or '.join(self.goal.task.baselines)}",
            )
        for name, declared in self.answerers.items():
            with at(self._answerers.place(name)):
                declared.candidate.parts(self.prompts)
                base = declared.candidate.knowledge_base
                if self.knowledge_bases.get(base.name) != base:
                    raise ProjectError.unknown_name("knowledge base", base.name, self.knowledge_bases)

    def _check_stands_in(self, name: str, where: str) -> None:
        if not answers_questions(self.goal.task):
            super()._check_stands_in(name, where)
        elif name not in self.answerers:
            raise ProjectError.unknown_name("candidate", name, self.answerers, where=where)
