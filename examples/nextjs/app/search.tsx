"use client";

import { useEffect, useState } from "react";
import type { Document, SearchResults } from "../lib/search";

async function fetchResults(query: string, signal: AbortSignal): Promise<SearchResults> {
  const response = await fetch(`/api/search?q=${encodeURIComponent(query)}`, { signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** The results for a query. Another query aborts the request for the one before. */
function useSearch(query: string) {
  const [results, setResults] = useState<SearchResults>();
  const [error, setError] = useState<Error>();
  const [isPending, setIsPending] = useState(false);
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    setIsPending(query !== "");
    setError(undefined);
    if (query === "") setResults(undefined);
    else
      fetchResults(query, signal)
        .then((results) => !signal.aborted && setResults(results))
        .catch((error) => !signal.aborted && setError(error))
        .finally(() => !signal.aborted && setIsPending(false));
    return () => controller.abort();
  }, [query]);
  return { results, error, isPending };
}

export function Search() {
  const [query, setQuery] = useState("");
  const { results, error, isPending } = useSearch(query.trim());
  return (
    <>
      <search>
        <label>
          Question
          <input
            type="search"
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            placeholder="how do I repair a flat tire"
          />
        </label>
      </search>
      {error && <p role="alert">{error.message}</p>}
      <p role="status">{isPending ? "Searching…" : results && `${results.reranked.length} results`}</p>
      <div className="columns" aria-busy={isPending}>
        <Results title="By words" documents={results?.byWords ?? []} />
        <Results title="Reranked" documents={results?.reranked ?? []} />
      </div>
    </>
  );
}

function Results({ title, documents }: { title: string; documents: (Document & { score?: number })[] }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ol>
        {documents.map(({ id, title, text, score }) => (
          <li key={id}>
            <strong>{title}</strong> {score !== undefined && <small>{score.toFixed(2)}</small>}
            <p>{text}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}
