"""``CrossEncoder`` with the signatures of sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _native
from ._arguments import at_least_one, check_call, check_compatible, refuse
from ._batches import parts
from ._errors import exception
from ._model import Model, StrPath, read, settings, warn

if TYPE_CHECKING:
    from numpy.typing import NDArray

Activation: TypeAlias = "Callable[[NDArray[np.float32]], Any]"
"""A function of an array of logits, of shape ``(pairs,)``, that returns an array of that shape."""

Pair: TypeAlias = "Sequence[str]"


def identity(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits as they are."""
    return logits


def sigmoid(logits: NDArray[np.float32]) -> NDArray[Any]:
    """The logits as scores from 0 to 1."""
    return 1 / (1 + np.exp(-logits))


class CrossEncoder:
    """A cross-encoder with the signatures of ``sentence_transformers.CrossEncoder``, without torch.

    Args:
        model_name_or_path: A folder, a graph or a name, as for :class:`crossrank.Reranker`. Default: the
            bundled model.
        max_length: The maximum number of tokens in a pair. Longer documents are truncated. Default: a
            model that names the length it was trained on, as the bundled one does, reads longer documents
            in windows, of which the best one counts; with another model, what it reads.
        device: ``"cpu"`` or ``None``.
        activation_fn: Makes scores of logits: a function of a ``float32`` array of shape ``(pairs,)``, or
            torch's ``Sigmoid()`` or ``Identity()``. Default: what the model's files name, else the sigmoid.
        num_threads: The number of threads that share a call. Default: one for each core. Scores depend
            neither on it nor on the batch size.
        num_labels: 1 or ``None``.
        revision: A branch, a tag or a commit of the model's repository.
        cache_folder: The folder of the hub's cache. Default: as the environment says.
        local_files_only: Forbid downloads.
        token: The hub's access token.
        trust_remote_code, model_card_data: Ignored. A model has no code that could run.
        backend: Ignored. The model's ONNX graph is run, whatever the backend.
        model_kwargs: ``{"file_name": PATH}`` names a graph of the repository. Nothing else is accepted.

    The other arguments of sentence-transformers are refused by their names.

    >>> model = CrossEncoder()
    >>> model.predict([("what causes tides", "Tides follow the moon."), ("what causes tides", "Foxes.")]).shape
    (2,)
    """

    activation_fn: Activation
    """Makes scores of logits if a call does not say."""

    def __init__(
        self,
        model_name_or_path: Model | None = None,
        num_labels: int | None = None,
        max_length: int | None = None,
        device: Any = "cpu",
        activation_fn: Activation | None = None,
        num_threads: int | None = None,
        *,
        default_activation_function: Activation | None = None,
        revision: str | None = None,
        cache_folder: StrPath | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        trust_remote_code: bool = False,
        model_card_data: Any = None,
        backend: str = "torch",
        model_kwargs: dict[str, Any] | None = None,
        automodel_args: dict[str, Any] | None = None,
        tokenizer_args: dict[str, Any] | None = None,
        tokenizer_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_args: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        modules: Any = None,
        prompts: dict[str, str] | None = None,
        default_prompt_name: str | None = None,
    ) -> None:
        at_least_one(max_length=max_length, num_threads=num_threads)
        graph = check_compatible(
            device=device,
            backend=backend,
            model_kwargs=model_kwargs,
            automodel_args=automodel_args,
            tokenizer_args=tokenizer_args,
            tokenizer_kwargs=tokenizer_kwargs,
            processor_kwargs=processor_kwargs,
            config_args=config_args,
            config_kwargs=config_kwargs,
            modules=modules,
        )
        refuse(
            "a cross-encoder gets the texts as they are",
            prompts=prompts,
            default_prompt_name=default_prompt_name,
        )
        if num_labels not in (None, 1):
            raise exception("invalid-argument", f"num_labels must be 1, not {num_labels}: a reranker has one")
        files = read(
            model_name_or_path,
            "rerank",
            graph=graph,
            revision=revision,
            cache_folder=cache_folder,
            token=token,
            local_files_only=local_files_only,
        )
        self._native = _native.Reranker(
            files, max_length=max_length, threads=num_threads, cache=None, long_documents=None, keep_floats=False
        )
        given = activation_fn if activation_fn is not None else default_activation_function
        self.activation_fn = _of_model(files) if given is None else _plain(given)
        warn(self._native.warning)

    def predict(
        self,
        sentences: Pair | Iterable[Pair] | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Activation | None = None,
        apply_softmax: bool | None = False,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        *,
        inputs: Pair | Iterable[Pair] | None = None,
        activation_fct: Activation | None = None,
        prompt: str | None = None,
        prompt_name: str | None = None,
        device: Any = None,
        pool: Any = None,
        chunk_size: int | None = None,
        num_workers: int = 0,
    ) -> Any:
        """The scores of pairs of a query and a document, in the order given.

        Args:
            sentences: One pair, or any number of pairs. ``inputs`` is the same.
            batch_size: Ignored: pairs are batched by their lengths, and scores do not depend on it.
            show_progress_bar: Show a bar, where tqdm is installed.
            activation_fn: As in the class, for this call. ``activation_fct`` is the same.
            apply_softmax, chunk_size, num_workers: Ignored. They change nothing for a model with one label.
            convert_to_numpy: If false, the result is a list of ``numpy.float32``.
            convert_to_tensor: Refused. Use ``torch.from_numpy(result)``.
            prompt, prompt_name, pool: Refused.
            device: ``"cpu"`` or ``None``.

        Returns:
            ``float32`` of shape ``(pairs,)``, or one ``numpy.float32`` for one pair. Scores are from 0 to 1
            with the sigmoid, and unbounded logits with the identity.

        Raises:
            InputError: A pair is not two texts, or a text is larger than 1 MiB.
        """
        check_call(batch_size=batch_size, device=device, pool=pool, convert_to_tensor=convert_to_tensor)
        refuse("a cross-encoder gets the texts as they are", prompt=prompt, prompt_name=prompt_name)
        given = inputs if sentences is None else sentences
        if given is None:
            raise TypeError("predict() needs sentences: a pair, or a list of pairs")
        one = _is_one_pair(given)
        pairs = [given] if one else list(given)
        chosen = activation_fn if activation_fn is not None else activation_fct
        scores = self._scores(
            pairs, self.activation_fn if chosen is None else _plain(chosen), show_progress_bar
        )
        if one:
            return scores[0]
        return scores if convert_to_numpy else list(scores)

    def rank(
        self,
        query: str,
        documents: Iterable[str],
        top_k: int | None = None,
        return_documents: bool = False,
        *,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        activation_fn: Activation | None = None,
        activation_fct: Activation | None = None,
        apply_softmax: bool | None = False,
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        prompt: str | None = None,
        prompt_name: str | None = None,
        device: Any = None,
        pool: Any = None,
        chunk_size: int | None = None,
        num_workers: int = 0,
    ) -> list[dict[str, Any]]:
        """Ranks documents by how well they answer the query.

        Args:
            query: What the documents should answer.
            documents: The candidates.
            top_k: The maximum number of results. Default: all.
            return_documents: Whether results have the documents as ``"text"``.

        The other arguments are those of :meth:`predict`. The kind of array changes nothing.

        Returns:
            ``{"corpus_id": int, "score": float}`` for each result, highest score first, equal scores in the
            order given. ``corpus_id`` is the position of the document, from 0.
        """
        documents = list(documents)
        scores = self.predict(
            [(query, document) for document in documents],
            batch_size,
            show_progress_bar,
            activation_fn if activation_fn is not None else activation_fct,
            prompt=prompt,
            prompt_name=prompt_name,
            device=device,
            pool=pool,
        ).tolist()
        results: list[dict[str, Any]] = [{"corpus_id": i, "score": score} for i, score in enumerate(scores)]
        if return_documents:
            for result, document in zip(results, documents):
                result["text"] = document
        results.sort(key=lambda result: result["score"], reverse=True)
        return results[:top_k]

    @property
    def max_length(self) -> int:
        """The maximum number of tokens in a pair."""
        return self._native.max_length

    max_seq_length = max_length

    @property
    def num_labels(self) -> int:
        """1: the number of outputs for a pair."""
        return 1

    def _scores(self, pairs: list[Any], activation: Activation, show_progress: bool | None) -> NDArray[Any]:
        rows: list[_native._ScoreRow] = []
        for part in parts(pairs, "pairs", show_progress):
            rows += self._native.score(part, {"truncation": "right"})
        scores, logits = (np.array([row[i] for row in rows], np.float32) for i in (0, 1))
        # The library's own sigmoid, to the bit.
        if activation is sigmoid:
            return scores
        activated = np.asarray(activation(logits))
        if activated.shape != logits.shape:
            raise exception(
                "invalid-argument",
                f"activation_fn returned an array of shape {activated.shape}; it must keep the shape of its "
                f"argument, {logits.shape}",
            )
        return activated


