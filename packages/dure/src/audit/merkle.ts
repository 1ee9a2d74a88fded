import { createHash } from 'node:crypto'

/**
 * The tree of RFC 6962, section 2.1: its root is one hash of all lines and their order, and a few hashes show that a line is in it, or that a
 * later tree goes on from an earlier one.
 */

/** Hash of a complete subtree: `level` 0 are leaves, and each stands for 2^level of them. */
export type Node = (level: number, at: number) => Promise<Buffer> | Buffer

const LEAF = Buffer.of(0)
const INNER = Buffer.of(1)

export function leafHash(line: string | Uint8Array): Buffer {
  return createHash('sha256').update(LEAF).update(line).digest()
}

export function innerHash(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(INNER).update(left).update(right).digest()
}

/** The root of no lines. */
export const EMPTY: Buffer = createHash('sha256').digest()

/** What must be known of a tree to add to it: the hash of each complete subtree, the largest first. */
export type Frontier = readonly Buffer[]

/** A tree with one more leaf. `complete` is called for each subtree that it completes, leaves included. */
export function grown(
  frontier: Frontier,
  size: number,
  leaf: Buffer,
  complete: (level: number, at: number, hash: Buffer) => void = () => {},
): Frontier {
  const next = [...frontier]
  let [hash, at, level] = [leaf, size, 0]
  complete(0, at, hash)
  for (; at % 2 === 1; at = Math.floor(at / 2)) {
    hash = innerHash(next.pop()!, hash)
    complete(++level, Math.floor(at / 2), hash)
  }
  next.push(hash)
  return next
}

export function rootOf(frontier: Frontier): Buffer {
  return frontier.length === 0 ? EMPTY : frontier.reduceRight((right, left) => innerHash(left, right))
}

/** The largest power of two below. */
function split(count: number): number {
  let half = 1
  while (half * 2 < count) half *= 2
  return half
}

/** The hash of leaves from `start` on. */
async function hashOf(start: number, count: number, node: Node): Promise<Buffer> {
  const level = Math.log2(count)
  if (Number.isInteger(level)) return node(level, start / count)
  const half = split(count)
  return innerHash(await hashOf(start, half, node), await hashOf(start + half, count - half, node))
}

/** RFC 6962, 2.1.1: the hashes beside the way from a leaf to the root of `size` leaves, the lowest first. */
export async function inclusionProof(index: number, size: number, node: Node): Promise<readonly Buffer[]> {
  const path = async (at: number, start: number, count: number): Promise<Buffer[]> => {
    if (count === 1) return []
    const half = split(count)
    return at < half
      ? [...(await path(at, start, half)), await hashOf(start + half, count - half, node)]
      : [...(await path(at - half, start + half, count - half)), await hashOf(start, half, node)]
  }
  return path(index, 0, size)
}

/** RFC 6962, 2.1.2: what shows that the tree of `size` leaves goes on from that of `from`. */
export async function consistencyProof(from: number, size: number, node: Node): Promise<readonly Buffer[]> {
  const path = async (old: number, start: number, count: number, whole: boolean): Promise<Buffer[]> => {
    if (old === count) return whole ? [] : [await hashOf(start, count, node)]
    const half = split(count)
    return old <= half
      ? [...(await path(old, start, half, whole)), await hashOf(start + half, count - half, node)]
      : [...(await path(old - half, start + half, count - half, false)), await hashOf(start, half, node)]
  }
  return from === 0 || from === size ? [] : path(from, 0, size, true)
}

/** RFC 9162, 2.1.3.2: the root that a proof leads to; undefined when it leads nowhere. */
export function provenRoot(leaf: Buffer, index: number, size: number, proof: readonly Buffer[]): Buffer | undefined {
  if (index < 0 || index >= size) return undefined
  let [first, second, hash] = [index, size - 1, leaf]
  for (const beside of proof) {
    if (second === 0) return undefined
    if (first % 2 === 1 || first === second) {
      hash = innerHash(beside, hash)
      while (first % 2 === 0 && first !== 0) [first, second] = [first / 2, Math.floor(second / 2)]
    } else hash = innerHash(hash, beside)
    ;[first, second] = [Math.floor(first / 2), Math.floor(second / 2)]
  }
  return second === 0 ? hash : undefined
}

/** RFC 9162, 2.1.4.2: whether a tree goes on from another. */
export function goesOn(
  old: { readonly size: number; readonly root: Buffer },
  now: { readonly size: number; readonly root: Buffer },
  proof: readonly Buffer[],
): boolean {
  if (old.size > now.size) return false
  if (old.size === now.size) return proof.length === 0 && old.root.equals(now.root)
  if (old.size === 0) return proof.length === 0
  const path = Number.isInteger(Math.log2(old.size)) ? [old.root, ...proof] : proof
  const [seed, ...rest] = path
  if (seed === undefined) return false
  let [first, second] = [old.size - 1, now.size - 1]
  while (first % 2 === 1) [first, second] = [Math.floor(first / 2), Math.floor(second / 2)]
  let [before, after] = [seed, seed]
  for (const beside of rest) {
    if (second === 0) return false
    if (first % 2 === 1 || first === second) {
      before = innerHash(beside, before)
      after = innerHash(beside, after)
      while (first % 2 === 0 && first !== 0) [first, second] = [first / 2, Math.floor(second / 2)]
    } else after = innerHash(after, beside)
    ;[first, second] = [Math.floor(first / 2), Math.floor(second / 2)]
  }
  return second === 0 && before.equals(old.root) && after.equals(now.root)
}
