"""kreis: the AI engineering workflow as one system.

The names below are what a project's file uses; `open_project` is for notebooks. They are loaded when first asked
for, so that importing one part of kreis never pulls in the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kreis.collection.connectors.csv import read_csv
    from kreis.collection.connectors.parquet import read_parquet
    from kreis.collection.connectors.table import read_table
    from kreis.collection.sources import Window
    from kreis.deployment.canary import Canary
    from kreis.evaluation.answer_parts.coverage import Coverage
    from kreis.evaluation.answer_parts.familiarity import Familiarity
    from kreis.evaluation.answer_parts.reasons import Reasons
    from kreis.evaluation.examinations.calibration import Calibration
    from kreis.evaluation.examinations.coverage import MeasuredCoverage
    from kreis.evaluation.examinations.explanations import Explanations
    from kreis.evaluation.examinations.fairness import Fairness
    from kreis.evaluation.examinations.gate import Gate
    from kreis.evaluation.examinations.influence import Influence
    from kreis.evaluation.examinations.labels import LabelErrors
    from kreis.evaluation.examinations.mitigation import Mitigation
    from kreis.evaluation.examinations.panel import Panel
    from kreis.evaluation.examinations.privacy import Memorising
    from kreis.evaluation.examinations.slices import Slices
    from kreis.generative.chunking.by_sentences import BySentences
    from kreis.generative.chunking.by_structure import ByStructure
    from kreis.generative.chunking.by_words import ByWords
    from kreis.generative.chunking.parent_child import ParentChild
    from kreis.generative.documents.document import Document
    from kreis.generative.documents.loaders.load import load_document, load_documents, load_folder
    from kreis.generative.embeddings.endpoint import EndpointEmbedding
    from kreis.generative.embeddings.local import LocalEmbedding
    from kreis.generative.guards.policy import GuardPolicy
    from kreis.generative.index.postgres import PostgresIndexes
    from kreis.generative.index.qdrant import QdrantIndexes
    from kreis.generative.language_models.budgeted import Budget, Budgeted
    from kreis.generative.language_models.fallback import Fallback
    from kreis.generative.language_models.llama_cpp import LlamaCpp
    from kreis.generative.language_models.openai_compatible import OpenAICompatible
    from kreis.generative.language_models.prices import PriceList
    from kreis.generative.language_models.routed import Route, Routed
    from kreis.generative.retrieval.dense import Dense
    from kreis.generative.retrieval.diverse import Diverse
    from kreis.generative.retrieval.hybrid import Hybrid
    from kreis.generative.retrieval.lexical import Lexical
    from kreis.generative.retrieval.rewritten import Rewritten
    from kreis.generative.tools.tool import Caller, changes_state
    from kreis.knowledge.caching import SemanticCache
    from kreis.knowledge.candidates import BestPassage, Rag
    from kreis.monitoring.monitors.age import Age
    from kreis.monitoring.monitors.availability import Availability
    from kreis.monitoring.monitors.bad_feedback import BadFeedback
    from kreis.monitoring.monitors.business_metric import BusinessMetric
    from kreis.monitoring.monitors.drift import Drift
    from kreis.monitoring.monitors.guard_hits import GuardHits
    from kreis.monitoring.monitors.latency import Latency
    from kreis.monitoring.monitors.new_topics import NewTopics
    from kreis.monitoring.monitors.spending import Spending
    from kreis.monitoring.monitors.unanswered import Unanswered
    from kreis.notebook import open_project
    from kreis.preparation.date_parts import date_parts
    from kreis.preparation.list_parts import list_parts
    from kreis.project import Project
    from kreis.requirements.goal import Goal, Guardrail, Risk, ServiceLevels
    from kreis.tasks.anomaly.alarm_value import AlarmValue
    from kreis.tasks.answering.answer_value import AnswerValue
    from kreis.tasks.binary.decision_value import DecisionValue
    from kreis.tasks.clustering.cluster_separation import ClusterSeparation
    from kreis.tasks.function_value import FunctionValue
    from kreis.tasks.multiclass.cost_matrix import CostMatrix
    from kreis.tasks.multilabel.label_value import LabelValue
    from kreis.tasks.ranking.ranking_value import RankingValue
    from kreis.tasks.regression.error_cost import ErrorCost
    from kreis.tracking.here import log, log_artifact, log_params
    from kreis.training.candidates.differenced import Differenced
    from kreis.training.candidates.estimator import Estimator
    from kreis.training.candidates.gradient_boosting import GradientBoosting
    from kreis.training.candidates.isolation_forest import IsolationForest
    from kreis.training.candidates.kmeans import KMeans
    from kreis.training.candidates.linear import Linear
    from kreis.training.candidates.logistic import Logistic
    from kreis.training.candidates.mean import Mean
    from kreis.training.candidates.robust_z_score import RobustZScore
    from kreis.training.candidates.rule import Rule
    from kreis.training.candidates.torch import Torch
    from kreis.training.candidates.xgboost import XGBoost
    from kreis.training.encoders.tf_idf import TfIdf
    from kreis.training.mitigations.reweighed import Reweighed
    from kreis.training.mitigations.thresholds_by_group import ThresholdsByGroup
    from kreis.training.search import Choice, Integer, Money, Real, Search
    from kreis.training.splits.at_random import RandomSplit
    from kreis.training.splits.by_group import GroupSplit
    from kreis.training.splits.cross_validation import CrossValidation
    from kreis.training.splits.given_test import GivenTest
    from kreis.training.splits.in_time import TimeSplit

_PLACES = {
    "GuardPolicy": "kreis.generative.guards.policy",
    "Hybrid": "kreis.generative.retrieval.hybrid",
    "Dense": "kreis.generative.retrieval.dense",
    "Diverse": "kreis.generative.retrieval.diverse",
    "PostgresIndexes": "kreis.generative.index.postgres",
    "QdrantIndexes": "kreis.generative.index.qdrant",
    "Lexical": "kreis.generative.retrieval.lexical",
    "Rewritten": "kreis.generative.retrieval.rewritten",
    "EndpointEmbedding": "kreis.generative.embeddings.endpoint",
    "LocalEmbedding": "kreis.generative.embeddings.local",
    "Rag": "kreis.knowledge.candidates",
    "SemanticCache": "kreis.knowledge.caching",
    "BestPassage": "kreis.knowledge.candidates",
    "Budget": "kreis.generative.language_models.budgeted",
    "Budgeted": "kreis.generative.language_models.budgeted",
    "Fallback": "kreis.generative.language_models.fallback",
    "LlamaCpp": "kreis.generative.language_models.llama_cpp",
    "OpenAICompatible": "kreis.generative.language_models.openai_compatible",
    "PriceList": "kreis.generative.language_models.prices",
    "Route": "kreis.generative.language_models.routed",
    "Routed": "kreis.generative.language_models.routed",
    "BySentences": "kreis.generative.chunking.by_sentences",
    "ByStructure": "kreis.generative.chunking.by_structure",
    "ByWords": "kreis.generative.chunking.by_words",
    "ParentChild": "kreis.generative.chunking.parent_child",
    "Document": "kreis.generative.documents.document",
    "load_document": "kreis.generative.documents.loaders.load",
    "load_documents": "kreis.generative.documents.loaders.load",
    "load_folder": "kreis.generative.documents.loaders.load",
    "Caller": "kreis.generative.tools.tool",
    "changes_state": "kreis.generative.tools.tool",
    "KMeans": "kreis.training.candidates.kmeans",
    "ClusterSeparation": "kreis.tasks.clustering.cluster_separation",
    "RankingValue": "kreis.tasks.ranking.ranking_value",
    "RobustZScore": "kreis.training.candidates.robust_z_score",
    "IsolationForest": "kreis.training.candidates.isolation_forest",
    "AnswerValue": "kreis.tasks.answering.answer_value",
    "AlarmValue": "kreis.tasks.anomaly.alarm_value",
    "Availability": "kreis.monitoring.monitors.availability",
    "BusinessMetric": "kreis.monitoring.monitors.business_metric",
    "Canary": "kreis.deployment.canary",
    "Choice": "kreis.training.search",
    "Calibration": "kreis.evaluation.examinations.calibration",
    "Coverage": "kreis.evaluation.answer_parts.coverage",
    "MeasuredCoverage": "kreis.evaluation.examinations.coverage",
    "Reasons": "kreis.evaluation.answer_parts.reasons",
    "CrossValidation": "kreis.training.splits.cross_validation",
    "DecisionValue": "kreis.tasks.binary.decision_value",
    "Differenced": "kreis.training.candidates.differenced",
    "CostMatrix": "kreis.tasks.multiclass.cost_matrix",
    "LabelValue": "kreis.tasks.multilabel.label_value",
    "ErrorCost": "kreis.tasks.regression.error_cost",
    "FunctionValue": "kreis.tasks.function_value",
    "Drift": "kreis.monitoring.monitors.drift",
    "Estimator": "kreis.training.candidates.estimator",
    "GivenTest": "kreis.training.splits.given_test",
    "Familiarity": "kreis.evaluation.answer_parts.familiarity",
    "Goal": "kreis.requirements.goal",
    "Gate": "kreis.evaluation.examinations.gate",
    "Panel": "kreis.evaluation.examinations.panel",
    "Memorising": "kreis.evaluation.examinations.privacy",
    "LabelErrors": "kreis.evaluation.examinations.labels",
    "Influence": "kreis.evaluation.examinations.influence",
    "GradientBoosting": "kreis.training.candidates.gradient_boosting",
    "GroupSplit": "kreis.training.splits.by_group",
    "Reweighed": "kreis.training.mitigations.reweighed",
    "ThresholdsByGroup": "kreis.training.mitigations.thresholds_by_group",
    "Explanations": "kreis.evaluation.examinations.explanations",
    "Mitigation": "kreis.evaluation.examinations.mitigation",
    "Fairness": "kreis.evaluation.examinations.fairness",
    "Guardrail": "kreis.requirements.goal",
    "Integer": "kreis.training.search",
    "Latency": "kreis.monitoring.monitors.latency",
    "NewTopics": "kreis.monitoring.monitors.new_topics",
    "Slices": "kreis.evaluation.examinations.slices",
    "Spending": "kreis.monitoring.monitors.spending",
    "GuardHits": "kreis.monitoring.monitors.guard_hits",
    "BadFeedback": "kreis.monitoring.monitors.bad_feedback",
    "Unanswered": "kreis.monitoring.monitors.unanswered",
    "Age": "kreis.monitoring.monitors.age",
    "Linear": "kreis.training.candidates.linear",
    "Logistic": "kreis.training.candidates.logistic",
    "Mean": "kreis.training.candidates.mean",
    "Project": "kreis.project",
    "RandomSplit": "kreis.training.splits.at_random",
    "Money": "kreis.training.search",
    "Real": "kreis.training.search",
    "Risk": "kreis.requirements.goal",
    "Rule": "kreis.training.candidates.rule",
    "Search": "kreis.training.search",
    "ServiceLevels": "kreis.requirements.goal",
    "TfIdf": "kreis.training.encoders.tf_idf",
    "TimeSplit": "kreis.training.splits.in_time",
    "Window": "kreis.collection.sources",
    "date_parts": "kreis.preparation.date_parts",
    "list_parts": "kreis.preparation.list_parts",
    "Torch": "kreis.training.candidates.torch",
    "XGBoost": "kreis.training.candidates.xgboost",
    "log": "kreis.tracking.here",
    "log_artifact": "kreis.tracking.here",
    "log_params": "kreis.tracking.here",
    "open_project": "kreis.notebook",
    "read_csv": "kreis.collection.connectors.csv",
    "read_parquet": "kreis.collection.connectors.parquet",
    "read_table": "kreis.collection.connectors.table",
}

__all__ = [
    "Age",
    "AlarmValue",
    "AnswerValue",
    "Availability",
    "BadFeedback",
    "BestPassage",
    "Budget",
    "Budgeted",
    "BusinessMetric",
    "BySentences",
    "ByStructure",
    "ByWords",
    "Calibration",
    "Caller",
    "Canary",
    "Choice",
    "ClusterSeparation",
    "CostMatrix",
    "Coverage",
    "CrossValidation",
    "DecisionValue",
    "Dense",
    "Differenced",
    "Diverse",
    "Document",
    "Drift",
    "EndpointEmbedding",
    "ErrorCost",
    "Estimator",
    "Explanations",
    "Fairness",
    "Fallback",
    "Familiarity",
    "FunctionValue",
    "Gate",
    "GivenTest",
    "Goal",
    "GradientBoosting",
    "GroupSplit",
    "GuardHits",
    "GuardPolicy",
    "Guardrail",
    "Hybrid",
    "Influence",
    "Integer",
    "IsolationForest",
    "KMeans",
    "LabelErrors",
    "LabelValue",
    "Latency",
    "Lexical",
    "Linear",
    "LlamaCpp",
    "LocalEmbedding",
    "Logistic",
    "Mean",
    "MeasuredCoverage",
    "Memorising",
    "Mitigation",
    "Money",
    "NewTopics",
    "OpenAICompatible",
    "Panel",
    "ParentChild",
    "PostgresIndexes",
    "PriceList",
    "Project",
    "QdrantIndexes",
    "Rag",
    "RandomSplit",
    "RankingValue",
    "Real",
    "Reasons",
    "Reweighed",
    "Rewritten",
    "Risk",
    "RobustZScore",
    "Route",
    "Routed",
    "Rule",
    "Search",
    "SemanticCache",
    "ServiceLevels",
    "Slices",
    "Spending",
    "TfIdf",
    "ThresholdsByGroup",
    "TimeSplit",
    "Torch",
    "Unanswered",
    "Window",
    "XGBoost",
    "changes_state",
    "date_parts",
    "list_parts",
    "load_document",
    "load_documents",
    "load_folder",
    "log",
    "log_artifact",
    "log_params",
    "open_project",
    "read_csv",
    "read_parquet",
    "read_table",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'kreis' has no attribute {name!r}")
    try:
        return getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        from kreis.errors import MissingLibraryError

        if (missing := MissingLibraryError.of(error)) is None:
            raise
        raise missing from error


def __dir__() -> list[str]:
    return __all__
