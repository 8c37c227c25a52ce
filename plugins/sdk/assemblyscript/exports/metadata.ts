import * as abi from "../abi";
import { Description, Parameter } from "../description";
import { writeText } from "../memory";
import { described } from "../metadata";
import { Value } from "../params";
import "../runtime";
import "./memory";

export function describe(): abi.Description {
  const result = abi.Description.alloc();
  const plugin = described;
  if (plugin === null) throw new Error("no strategy is exported: call `exportSignals` or `exportEvents`");
  write(plugin.describe(), result);
  return result;
}

function write(description: Description, into: abi.Description): void {
  writeText(into.name, description.name);
  writeText(into.version, description.version);
  writeText(into.summary, description.summary);
  const parameters = description.parameters;
  abi.Parameter.allocList(into.parameters, parameters.length);
  for (let i = 0; i < parameters.length; i++) {
    writeParameter(parameters[i], abi.Parameter.at(into.parameters, i));
  }
}

function writeParameter(parameter: Parameter, into: abi.Parameter): void {
  writeText(into.name, parameter.name);
  writeText(into.doc, parameter.doc);
  writeValue(parameter.defaultValue, into.defaultValue);
  writeBound(parameter.minimum, into.minimum);
  writeBound(parameter.maximum, into.maximum);
  const choices = parameter.choices;
  abi.Value.allocList(into.choices, choices.length);
  for (let i = 0; i < choices.length; i++) writeValue(choices[i], abi.Value.at(into.choices, i));
}

function writeValue(value: Value, into: abi.Value): void {
  into.tag = value.type;
  if (value.type == abi.ValueTag.Boolean) into.boolean = value.boolean;
  else if (value.type == abi.ValueTag.Integer) into.integer = value.integer;
  else if (value.type == abi.ValueTag.Number) into.number = value.number;
  else writeText(into.text, value.text);
}

/** A bound that is not a number is none. */
function writeBound(bound: f64, into: abi.OptionF64): void {
  into.tag = isNaN(bound) ? abi.OptionF64Tag.None : abi.OptionF64Tag.Some;
  into.some = bound;
}
