import * as abi from "../abi";
import { readParams, readSeries, writeFailure, writeResult } from "../boundary";
import { Failure } from "../failure";
import { exported, Strategy } from "../signals";
import { Targets } from "../targets";

/** The times of each instrument's bars; empty unless there are several instruments to merge. */
let times: StaticArray<i64>[] = [];
/** The room for the first answer, which a task then need not allocate. */
let spare: Targets = new Targets(0, 0);
let instruments: i32 = 0;
let bars: i32 = 0;

export function prepare(data: usize, len: usize): abi.Result {
  const all = readSeries(new abi.List(data, len));
  instruments = all.length;
  bars = 0;
  times = [];
  for (let i = 0; i < instruments; i++) {
    bars += all[i].length;
    if (instruments > 1) times.push(all[i].time);
  }
  const failure = strategy().prepare(all);
  spare = new Targets(instruments, bars);
  return writeResult(failure);
}

export function evaluate(params: usize, len: usize): abi.ResultTargets {
  const read = readParams(new abi.List(params, len));
  const targets = spare.length == 0 ? spare : new Targets(instruments, bars);
  let failure = strategy().evaluate(read, targets);
  if (read.failure !== null) failure = read.failure;
  return failure === null ? writeTargets(targets.finish(times)) : writeNone(failure);
}

function writeTargets(targets: Targets): abi.ResultTargets {
  const result = abi.ResultTargets.alloc();
  const into = result.ok;
  into.at.ptr = changetype<usize>(targets.at);
  into.instrument.ptr = changetype<usize>(targets.instruments);
  into.exposure.ptr = changetype<usize>(targets.exposure);
  into.at.len = into.instrument.len = into.exposure.len = targets.length;
  return result;
}

function writeNone(failure: Failure): abi.ResultTargets {
  const result = abi.ResultTargets.alloc();
  result.tag = abi.ResultTargetsTag.Error;
  writeFailure(failure, result.error);
  return result;
}

function strategy(): Strategy {
  const strategy = exported;
  if (strategy === null) throw new Error("no strategy is exported: call `exportSignals`");
  return strategy;
}
