// Gives what is exported the names of the contract, and sees to it that nothing but the contract is imported.
//
// The functions of `sdk/exports/signals.ts` become those of the interface `signals`, and so on; each such file that the
// strategy has come to import is exported. What the strategy's own file exports is not.

const PACKAGE = "backtest:strategy";
const VERSION = "0.1.0";
const EXPORTS = "sdk/exports/";
/** `SourceKind.UserEntry` of the compiler: a file whose exports are those of the module. */
const ENTRY = 1;

/** The methods of a strategy that the SDK calls. */
const CALLED = /#(describe|prepare|evaluate|start|onBar|onTime|onFill|onReject|finish)$/;

/** What to do instead of asking the machine. */
const INSTEAD = {
  "Date.now": "take the time of a bar",
  "performance.now": "`host sweep` says how long a task takes",
  "crypto.getRandomValues": "take `Math.random`, which gives the same numbers in every task",
};

export default class {
  afterParse(parser) {
    this.names = new Map();
    for (const source of parser.sources) {
      if (source.internalPath.startsWith(EXPORTS)) this.exportAll(source);
    }
  }

  /** Has all functions of `source` exported, and notes under which names. */
  exportAll(source) {
    source.sourceKind = ENTRY;
    const file = source.internalPath.slice(EXPORTS.length);
    for (const name of source.statements.map((statement) => statement.name?.text).filter(Boolean)) {
      const contract = `${PACKAGE}/${file}@${VERSION}#${name.replace(/[A-Z]/g, "-$&").toLowerCase()}`;
      this.names.set(`${source.internalPath}/${name}`, file === "memory" ? name : contract);
    }
  }

  afterCompile(module) {
    this.rename(module);
    this.keepNames(module);
    const refused = this.imports(module).filter((name) => !name.startsWith(`${PACKAGE}/`));
    if (refused.length > 0) throw refusal(refused);
  }

  rename(module) {
    const { Function: FUNCTION } = this.binaryen.ExternalKinds ?? { Function: this.binaryen.ExternalFunction };
    for (const { name, value, kind } of this.exported(module)) {
      if (kind !== FUNCTION || name === "_initialize") continue;
      module.removeExport(name);
      if (this.names.has(value)) module.addFunctionExport(value, this.names.get(value));
    }
  }

  /**
   * Keeps the strategy's functions that the SDK calls, and those that throw, from being merged into their callers: they are
   * what an author looks for in a trace.
   */
  keepNames(module) {
    const functions = module.emitText().split(/\n (?=\(func )/).filter((text) => text.startsWith("(func $"));
    for (const text of functions) {
      const name = text.slice("(func $".length).split(/[\s)]/, 1)[0];
      const own = !/^(~|sdk\/)/.test(name);
      if (own && (CALLED.test(name) || text.includes("(call $sdk/runtime/abort"))) {
        this.binaryen.setPassArgument("no-inline", name);
        module.runPasses(["no-inline"]);
      }
    }
  }

  exported(module) {
    const all = Array.from({ length: module.getNumExports() }, (_, index) => module.getExportByIndex(index));
    return all.map((each) => this.binaryen.getExportInfo(each));
  }

  /** What the module imports: `backtest:strategy/host@0.1.0.log` and the like, or `Date.now` of the machine. */
  imports(module) {
    const all = Array.from({ length: module.getNumFunctions() }, (_, index) => module.getFunctionByIndex(index));
    const infos = all.map((each) => this.binaryen.getFunctionInfo(each)).filter(({ module }) => module);
    return infos.map(({ module, base }) => (module === "env" ? base : `${module}.${base}`));
  }
}

function refusal(names) {
  const lines = names.map((name) => `\`${name}\` asks the machine, which a strategy cannot: ${INSTEAD[name] ?? "leave it out"}`);
  const error = new Error(lines.join("\n"));
  error.stack = error.message;
  return error;
}
