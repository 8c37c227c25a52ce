import { Description } from "./description";
import "./exports/metadata";

/** What has a name and parameters. */
export abstract class Described {
  /** Describes the strategy: its name and every parameter. */
  abstract describe(): Description;
}

/** Describes the component by `plugin`, unless it is described already. */
export function declare(plugin: Described): void {
  if (described === null) described = plugin;
}

/** What describes the component. */
export let described: Described | null = null;
