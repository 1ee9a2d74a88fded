/** FNV-1a, 32 bits, of a text: the same on every machine and in every run. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // A last stir (murmur3's), because FNV leaves the high bits of short texts alike.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A fraction in [0, 1) drawn from a seed and a name. */
export function fractionOf(seed: number, name: string): number {
  return hash32(`${seed}:${name}`) / 4294967296
}
