/**
 * Chance that does not depend on the order of asking: every site (a name) has a stream of its own, so that taking one
 * fault out of a run leaves the dice of all other sites as they were. That is what lets a failing run be made smaller.
 */
export type Chance = {
  /** A site's own dice: each throw a number in [0, 1). */
  readonly site: (name: string) => () => number
  /** A seed of a name's own, from 0 to 4,294,967,295. */
  readonly seed: (name: string) => number
}

export function createChance(seed: number): Chance {
  const root = mix(seed >>> 0, 0x9e3779b9)
  return {
    site: (name) => {
      const own = mix(root, hashText(name))
      let count = 0
      return () => mix(own, ++count) / 4294967296
    },
    seed: (name) => mix(root, hashText(name)),
  }
}

/** FNV-1a, 32 bits. */
export function hashText(text: string, from = 0x811c9dc5): number {
  let hash = from
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** Two words into one, every bit depending on every other (the finaliser of MurmurHash3). */
export function mix(a: number, b: number): number {
  let hash = (a ^ Math.imul(b, 0x85ebca6b)) >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  hash = Math.imul(hash + b, 0x9e3779b1)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** A whole number from `least` to `most`, by a throw. */
export function between(throwOf: number, least: number, most: number): number {
  return least + Math.floor(throwOf * (most - least + 1))
}

export function pick<T>(throwOf: number, list: readonly T[]): T {
  return list[Math.floor(throwOf * list.length)]!
}
