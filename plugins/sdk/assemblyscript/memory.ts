// What passes through the boundary: texts and lists, in and out. Never copies a column of numbers.
//
// Between the moment when the host has allocated a list and that when a strategy's object holds it, and again until the
// host has read an answer, nothing holds it: the collector only runs where the SDK calls it, and it calls it nowhere else.

import { List } from "./abi";

/**
 * Makes room for what the host passes in. A list that is handed over becomes an array of the strategy's, where it lies.
 */
export function allocate(old: usize, oldSize: usize, size: usize): usize {
  return old == 0 ? __new(size, idof<ArrayBuffer>()) : __renew(old, size);
}

/** Takes over a list of the host's as an array. */
export function takeArray<T>(list: List): StaticArray<T> {
  if (list.len == 0) return new StaticArray<T>(0);
  // The room was made by `allocate`, with the head of an object of the same shape: only its type is another.
  changetype<Head>(list.ptr - offsetof<Head>()).rtId = idof<StaticArray<T>>();
  return changetype<StaticArray<T>>(list.ptr);
}

/** Reads a text of the host's. */
export function readText(list: List): string {
  return String.UTF8.decodeUnsafe(list.ptr, list.len);
}

/** Points `list` at `text`, for the host to read. */
export function writeText(list: List, text: string): void {
  const bytes = String.UTF8.encode(text);
  list.ptr = changetype<usize>(bytes);
  list.len = bytes.byteLength;
}

/** The last of what lies in front of an object. */
// @ts-ignore: decorator
@unmanaged class Head {
  rtId!: u32;
  rtSize!: u32;
}
