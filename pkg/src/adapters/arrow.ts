// Gathers rows of Arrow's record batches, which Arrow itself does not offer in JavaScript. It makes new
// objects with the given ones only: an app may hold several copies of Arrow, which refuse each other's.

import { CrossrankError } from "crossrank";

/** What is used of Arrow's `RecordBatch`. */
export interface RecordBatch {
  schema: Schema;
  data: Data;
  numRows: number;
  get(index: number): { toJSON(): Record<string, unknown> } | null;
}
interface Schema {
  fields: Field[];
  metadata: Map<string, string>;
}
interface Field {
  name: string;
  type: DataType;
  clone(changes: { name: string; nullable: boolean }): Field;
}
interface DataType {
  typeId: number;
  toString(): string;
}
type Values = Uint8Array | Float32Array | BigInt64Array;
type Offsets = Int32Array | BigInt64Array;
interface Data {
  type: DataType;
  offset: number;
  length: number;
  stride: number;
  values: Values;
  valueOffsets: Offsets;
  children: Data[];
  getValid(index: number): boolean;
  clone(
    type: DataType,
    offset: number,
    length: number,
    nullCount: number,
    buffers: unknown[],
    children?: Data[],
  ): Data;
}

/** Arrow's numbers of the types that are not an array of values. */
const NULL = 1;
const BOOL = 6;
const STRUCT = 13;
const FIXED_SIZE_LIST = 16;
/** Values of different lengths: binary, text, list, map, large binary and large text. */
const VARIABLE = [4, 5, 12, 17, 19, 20];
/** Unions and dictionaries, whose parts cannot be joined without new types. */
const UNSUPPORTED = [14, -1];

/** Marks a value that is null in the result. */
const NONE = -1;

/** A row of the result: its place in each of the batches, or `NONE`. */
export type RowPlaces = readonly number[];

/**
 * Makes a batch with the rows. Its columns are those of all the batches, and a column with `scores`,
 * which has the type of one of the columns `like`. A row has the values of the first batch that holds both it and
 * the column, and null where no batch does.
 */
export function gatherRows(
  batches: readonly RecordBatch[],
  rows: readonly RowPlaces[],
  { name, like, scores }: { name: string; like: string[]; scores: number[] },
): RecordBatch {
  const names = [...new Set(batches.flatMap(({ schema }) => schema.fields.map((field) => field.name)))];
  const columns = names.map((column) => {
    const found = batches.map(({ schema, data }) => {
      const place = schema.fields.findIndex((field) => field.name === column);
      return place < 0 ? undefined : { field: schema.fields[place]!, data: data.children[place]! };
    });
    const parts = found.map((part) => part?.data);
    const starts = startsOf(parts);
    const places = rows.map((row) => {
      const batch = row.findIndex((place, i) => place !== NONE && parts[i]);
      return batch < 0 ? NONE : starts[batch]! + row[batch]!;
    });
    const { field, data } = found.find((part) => part)!;
    if (!isSupported(data)) {
      throw unsupported(`the column "${column}" has the type ${field.type}; select the other columns`);
    }
    const present = parts.filter((part) => part !== undefined);
    return {
      field: places.includes(NONE) ? field.clone({ name: column, nullable: true }) : field,
      data: gather(present, places),
    };
  });
  const model = columns.find(({ field }) => like.includes(field.name));
  if (!model) throw unsupported(`the results have none of the columns ${like.join(", ")}; select one`);
  const buffers = [undefined, Float32Array.from(scores)];
  columns.push({
    field: model.field.clone({ name, nullable: false }),
    data: model.data.clone(model.field.type, 0, rows.length, 0, buffers),
  });
  const [batch] = batches as [RecordBatch, ...RecordBatch[]];
  const fields = columns.map(({ field }) => field);
  const schema = construct(batch.schema, fields, batch.schema.metadata);
  const children = columns.map(({ data }) => data);
  const data = batch.data.clone(construct(batch.data.type, fields), 0, rows.length, 0, [], children);
  return construct(batch, schema, data);
}

function isSupported({ type, children }: Data): boolean {
  return !UNSUPPORTED.includes(type.typeId) && children.every(isSupported);
}

function unsupported(message: string): CrossrankError {
  return new CrossrankError("unsupported", message);
}

/** Makes another object of a class. */
function construct<T extends object>(model: T, ...given: unknown[]): T {
  return new (model.constructor as new (...given: unknown[]) => T)(...given);
}

