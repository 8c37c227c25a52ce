import { allocate } from "../memory";

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  return size == 0 ? align : allocate(old, oldSize, size);
}
