import { ValueTag } from "./abi";
import { Failure } from "./failure";

/** The value of a parameter: of its four fields, the one that `type` names. */
export class Value {
  boolean: bool = false;
  integer: i64 = 0;
  number: f64 = 0;
  text: string = "";

  private constructor(readonly type: ValueTag) {}

  static ofBoolean(boolean: bool): Value {
    const value = new Value(ValueTag.Boolean);
    value.boolean = boolean;
    return value;
  }

  static ofInteger(integer: i64): Value {
    const value = new Value(ValueTag.Integer);
    value.integer = integer;
    return value;
  }

  static ofNumber(number: f64): Value {
    const value = new Value(ValueTag.Number);
    value.number = number;
    return value;
  }

  static ofText(text: string): Value {
    const value = new Value(ValueTag.Text);
    value.text = text;
    return value;
  }
}

/**
 * The parameters of one task: every declared one, within its declared bounds and choices.
 *
 * Reading one that is not declared, or as another type than the declared one, fails the task, whatever the strategy
 * returns. It goes on with a zero until then, since AssemblyScript has no exceptions.
 */
export class Params {
  private failed: Failure | null = null;

  constructor(private names: string[], private values: Value[]) {}

  /** The value of a parameter that is true or false. */
  boolean(name: string): bool {
    return this.read(name, ValueTag.Boolean).boolean;
  }

  /** The value of a parameter that is a whole number. */
  integer(name: string): i64 {
    return this.read(name, ValueTag.Integer).integer;
  }

  /** The value of a parameter that counts something, for example the bars of a window; a negative one fails the task. */
  count(name: string): i32 {
    const value = this.integer(name);
    if (value >= 0 && value <= i32.MAX_VALUE) return <i32>value;
    this.fail(Failure.invalid(`\`${name}\` counts something, so it cannot be ${value}`));
    return 0;
  }

  /** The value of a parameter that is a real number. */
  number(name: string): f64 {
    return this.read(name, ValueTag.Number).number;
  }

  /** The value of a parameter that is a text. */
  text(name: string): string {
    return this.read(name, ValueTag.Text).text;
  }

  /** What was first wrong with reading a parameter, if anything was. */
  get failure(): Failure | null {
    return this.failed;
  }

  private read(name: string, wanted: ValueTag): Value {
    const index = this.names.indexOf(name);
    if (index < 0) {
      return this.miss(wanted, `the plugin asks for parameter \`${name}\`, which its description does not declare`);
    }
    const value = this.values[index];
    if (value.type == wanted) return value;
    return this.miss(
      wanted,
      `the plugin reads parameter \`${name}\` as ${described(wanted)}, but its description declares ${described(value.type)}`,
    );
  }

  private miss(wanted: ValueTag, why: string): Value {
    this.fail(Failure.failed(why));
    return zero(wanted);
  }

  private fail(failure: Failure): void {
    if (this.failed === null) this.failed = failure;
  }
}

function zero(type: ValueTag): Value {
  if (type == ValueTag.Boolean) return Value.ofBoolean(false);
  if (type == ValueTag.Integer) return Value.ofInteger(0);
  return type == ValueTag.Number ? Value.ofNumber(0) : Value.ofText("");
}

function described(type: ValueTag): string {
  if (type == ValueTag.Boolean) return "a boolean";
  if (type == ValueTag.Integer) return "an integer";
  return type == ValueTag.Number ? "a number" : "a text";
}
