"""Classifiers and embeddings of texts, by their names on the model hub or their folders.

Models run through transformers, which is imported when a metric is measured. Texts that are longer than a
model's window are cut at its end, as its tokenizer does.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from rater.errors import ModelError, nearest
from rater.measure.metric import Measured, Metric, Unit

if TYPE_CHECKING:
    from torch import Tensor

_BATCH = 32


class Classifier(Metric):
    """The probability that a text-classification model gives to some labels, such as toxicity.

    Args:
        model: The model's name or folder.
        positive: The labels whose probabilities are added; None where the model has a label POSITIVE, or two
            labels, of which the second counts.
        device: The device, such as ``cuda``; by default the CPU.
    """

    kind: ClassVar[str] = "classifier"
    ending: ClassVar[str] = "_score"

    def __init__(
        self, model: str, positive: Collection[str] | None = None, *, device: str | None = None
    ) -> None:
        self._name, self._positive, self._device = model, positive, device or "cpu"

    @property
    def definition(self) -> Mapping[str, object]:
        """The model and its labels."""
        return {"model": self._name, "positive": None if self._positive is None else sorted(self._positive)}

    @property
    def description(self) -> str:
        """The model and the labels."""
        labels = "its positive label" if self._positive is None else ", ".join(sorted(self._positive))
        return f"probability of {labels} by the classifier {self._name}"

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the probability of the positive labels, with the likeliest label.

        Raises:
            ModelError: the model cannot be loaded, or lacks a label.
        """
        if not units:
            return
        import torch  # noqa: PLC0415 (takes seconds)

        tokenizer, model = _load(self._name, "AutoModelForSequenceClassification", self._device)
        labels = [str(model.config.id2label[place]) for place in range(model.config.num_labels)]
        counted = _positive_places(self._name, labels, self._positive)
        is_multi = model.config.problem_type == "multi_label_classification" or len(labels) == 1
        for start in range(0, len(units), _BATCH):
            texts = [unit[0].text for unit in units[start : start + _BATCH]]
            with torch.inference_mode():
                logits = model(**_tokens(tokenizer, texts, self._device)).logits.double().cpu()
            shares = logits.sigmoid() if is_multi else logits.softmax(-1)
            for index, own in enumerate(shares, start):
                label = labels[int(own.argmax())]
                score = float(own[counted].max() if is_multi else own[counted].sum())
                columns = {"_label": label, "_is_positive": int(own.argmax()) in counted}
                yield index, Measured(score, reply=label, columns=columns)


class EmbeddingDistance(Metric):
    """The cosine distance of a text's embedding from those of reference texts, or of its prompt.

    The embedding is the mean of the last hidden states over the text's tokens. The distance is 1 minus the
    cosine: 0 for the same direction.

    Args:
        model: The model's name or folder.
        references: Texts, whose mean embedding is compared with; without any, each text's prompt is.
        device: The device, such as ``cuda``; by default the CPU.
    """

    kind: ClassVar[str] = "embedding"

    def __init__(self, model: str, references: Sequence[str] = (), *, device: str | None = None) -> None:
        self._name, self._references, self._device = model, tuple(references), device or "cpu"

    @property
    def definition(self) -> Mapping[str, object]:
        """The model and the reference texts."""
        return {"model": self._name, "references": list(self._references)}

    @property
    def description(self) -> str:
        """The model, and what texts are compared with."""
        other = f"{len(self._references)} reference texts" if self._references else "its prompt"
        return f"cosine distance of a text from {other} in {self._name}"

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the distance of each text; a text or prompt without tokens has none.

        Raises:
            ModelError: the model cannot be loaded.
        """
        if not units:
            return
        import torch  # noqa: PLC0415 (takes seconds)

        tokenizer, model = _load(self._name, "AutoModel", self._device)
        fixed = None
        if self._references:
            fixed = _embed(tokenizer, model, self._references, self._device).mean(0, keepdim=True)
        for start in range(0, len(units), _BATCH):
            batch = [unit[0] for unit in units[start : start + _BATCH]]
            texts = _embed(tokenizer, model, [shown.text for shown in batch], self._device)
            other = fixed
            if other is None:
                other = _embed(tokenizer, model, [shown.prompt for shown in batch], self._device)
            cosines = torch.cosine_similarity(texts, other, dim=-1)
            for index, cosine in enumerate(cosines.tolist(), start):
                is_empty = cosine != cosine  # noqa: PLR0124 (NaN: no token)
                yield index, Measured(None, "no tokens") if is_empty else Measured(1 - cosine)


def classifier(model: str, positive: Collection[str] | None = None) -> Classifier:
    """Return a metric: the probability of some labels by a text-classification model.

    In a data frame it adds ``NAME_score``, ``NAME_label`` and ``NAME_is_positive``.

    Args:
        model: The model's name on the model hub, or its folder.
        positive: The labels that count; None where the model has a label POSITIVE, or two labels.
    """
    return Classifier(model, positive)


def embedding_distance(model: str, references: Sequence[str] = ()) -> EmbeddingDistance:
    """Return a metric: the cosine distance of a text from reference texts, or from its prompt.

    Args:
        model: The model's name on the model hub, or its folder.
        references: The reference texts.
    """
    return EmbeddingDistance(model, references)


# a sweep asks about the texts of each setting
@lru_cache(maxsize=2)
def _load(name: str, kind: str, device: str) -> tuple[Any, Any]:
    try:
        import transformers  # noqa: PLC0415 (takes seconds)
    except ImportError as error:
        msg = "Classifiers need transformers and torch. Run: pip install 'rater[generate]'"
        raise ModelError(msg) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        model = getattr(transformers, kind).from_pretrained(name).to(device).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = f"The model {name!r} cannot be loaded: {reason}. Valid: a name on the model hub, or a folder."
        raise ModelError(msg) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if getattr(model.config, "pad_token_id", None) is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, model


def _tokens(tokenizer: Any, texts: Sequence[str], device: str) -> Any:
    # some tokenizers have no length of their own, and state a huge one
    longest = min(int(tokenizer.model_max_length), 8_192)
    return tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt").to(
        device
    )


def _embed(tokenizer: Any, model: Any, texts: Sequence[str], device: str) -> "Tensor":
    """Return the mean last hidden state of each text; NaN for one without tokens."""
    import torch  # noqa: PLC0415 (takes seconds)

    tokens = _tokens(tokenizer, texts, device)
    with torch.inference_mode():
        hidden = model(**tokens).last_hidden_state.double()
    mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
    mean: Tensor = (hidden * mask).sum(1) / mask.sum(1)
    return mean.cpu()


def _positive_places(name: str, labels: Sequence[str], positive: Collection[str] | None) -> list[int]:
    known = {label.casefold(): place for place, label in enumerate(labels)}
    if positive is None:
        if "positive" in known:
            return [known["positive"]]
        if len(labels) <= 2:
            return [len(labels) - 1]
        msg = (
            f"The classifier {name!r} has the labels {', '.join(labels)}; name the positive ones: --positive"
        )
        raise ModelError(msg)
    for label in positive:
        if label.casefold() not in known:
            msg = f"The classifier {name!r} has no label {label!r}.{nearest(label, labels)}"
            raise ModelError(msg)
    return [known[label.casefold()] for label in positive]