def _is_one_pair(given: Any) -> bool:
    """Whether a pair is given, and not a list of pairs."""
    if isinstance(given, np.ndarray):
        return given.ndim == 1 and given.size > 0
    return isinstance(given, (list, tuple)) and len(given) > 0 and isinstance(given[0], str)


def _of_model(files: _native.ModelFiles) -> Activation:
    """The activation that a model's files name, as sentence-transformers writes it."""
    config = json.loads(files.config)
    name = (
        settings(files, "config_sentence_transformers.json").get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or "Sigmoid"
    )
    known = _KNOWN.get(str(name).rsplit(".", 1)[-1])
    if known is None:
        raise exception(
            "unsupported-model",
            f"the model's scores are made by {name}, which crossrank does not have; pass activation_fn, a "
            "function of an array of logits",
        )
    return known


def _plain(activation: Activation) -> Activation:
    """An activation as a function of an array: the known ones of torch are replaced."""
    kind = type(activation)
    if not kind.__module__.startswith("torch."):
        return activation
    known = _KNOWN.get(kind.__name__)
    if known is None:
        raise exception(
            "invalid-argument",
            f"activation_fn={activation!r} is a function of torch tensors; pass a function of an array of logits",
        )
    return known


_KNOWN: dict[str, Activation] = {"Sigmoid": sigmoid, "Identity": identity}
