/**
 * The partition that messages of a key go to: FNV-1a over the key's UTF-8 bytes, folded once so that
 * the low bits, which the remainder looks at, depend on the whole hash. The same on every machine for ever:
 * changing it would break the order of keys already written.
 * Source: http://www.isthe.com/chongo/tech/comp/fnv/
 *
 * @example
 * ```ts
 * import { partitionOf } from 'dure/messaging/adapter'
 *
 * console.log(partitionOf('o1', 8), partitionOf('키', 8)) // → 2 5
 * ```
 */
export function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code > 0x7f) return fold(hashBytes(Buffer.from(key))) % partitions
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  return fold(hash) % partitions
}

function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

function fold(hash: number): number {
  return (hash ^ (hash >>> 15)) >>> 0
}
