// The types of the contract as they lie in memory, to and from those of the SDK.

import * as abi from "./abi";
import { Failure } from "./failure";
import { readText, takeArray, writeText } from "./memory";
import { Params, Value } from "./params";
import { Series } from "./series";

/** Takes over the bars of all instruments. */
export function readSeries(data: abi.List): Series[] {
  const all: Series[] = [];
  for (let i: usize = 0; i < data.len; i++) {
    const series = abi.Series.at(data, i);
    all.push(
      new Series(
        readText(series.symbol),
        takeArray<i64>(series.time),
        takeArray<f64>(series.open),
        takeArray<f64>(series.high),
        takeArray<f64>(series.low),
        takeArray<f64>(series.close),
        takeArray<f64>(series.volume),
      ),
    );
  }
  return all;
}

/** Reads a list of texts. */
export function readTexts(list: abi.List): string[] {
  const texts: string[] = [];
  for (let i: usize = 0; i < list.len; i++) texts.push(readText(abi.List.at(list, i)));
  return texts;
}

/** Reads the parameters of one task. */
export function readParams(list: abi.List): Params {
  const names: string[] = [];
  const values: Value[] = [];
  for (let i: usize = 0; i < list.len; i++) {
    const param = abi.Param.at(list, i);
    names.push(readText(param.name));
    values.push(readValue(param.value));
  }
  return new Params(names, values);
}

function readValue(value: abi.Value): Value {
  if (value.tag == abi.ValueTag.Boolean) return Value.ofBoolean(value.boolean);
  if (value.tag == abi.ValueTag.Integer) return Value.ofInteger(value.integer);
  if (value.tag == abi.ValueTag.Number) return Value.ofNumber(value.number);
  return Value.ofText(readText(value.text));
}

/** The answer of a function that returns nothing, or why not. */
export function writeResult(failure: Failure | null): abi.Result {
  const result = abi.Result.alloc();
  if (failure !== null) {
    result.tag = abi.ResultTag.Error;
    writeFailure(failure, result.error);
  }
  return result;
}

/** Both cases carry a text. */
export function writeFailure(failure: Failure, into: abi.Error): void {
  into.tag = failure.invalid ? abi.ErrorTag.InvalidParams : abi.ErrorTag.Failed;
  writeText(into.failed, failure.text);
}