/** Where each part begins if they follow each other. */
function startsOf(parts: readonly (Data | undefined)[]): number[] {
  let end = 0;
  return parts.map((part) => {
    const start = end;
    end += part?.length ?? 0;
    return start;
  });
}

/** The values at the places of parts that follow each other. */
function gather(parts: readonly Data[], places: readonly number[]): Data {
  const [first] = parts as [Data, ...Data[]];
  const starts = startsOf(parts);
  const at = (place: number): [Data, number] => {
    let i = parts.length - 1;
    while (starts[i]! > place) i--;
    return [parts[i]!, place - starts[i]!];
  };
  const { typeId } = first.type;
  const count = places.length;
  if (typeId === NULL) return first.clone(first.type, 0, count, 0, []);

  let nulls = 0;
  const validity = bitmap(count, (i) => {
    if (places[i] === NONE) return !++nulls;
    const [part, index] = at(places[i]!);
    return part.getValid(index) || !++nulls;
  });
  const isNull = (i: number) => nulls > 0 && !((validity[i >> 3]! >> (i & 7)) & 1);
  const toData = (buffers: unknown[], children: Data[] = []) => {
    const [offsets, values] = buffers;
    return first.clone(
      first.type,
      0,
      count,
      nulls,
      [offsets, values, nulls ? validity : undefined],
      children,
    );
  };
  /** Gathers the ranges of the children that `rangeOf` gives for a value. */
  const gatherChildren = (rangeOf: (part: Data, index: number) => [start: number, end: number]) =>
    first.children.map((_, c) => {
      const childParts = parts.map(({ children }) => children[c]!);
      const childStarts = startsOf(childParts);
      const childPlaces: number[] = [];
      places.forEach((place, i) => {
        const [part, index] = isNull(i) ? [first, NONE] : at(place);
        const [start, end] = rangeOf(part, index);
        const base = childStarts[parts.indexOf(part)]!;
        for (let j = start; j < end; j++) childPlaces.push(index === NONE ? NONE : base + j);
      });
      return gather(childParts, childPlaces);
    });

  if (typeId === STRUCT || typeId === FIXED_SIZE_LIST) {
    const size = typeId === STRUCT ? 1 : first.stride;
    return toData(
      [],
      gatherChildren((_part, index) => [index * size, (index + 1) * size]),
    );
  }
  if (typeId === BOOL) {
    const values = bitmap(count, (i) => {
      if (isNull(i)) return false;
      const [{ values, offset }, index] = at(places[i]!);
      return !!((Number(values[(offset + index) >> 3]!) >> ((offset + index) & 7)) & 1);
    });
    return toData([undefined, values]);
  }
  if (VARIABLE.includes(typeId)) {
    const rangeOf = ({ valueOffsets }: Data, index: number): [number, number] =>
      index === NONE ? [0, 0] : [Number(valueOffsets[index]!), Number(valueOffsets[index + 1]!)];
    const ranges = places.map((place, i) => (isNull(i) ? ([first, NONE] as const) : at(place)));
    const lengths = ranges.map(([part, index]) => rangeOf(part, index)).map(([start, end]) => end - start);
    let sum = 0;
    const ends = lengths.map((length) => (sum += length));
    const offsets: Offsets = construct(first.valueOffsets, count + 1);
    ends.forEach((end, i) => {
      if (offsets instanceof BigInt64Array) offsets[i + 1] = BigInt(end);
      else offsets[i + 1] = end;
    });
    if (first.children.length > 0) return toData([offsets], gatherChildren(rangeOf));
    const values = new Uint8Array(ends.at(-1) ?? 0);
    ranges.forEach(([part, index], i) => {
      const [start, end] = rangeOf(part, index);
      values.set((part.values as Uint8Array).subarray(start, end), ends[i]! - lengths[i]!);
    });
    return toData([offsets, values]);
  }
  const { stride } = first;
  const values = construct(first.values, count * stride) as Uint8Array;
  places.forEach((place, i) => {
    if (isNull(i)) return;
    const [part, index] = at(place);
    values.set((part.values as Uint8Array).subarray(index * stride, (index + 1) * stride), i * stride);
  });
  return toData([undefined, values]);
}

/** Packs bits. */
function bitmap(count: number, isSet: (index: number) => boolean): Uint8Array {
  const bits = new Uint8Array(Math.ceil(count / 64) * 8);
  for (let i = 0; i < count; i++) if (isSet(i)) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}
