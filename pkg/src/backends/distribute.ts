// Distributes the documents of one job among several executors.

import { LinkedAbortController } from "../core/abort.js";
import type { Job, Lists, RunControl } from "../core/backend.js";
import { CrossrankError, DocumentError, WorkerDied } from "../core/errors.js";
import type { Task } from "../core/task.js";
import type { Executor } from "../runtime/executor.js";

/** A document of a job, by its list and its index there. */
export interface Item {
  list: number;
  index: number;
}

/** The number of characters that are worth a message: about one batch of the core. */
const MIN_SHARE_CHARACTERS = 2000;
/** A share is handed over in one piece, for which a call with a time limit cannot wait. */
const MAX_SHARE_CHARACTERS = 1 << 18;
/** The first share of a call with a time limit: some short documents, or one. Each share doubles it. */
const FIRST_SHARE_CHARACTERS = 250;

/**
 * Each executor takes a share of the waiting documents, again and again. A share is about half of a
 * fair one, so that all executors end at about the same time. Documents are taken in the order given:
 * a call that is cut short has scored the best documents of the first stage. If the time is limited,
 * the first shares are small, because the results of a batch of the core are known at its end.
 *
 * The call fails when `maxDeaths` workers have died. Until then other executors compute what a dead
 * worker held.
 */
export async function distribute<T extends Task, I extends Item>(
  executors: Executor<T>[],
  maxDeaths: number,
  job: Job,
  items: I[],
  { options, signal, hasTimeLimit }: Pick<RunControl<T>, "options" | "signal" | "hasTimeLimit">,
  onResult: (item: I, result: T["result"]) => void,
): Promise<void> {
  let waiting = [...items];
  let unfinished = items.length;
  let usableExecutors = executors.length;
  let deaths = 0;
  const controller = new LinkedAbortController(signal);
  /** `change` resolves when a worker's death puts documents back, or when all are finished. */
  let notify!: () => void;
  let change = new Promise<void>((resolve) => (notify = resolve));

  const lengthOf = ({ list, index }: Item) => job.queries[list]!.length + job.documents[list]![index]!.length;

  function takeShare(maxCharacters: number): I[] {
    const isAlone = executors.length === 1;
    const minItems = isAlone ? Infinity : Math.ceil(waiting.length / (2 * executors.length));
    let characters = 0;
    const last = waiting.findIndex((item, i) => {
      characters += lengthOf(item);
      return characters >= maxCharacters || (i + 1 >= minItems && characters >= MIN_SHARE_CHARACTERS);
    });
    return waiting.splice(0, last < 0 ? waiting.length : last + 1);
  }

  async function work(executor: Executor<T>, finish: () => void): Promise<void> {
    let maxCharacters = hasTimeLimit ? FIRST_SHARE_CHARACTERS : MAX_SHARE_CHARACTERS;
    while (unfinished > 0) {
      if (waiting.length === 0) {
        await change;
        continue;
      }
      try {
        await executor.ready();
      } catch (error) {
        // The others continue without it.
        if (--usableExecutors > 0) return;
        throw error;
      }
      const share = takeShare(maxCharacters);
      if (share.length === 0) continue;
      maxCharacters = Math.min(2 * maxCharacters, MAX_SHARE_CHARACTERS);
      const open = new Set(share);
      try {
        await executor.run(listsOf(share, job), options, controller.signal, (results) => {
          for (const [position, result] of results) {
            const item = share[position]!;
            if (!open.delete(item)) continue;
            unfinished--;
            onResult(item, result);
          }
        });
        if (unfinished === 0) {
          finish();
          notify();
        }
      } catch (error) {
        if (error instanceof DocumentError) throw describeDocument(error, share, job);
        // After an abort, a death may be the reason of the signal.
        const isDeath = error instanceof WorkerDied && !controller.signal.aborted;
        if (!isDeath || ++deaths >= maxDeaths) throw error;
        waiting = [...open, ...waiting];
        notify();
        change = new Promise((resolve) => (notify = resolve));
      }
    }
  }

  if (unfinished === 0) return;
  try {
    await new Promise<void>((finish, fail) => {
      for (const executor of executors) work(executor, finish).catch(fail);
    });
  } catch (error) {
    controller.abort(error);
    throw error;
  } finally {
    controller.unlink();
  }
}

/** The lists that some documents of a job form, in the same order. */
export function listsOf(items: Item[], { queries, documents }: Job): Lists {
  const lists: Lists = { queries: [], documents: [] };
  items.forEach(({ list, index }, i) => {
    if (list !== items[i - 1]?.list) {
      lists.queries.push(queries[list]!);
      lists.documents.push([]);
    }
    lists.documents.at(-1)!.push(documents[list]![index]!);
  });
  return lists;
}

function describeDocument(error: DocumentError, share: Item[], job: Job): CrossrankError {
  const { list, index } = share[error.position]!;
  return new CrossrankError(error.code, `${job.describe(list, index)}: ${error.message}`);
}
