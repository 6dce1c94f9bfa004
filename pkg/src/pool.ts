// One model in several seats, which share out the documents of a call.

import type { Encoding } from "../types/index.js";
import { Stop } from "./abort.js";
import { CrossrankError, disposed, DocumentError, isFailure, WorkerDied } from "./errors.js";
import type { Control, Home, Job, Lists } from "./home.js";
import type { CacheSeat, Recalled, Seat } from "./seat.js";
import type { Work } from "./work.js";

/** A document of a job, by its list and its place there. */
interface Item {
  list: number;
  index: number;
}

/** The length of a key of the score cache. */
const KEY_BYTES = 32;
/** The fewest characters that are worth a message: about one batch of the core. */
const LEAST_CHARACTERS = 2000;
/** Workers that may die in one call before it gives up, beside each of them once. */
const MOST_DEATHS = 2;
/** How long new scores wait for others before they are saved together, in milliseconds. */
const SAVE_AFTER = 1000;

/** A result that the cache did not know, and the key to keep it under. */
interface Fresh<W extends Work> {
  key: Uint8Array;
  result: W["result"];
}

/** Where the scores of a cache are kept between visits. */
export interface Keeper {
  load(): Promise<Uint8Array | undefined>;
  save(scores: Uint8Array): Promise<void>;
}

export interface PoolOptions<W extends Work> {
  /** What `info` calls this home. */
  home: "workers" | "in-thread";
  /** The seat whose cache serves all seats. */
  cache: CacheSeat<W> | undefined;
  /** Keeps what is in the cache. */
  keeper(): Promise<Keeper | undefined>;
  /** `false`: a call fails with the worker that dies. Default: others compute what it held. */
  goesOn?: boolean;
}

export class Pool<W extends Work> implements Home<W> {
  readonly #seats: Seat<W>[];
  readonly #home: PoolOptions<W>["home"];
  readonly #cache: CacheSeat<W> | undefined;
  readonly #mostDeaths: number;
  #keeper: Keeper | undefined;
  #saving: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  /** Why its device computes, where there was a choice. */
  deviceReason: string | undefined;

  private constructor(seats: Seat<W>[], { home, cache, goesOn = true }: PoolOptions<W>) {
    this.#seats = seats;
    this.#mostDeaths = goesOn ? seats.length + MOST_DEATHS : 1;
    this.#home = home;
    this.#cache = cache;
  }

  /** Resolves when the first seat is ready; the others may take their time. */
  static async load<W extends Work>(seats: Seat<W>[], options: PoolOptions<W>): Promise<Pool<W>> {
    const pool = new Pool(seats, options);
    try {
      const [first, ...others] = seats;
      await first!.ready();
      for (const seat of others) seat.ready().catch(() => {});
      pool.#keeper = await options.keeper();
      const saved = await pool.#keeper?.load();
      if (saved) await options.cache?.restore(saved);
    } catch (error) {
      void pool.dispose();
      throw error;
    }
    return pool;
  }

