// Asks for everything that a machine could answer, and logs what it gets: the same in every task, run and build. What is
// not here, as `Date.now`, is refused when it is built.

import { Description, Failure, log, Params, Series, Targets } from "./sdk/backtest";
import { exportSignals, Strategy } from "./sdk/signals";

class Asker extends Strategy {
  private prepared: f64 = 0;

  describe(): Description {
    return new Description("determinism", "1.0.0", "Asks the machine.")
      .text("ask", "what for", "all")
      .oneOf(["all", "index", "deep"])
      .integer("task", "of no effect", 0);
  }

  prepare(data: Series[]): Failure | null {
    this.prepared = Math.random();
    return null;
  }

  evaluate(params: Params, targets: Targets): Failure | null {
    const ask = params.text("ask");
    if (ask == "index") log.info(`${[1, 2, 3][params.count("task") + 3]}`);
    else if (ask == "deep") log.info(`${deep(i32.MAX_VALUE)}`);
    else this.all();
    return null;
  }

  private all(): void {
    log.info(`Math.random: ${this.prepared} ${Math.random()} ${Mathf.random()}`);
    log.info(`Date: ${new Date(0).toISOString()}`);
    console.log("console");
    console.error("console error");
    console.assert(false, "assertion");
    trace("trace", 2, 1, 2.5);
  }
}

function deep(n: i32): i32 {
  return n == 0 ? 0 : 1 + deep(n - 1) + (n % 3);
}

exportSignals(new Asker());
