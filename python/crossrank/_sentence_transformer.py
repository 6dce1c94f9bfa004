"""``SentenceTransformer`` with the signatures of sentence-transformers."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _native
from ._arguments import at_least_one, check_call, check_compatible
from ._batches import parts
from ._errors import exception
from ._model import Model, StrPath, read, settings, warn

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SentenceTransformer:
    """A bi-encoder with the signatures of ``sentence_transformers.SentenceTransformer``, without torch.

    Args:
        model_name_or_path: A folder or a name, as for :class:`crossrank.Reranker`. A name without a slash is
            one of the organisation ``sentence-transformers``. Default: the bundled model.
        device: ``"cpu"`` or ``None``.
        prompts: Texts to put in front, by name, in place of those in the model's files.
        default_prompt_name: The prompt of calls that name none.
        similarity_fn_name: ``"cosine"`` or ``"dot"``, for :meth:`similarity`.
        truncate_dim: The number of elements to keep of each vector.
        num_threads: The number of threads that share a call. Default: one for each core.
        revision, cache_folder, local_files_only, token, trust_remote_code, model_card_data, backend,
        model_kwargs: As for :class:`crossrank.CrossEncoder`.

    The other arguments of sentence-transformers are refused by their names.

    >>> SentenceTransformer().encode("Tides follow the moon.").shape
    (384,)
    """

    def __init__(
        self,
        model_name_or_path: Model | None = None,
        *,
        device: Any = "cpu",
        prompts: dict[str, str] | None = None,
        default_prompt_name: str | None = None,
        similarity_fn_name: str | None = None,
        truncate_dim: int | None = None,
        num_threads: int | None = None,
        revision: str | None = None,
        cache_folder: StrPath | None = None,
        local_files_only: bool = False,
        token: str | bool | None = None,
        trust_remote_code: bool = False,
        model_card_data: Any = None,
        backend: str = "torch",
        model_kwargs: dict[str, Any] | None = None,
        tokenizer_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
        config_kwargs: dict[str, Any] | None = None,
        modules: Any = None,
    ) -> None:
        at_least_one(truncate_dim=truncate_dim, num_threads=num_threads)
        graph = check_compatible(
            device=device,
            backend=backend,
            model_kwargs=model_kwargs,
            tokenizer_kwargs=tokenizer_kwargs,
            processor_kwargs=processor_kwargs,
            config_kwargs=config_kwargs,
            modules=modules,
        )
        files = read(
            _with_organisation(model_name_or_path),
            "embed",
            graph=graph,
            revision=revision,
            cache_folder=cache_folder,
            token=token,
            local_files_only=local_files_only,
        )
        # Calls choose the prompt.
        self._native = _native.Embedder(
            files, max_length=None, threads=num_threads, query_prefix="", document_prefix="", keep_floats=False
        )
        # As for the library, pooling.json takes precedence.
        own = "pooling.json" if "pooling.json" in files.embedding else "config_sentence_transformers.json"
        given = settings(files, own)
        of_files = {name: prompt for name, prompt in (given.get("prompts") or {}).items() if prompt}
        self.prompts: dict[str, str] = of_files | (prompts or {})
        self.default_prompt_name: str | None = default_prompt_name or given.get("default_prompt_name")
        if self.default_prompt_name is not None:
            self._prompt(self.default_prompt_name)
        self.similarity_fn_name: str = similarity_fn_name or given.get("similarity_fn_name") or "cosine"
        if self.similarity_fn_name not in ("cosine", "dot"):
            raise exception(
                "invalid-argument",
                f"similarity_fn_name must be cosine or dot, not {self.similarity_fn_name!r}",
            )
        self.truncate_dim = truncate_dim
        warn(self._native.warning)

    def encode(
        self,
        sentences: str | Iterable[str] | None = None,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: str | None = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: Any = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        *,
        inputs: str | Iterable[str] | None = None,
        pool: Any = None,
        chunk_size: int | None = None,
    ) -> Any:
        """The vectors of texts, in the order given.

        Args:
            sentences: One text, or any number of texts. ``inputs`` is the same.
            prompt_name: The name of the prompt to put in front of each text.
            prompt: The prompt itself.
            batch_size, chunk_size: Ignored: texts are batched by their lengths.
            show_progress_bar: Show a bar, where tqdm is installed.
            convert_to_numpy: If false, the result is a list of vectors.
            normalize_embeddings: Divide vectors by their length. If false, the model's files decide.
            truncate_dim: The number of elements to keep of each vector. Default: that of the class.
            device: ``"cpu"`` or ``None``.
            output_value, precision, convert_to_tensor, pool: Refused, except for their defaults.

        Returns:
            ``float32`` of shape ``(texts, dimensions)``, or ``(dimensions,)`` for one text.

        Raises:
            InputError: There is no such prompt, or a text is larger than 1 MiB.
        """
        check_call(batch_size=batch_size, device=device, pool=pool, convert_to_tensor=convert_to_tensor)
        for name, value, only in [
            ("output_value", output_value, "sentence_embedding"),
            ("precision", precision, "float32"),
        ]:
            if value != only:
                raise exception("invalid-argument", f"{name} must be {only!r}, not {value!r}")
        at_least_one(truncate_dim=truncate_dim)
        given = inputs if sentences is None else sentences
        if given is None:
            raise TypeError("encode() needs sentences: a text, or a list of texts")
        one = isinstance(given, str)
        texts = [given] if isinstance(given, str) else list(given)
        if prompt is None:
            chosen = prompt_name or self.default_prompt_name
            prompt = None if chosen is None else self._prompt(chosen)
        if prompt:
            texts = [prompt + text for text in texts]
        vectors = self._vectors(
            texts, normalize_embeddings, truncate_dim or self.truncate_dim, show_progress_bar
        )
        if one:
            return vectors[0]
        return vectors if convert_to_numpy else list(vectors)

    def encode_query(self, sentences: str | Iterable[str], **arguments: Any) -> Any:
        """:meth:`encode` with the prompt ``query``, if the model has one."""
        return self._encode_as(("query",), sentences, arguments)

    def encode_document(self, sentences: str | Iterable[str], **arguments: Any) -> Any:
        """:meth:`encode` with the prompt ``document``, ``passage`` or ``corpus``, if the model has one."""
        return self._encode_as(("document", "passage", "corpus"), sentences, arguments)

    def similarity(self, embeddings1: NDArray[Any], embeddings2: NDArray[Any]) -> NDArray[Any]:
        """The similarity of each vector of the one list with each of the other: shape ``(first, second)``."""
        first, second = np.atleast_2d(embeddings1), np.atleast_2d(embeddings2)
        if self.similarity_fn_name == "cosine":
            first, second = _normalized(first), _normalized(second)
        similarities: NDArray[Any] = first @ second.T
        return similarities

    def get_sentence_embedding_dimension(self) -> int:
        """The number of elements of a vector."""
        return min(self._native.dimensions, self.truncate_dim or self._native.dimensions)

    get_embedding_dimension = get_sentence_embedding_dimension

    @property
    def max_seq_length(self) -> int:
        """The maximum number of tokens in a text."""
        return self._native.max_length

    def _encode_as(
        self, names: tuple[str, ...], sentences: str | Iterable[str], arguments: dict[str, Any]
    ) -> Any:
        if arguments.get("prompt") is None and arguments.get("prompt_name") is None:
            arguments["prompt_name"] = next((name for name in names if name in self.prompts), None)
        return self.encode(sentences, **arguments)

    def _prompt(self, name: str) -> str:
        if name not in self.prompts:
            known = ", ".join(self.prompts) or "none"
            raise exception("invalid-argument", f"there is no prompt {name!r}; the model's prompts: {known}")
        return self.prompts[name]

    def _vectors(
        self, texts: list[str], normalize: bool, dimensions: int | None, show_progress: bool | None
    ) -> NDArray[np.float32]:
        arrays = [
            self._native.embed(part, "document", "right", normalize or None, None)
            for part in parts(texts, "texts", show_progress)
        ]
        vectors = np.frombuffer(b"".join(arrays), np.float32).reshape(-1, self._native.dimensions)
        if dimensions is not None and dimensions < vectors.shape[1]:
            vectors = vectors[:, :dimensions]
            return _normalized(vectors) if normalize else vectors.copy()
        return vectors


def _with_organisation(model: Model | None) -> Model | None:
    """A name without a slash with the organisation that it belongs to, unless it is bundled or a path."""
    if not isinstance(model, str) or "/" in model or os.path.exists(model) or model.endswith(".onnx"):
        return model
    return model if _native.is_bundled(model) else f"sentence-transformers/{model}"


def _normalized(vectors: NDArray[Any]) -> NDArray[Any]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    normalized: NDArray[Any] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return normalized
