// The whole series at once, answered with target exposures. Whoever imports this file exports `signals`.

import { declare } from "./metadata";
import { Described } from "./metadata";
import { Failure } from "./failure";
import { Params } from "./params";
import { Series } from "./series";
import { Targets } from "./targets";
import "./exports/signals";

/** A strategy that sees the whole series at once. An answer must not depend on bars after the one that it names. */
export abstract class Strategy extends Described {
  /** Takes the data and computes whatever all combinations share. Called once for each data set. */
  abstract prepare(data: Series[]): Failure | null;

  /** Writes the targets for one combination of parameters. */
  abstract evaluate(params: Params, targets: Targets): Failure | null;
}

/** Makes `strategy` the one that the component exports. */
export function exportSignals(strategy: Strategy): void {
  declare(strategy);
  exported = strategy;
}

/** The strategy that the component exports. */
export let exported: Strategy | null = null;
