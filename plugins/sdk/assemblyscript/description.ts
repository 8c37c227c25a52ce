import { Value } from "./params";

/** One parameter that a plugin takes. */
export class Parameter {
  minimum: f64 = NaN;
  maximum: f64 = NaN;
  choices: Value[] = [];

  constructor(readonly name: string, readonly doc: string, readonly defaultValue: Value) {}
}

/**
 * A plugin in its own words: name, version and one sentence for the user, then its parameters, one by one. The host keeps
 * every value within what is declared here.
 */
export class Description {
  readonly parameters: Parameter[] = [];

  constructor(readonly name: string, readonly version: string, readonly summary: string) {}

  /** Declares a parameter that is true or false. */
  boolean(name: string, doc: string, value: bool): this {
    return this.parameter(name, doc, Value.ofBoolean(value));
  }

  /** Declares a parameter that is a whole number. */
  integer(name: string, doc: string, value: i64): this {
    return this.parameter(name, doc, Value.ofInteger(value));
  }

  /** Declares a parameter that is a real number. */
  number(name: string, doc: string, value: f64): this {
    return this.parameter(name, doc, Value.ofNumber(value));
  }

  /** Declares a parameter that is a text. */
  text(name: string, doc: string, value: string): this {
    return this.parameter(name, doc, Value.ofText(value));
  }

  /** Bounds the parameter declared last: `minimum` and `maximum` are both allowed. */
  range(minimum: f64, maximum: f64): this {
    return this.atLeast(minimum).atMost(maximum);
  }

  /** Bounds the parameter declared last from below: `minimum` is allowed. */
  atLeast(minimum: f64): this {
    this.last().minimum = minimum;
    return this;
  }

  /** Bounds the parameter declared last from above: `maximum` is allowed. */
  atMost(maximum: f64): this {
    this.last().maximum = maximum;
    return this;
  }

  /** Lists all that the parameter declared last, a whole number, may be. */
  oneOfIntegers(choices: i64[]): this {
    for (let i = 0; i < choices.length; i++) this.last().choices.push(Value.ofInteger(choices[i]));
    return this;
  }

  /** Lists all that the parameter declared last, a real number, may be. */
  oneOfNumbers(choices: f64[]): this {
    for (let i = 0; i < choices.length; i++) this.last().choices.push(Value.ofNumber(choices[i]));
    return this;
  }

  /** Lists all that the parameter declared last, a text, may be. */
  oneOf(choices: string[]): this {
    for (let i = 0; i < choices.length; i++) this.last().choices.push(Value.ofText(choices[i]));
    return this;
  }

  private parameter(name: string, doc: string, value: Value): this {
    this.parameters.push(new Parameter(name, doc, value));
    return this;
  }

  private last(): Parameter {
    const declared = this.parameters.length;
    if (declared == 0) throw new Error("bounds and choices belong to the parameter declared before them");
    return this.parameters[declared - 1];
  }
}