  async run(job: Job, control: Control<W>): Promise<void> {
    if (this.#disposed) throw disposed();
    const items = job.documents.flatMap((documents, list) =>
      documents.map((_, index): Item => ({ list, index })),
    );
    const { keys, results } = await this.#recall(job, control);
    const fresh: Fresh<W>[] = [];
    const keyOf = new Map(
      items.map((item, i) => [item, keys.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)]),
    );
    const rest = items.filter(({ list, index }, position) => {
      const result = results[position];
      if (result) control.found(list, index, result);
      return !result;
    });
    const found = (item: Item, result: W["result"]) => {
      if (keys.length > 0) fresh.push({ key: keyOf.get(item)!, result });
      control.found(item.list, item.index, result);
    };
    try {
      await deal(this.#seats, this.#mostDeaths, job, rest, control, found);
    } catch (error) {
      // The cache may have gone with its seat, which would be loaded again for these.
      if (isFailure(error)) fresh.length = 0;
      throw error;
    } finally {
      this.#remember(fresh);
    }
  }

  /** Resolves when all seats are ready, or could not be made so. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#seats.map((seat) => seat.ready()));
  }

  /** Ends at once, and keeps nothing: its seat may be lost. */
  abandon(): void {
    this.#disposed = true;
    clearTimeout(this.#saving);
    this.#saving = undefined;
    for (const seat of this.#seats) seat.dispose();
  }

  encode(...given: W["encode"]): Promise<Encoding> {
    return this.#first.encode(...given);
  }

  async info(): Promise<W["info"]> {
    const home = this.#home;
    const workers = home === "workers" ? this.#seats.length : 0;
    const known = await this.#first.info();
    const device = "gpu" in known && known.gpu ? "gpu" : "cpu";
    const { deviceReason } = this;
    return { home, workers, device, ...(deviceReason !== undefined && { deviceReason }), ...known };
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const seat of this.#seats.slice(1)) seat.dispose();
    // What waits to be saved is saved first.
    if (this.#saving !== undefined) {
      clearTimeout(this.#saving);
      await this.#save().catch(() => {});
    }
    this.#seats[0]!.dispose();
  }

  get #first(): Seat<W> {
    if (this.#disposed) throw disposed();
    return this.#seats[0]!;
  }

  async #recall(job: Job, { options, skipCache }: Control<W>): Promise<Recalled<W>> {
    const nothing = { keys: new Uint8Array(), results: [] };
    if (skipCache || !this.#cache) return nothing;
    try {
      const { queries, documents } = job;
      return await this.#cache.recall({ queries, documents }, options);
    } catch (error) {
      // The cache went with its seat; scores can be computed.
      if (this.#disposed) throw error;
      return nothing;
    }
  }

  #remember(fresh: Fresh<W>[]): void {
    if (fresh.length === 0 || this.#disposed) return;
    const keys = new Uint8Array(fresh.length * KEY_BYTES);
    fresh.forEach(({ key }, i) => keys.set(key, i * KEY_BYTES));
    // A cache that cannot be written to costs time, and no more.
    const remembered = this.#cache!.remember(keys, fresh.map(({ result }) => result));
    remembered.catch(() => {});
    if (this.#keeper && this.#saving === undefined) {
      this.#saving = setTimeout(() => this.#save().catch(() => {}), SAVE_AFTER);
    }
  }

  async #save(): Promise<void> {
    this.#saving = undefined;
    await this.#keeper!.save(await this.#cache!.save());
  }
}

/**
 * One job among the seats. Each takes a share of what is left, about half of what would be fair,
 * so that all end at about the same time, and goes on until nothing is left. Documents are taken
 * in the order given: a call that is cut short has scored the first stage's best.
 */
async function deal<W extends Work>(
  seats: Seat<W>[],
  mostDeaths: number,
  job: Job,
  items: Item[],
  { options, signal }: Control<W>,
  found: (item: Item, result: W["result"]) => void,
): Promise<void> {
  let waiting = [...items];
  let left = items.length;
  let usable = seats.length;
  let deaths = 0;
  const stop = new Stop(signal);
  /** Resolves when documents wait again, because a worker has died, or when there are none left. */
  let wake!: () => void;
  let news = new Promise<void>((resolve) => (wake = resolve));

  const textOf = ({ list, index }: Item) => job.documents[list]![index]!;

  function takeShare(): Item[] {
    if (seats.length === 1) return waiting.splice(0);
    const fair = Math.ceil(waiting.length / (2 * seats.length));
    let characters = 0;
    const enough = waiting.findIndex((item, i) => {
      characters += textOf(item).length;
      return i + 1 >= fair && characters >= LEAST_CHARACTERS;
    });
    return waiting.splice(0, enough < 0 ? waiting.length : enough + 1);
  }

  async function work(seat: Seat<W>, finish: () => void): Promise<void> {
    while (left > 0) {
      if (waiting.length === 0) {
        await news;
        continue;
      }
      try {
        await seat.ready();
      } catch (error) {
        // The others go on without it.
        if (--usable > 0) return;
        throw error;
      }
      const share = takeShare();
      if (share.length === 0) continue;
      const open = new Set(share);
      try {
        await seat.run(jobOf(share, job), options, stop.signal, (results) => {
          for (const [position, result] of results) {
            const item = share[position]!;
            if (!open.delete(item)) continue;
            left--;
            found(item, result);
          }
        });
        if (left === 0) {
          finish();
          wake();
        }
      } catch (error) {
        if (error instanceof DocumentError) throw named(error, share, job);
        // The reason of a stop may itself be a death.
        const goesOn = error instanceof WorkerDied && !stop.signal.aborted;
        if (!goesOn || ++deaths >= mostDeaths) throw error;
        waiting = [...open, ...waiting];
        wake();
        news = new Promise((resolve) => (wake = resolve));
      }
    }
  }

  if (left === 0) return;
  try {
    await new Promise<void>((finish, fail) => {
      for (const seat of seats) work(seat, finish).catch(fail);
    });
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    stop.unfollow();
  }
}

/** A job of some of another's documents, in their order. */
function jobOf(items: Item[], { queries, documents }: Job): Lists {
  const part: Lists = { queries: [], documents: [] };
  items.forEach(({ list, index }, i) => {
    if (list !== items[i - 1]?.list) {
      part.queries.push(queries[list]!);
      part.documents.push([]);
    }
    part.documents.at(-1)!.push(documents[list]![index]!);
  });
  return part;
}

function named(error: DocumentError, share: Item[], job: Job): CrossrankError {
  const { list, index } = share[error.position]!;
  return new CrossrankError(error.code, `${job.place(list, index)}: ${error.message}`);
}
