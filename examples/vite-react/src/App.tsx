import { Reranker } from "crossrank";
import { useRerank } from "crossrank/react";
import { useMemo, useState } from "react";
import { type Document, searchByWords } from "./search";

const textOf = ({ title, text }: Document) => `${title}. ${text}`;

/** A function that loads the model, the same one in each render, and the loaded part from 0 to 1. */
function useModel() {
  const [progress, setProgress] = useState<number>();
  const [load] = useState(() => () => {
    return Reranker.load({ onProgress: ({ loaded, total }) => setProgress(total && loaded / total) });
  });
  return { load, progress };
}

export function App() {
  const [query, setQuery] = useState("");
  const { load, progress } = useModel();
  const found = useMemo(() => searchByWords(query), [query]);
  // Another query aborts the ranking that is under way.
  const { results, isPending, error } = useRerank(query, found, { reranker: load, text: textOf, topK: 10 });
  const isLoading = isPending && progress !== 1;

  return (
    <main>
      <h1>Bicycle care</h1>
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
      {error && <p role="alert">The results could not be reranked: {error.message}</p>}
      <p role="status">
        {isLoading ? "Loading the model…" : isPending ? "Ranking…" : query && `${found.length} results`}
      </p>
      {isLoading && <progress aria-label="Loading the model" value={progress} />}
      <div className="columns">
        <section aria-labelledby="by-words">
          <h2 id="by-words">By words</h2>
          <ol>
            {found.slice(0, 10).map((document) => (
              <Item key={document.id} document={document} />
            ))}
          </ol>
        </section>
        <section aria-labelledby="reranked" aria-busy={isPending}>
          <h2 id="reranked">Reranked</h2>
          <ol>
            {results.map(({ document, score }) => (
              <Item key={document.id} document={document} score={score} />
            ))}
          </ol>
        </section>
      </div>
    </main>
  );
}

function Item({ document, score }: { document: Document; score?: number }) {
  return (
    <li>
      <strong>{document.title}</strong> {score !== undefined && <small>{score.toFixed(2)}</small>}
      <p>{document.text}</p>
    </li>
  );
}
