// Reranks the hybrid search of LanceDB.

import type { CallOptions, Reranker } from "../../types/index.js";
import type * as declared from "../../types/lancedb.js";
import { gatherRows, type RecordBatch, type RowPlaces } from "./arrow.js";
import { invalidArgument, modelOf } from "./source.js";

type LanceBatch = Parameters<declared.CrossrankReranker["rerankHybrid"]>[1];
type Row = Record<string, unknown>;

/** Identifies a row. LanceDB adds it to the results of both searches. */
const ROW_ID = "_rowid";

export class CrossrankReranker implements declared.CrossrankReranker {
  readonly #load: () => Promise<Pick<Reranker, "rerank">>;
  readonly #text: (row: Row) => unknown;
  readonly #options: CallOptions<never>;

  constructor({ reranker, text = "text", ...options }: declared.CrossrankRerankerOptions) {
    this.#load = modelOf(reranker, "rerank");
    this.#text = typeof text === "function" ? text : (row) => textOfColumn(row, text);
    this.#options = options;
  }

  async rerankHybrid(query: string, vecResults: LanceBatch, ftsResults: LanceBatch): Promise<LanceBatch> {
    const batches = [vecResults, ftsResults] as unknown as RecordBatch[];
    const rows = new Map<unknown, { row: Row; places: number[] }>();
    for (const [b, batch] of batches.entries()) {
      for (let place = 0; place < batch.numRows; place++) {
        const row = batch.get(place)!.toJSON();
        const known = rows.get(row[ROW_ID]) ?? { row, places: [-1, -1] };
        known.places[b] = place;
        rows.set(row[ROW_ID], known);
      }
    }
    const { results } = await (await this.#load()).rerank(query, [...rows.values()], undefined, {
      ...(this.#options as CallOptions<object>),
      text: (document) => this.#text((document as { row: Row }).row) as string,
    });
    const places: RowPlaces[] = results.map(({ document }) => document.places);
    const scores = results.map(({ score }) => score);
    // LanceDB finds the scores by the name of their column.
    const column = { name: "_relevance_score", like: ["_distance", "_score"], scores };
    return gatherRows(batches, places, column) as unknown as LanceBatch;
  }
}

function textOfColumn(row: Row, column: string): unknown {
  if (column in row) return row[column];
  const columns = Object.keys(row).filter((name) => !name.startsWith("_"));
  const advice = 'select it, or name another with the option "text"';
  throw invalidArgument(`the results have no column "${column}" but ${columns.join(", ")}; ${advice}`);
}
