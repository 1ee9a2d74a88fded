/** 32 bits of a text (FNV-1a over its UTF-16 code units, then mixed): the same on every machine. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193)
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193)
  }
  return mix(hash)
}

/** 32 bits of two hashes, not the same the other way round. */
export function hashOfBoth(one: number, other: number): number {
  return mix(Math.imul(one, 0x9e3779b1) ^ mix(other))
}

/** A number strictly between 0 and 1. */
export function fraction(hash: number): number {
  return (hash + 0.5) / 4_294_967_296
}

/** The finalizer of MurmurHash3: each bit of the input changes half of the output's. */
function mix(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
