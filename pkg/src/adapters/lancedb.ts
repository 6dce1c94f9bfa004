// Reranks the hybrid search of LanceDB.

import { makeArrowTable } from "@lancedb/lancedb";
import type { CallOptions, Reranker } from "../../types/index.js";
import type * as declared from "../../types/lancedb.js";
import { invalidArgument, modelOf } from "./source.js";

type RecordBatch = Parameters<declared.CrossrankReranker["rerankHybrid"]>[1];
type Row = Record<string, unknown>;

/** Identifies a row. LanceDB adds it to the results of both searches. */
const ROW_ID = "_rowid";
/** Where LanceDB expects the scores. */
const RELEVANCE = "_relevance_score";

export class CrossrankReranker implements declared.CrossrankReranker {
  readonly #load: () => Promise<Pick<Reranker, "rerank">>;
  readonly #text: (row: Row) => unknown;
  readonly #options: CallOptions<never>;

  constructor({ reranker, text = "text", ...options }: declared.CrossrankRerankerOptions) {
    this.#load = modelOf(reranker, "rerank");
    this.#text = typeof text === "function" ? text : (row) => textOfColumn(row, text);
    this.#options = options;
  }

  async rerankHybrid(query: string, vecResults: RecordBatch, ftsResults: RecordBatch): Promise<RecordBatch> {
    const rows = new Map<unknown, Row>();
    for (const batch of [vecResults, ftsResults]) {
      for (const row of batch) {
        const fields = row.toJSON();
        rows.set(fields[ROW_ID], { ...rows.get(fields[ROW_ID]), ...fields });
      }
    }
    const { results } = await (await this.#load()).rerank(query, [...rows.values()], undefined, {
      ...(this.#options as CallOptions<Row>),
      text: (row) => this.#text(row) as string,
    });
    const ranked = results.map(({ document, score }) => ({ ...document, [RELEVANCE]: score }));
    return toBatch(ranked, vecResults, ftsResults);
  }
}

function textOfColumn(row: Row, column: string): unknown {
  if (column in row) return row[column];
  const columns = Object.keys(row).filter((name) => !name.startsWith("_"));
  const advice = 'select it, or name another with the option "text"';
  throw invalidArgument(`the results have no column "${column}" but ${columns.join(", ")}; ${advice}`);
}

/** Makes a batch with the columns of all the given batches and the scores. */
function toBatch(rows: Row[], ...batches: RecordBatch[]): RecordBatch {
  const fields = new Map(batches.flatMap(({ schema }) => schema.fields).map((field) => [field.name, field]));
  const [relevance] = makeArrowTable([{ [RELEVANCE]: 0 }]).schema.fields;
  const schema = { fields: [...fields.values(), relevance!] };
  const empty: Row = Object.fromEntries(schema.fields.map(({ name }) => [name, null]));
  // A table without rows has no batch.
  const complete = [{ ...empty, [RELEVANCE]: 0 }, ...rows.map((row) => ({ ...empty, ...row }))];
  return makeArrowTable(complete, { schema }).batches[0]!.slice(1);
}
