// A repeatable random generator: its numbers depend only on the names given to the constructor, such as the seed.

import { createHash } from 'node:crypto'

export class Random {
  #state

  constructor(...names) {
    this.#state = createHash('sha256').update(names.join('\0')).digest().readUInt32LE()
  }

  /** A fraction from 0 up to 1, by mulberry32 (Tommy Ettinger, public domain). */
  #next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** A non-negative integer below `end`. */
  below(end) {
    return Math.floor(this.#next() * end)
  }

  /** True with a probability of `share` percent. */
  percent(share) {
    return this.#next() * 100 < share
  }

  /** A random item of the list. */
  of(list) {
    return list[this.below(list.length)]
  }
}
