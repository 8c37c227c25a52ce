// What every strategy uses. How it is run is in `signals` and `events`: what is imported from there is exported.

export { Description } from "./description";
export { Failure } from "./failure";
export { log } from "./log";
export { Params } from "./params";
export { Series } from "./series";
export { Position, Targets } from "./targets";
