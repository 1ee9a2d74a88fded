import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  consistencyProof,
  EMPTY,
  goesOn,
  grown,
  inclusionProof,
  innerHash,
  leafHash,
  provenRoot,
  rootOf,
  type Frontier,
} from './merkle.ts'

/** A tree of so many lines, each a number. */
function tree(size: number, line: (at: number) => string = String) {
  const nodes = new Map<string, Buffer>()
  let frontier: Frontier = []
  const roots = [rootOf(frontier)]
  for (let at = 0; at < size; at++) {
    frontier = grown(frontier, at, leafHash(line(at)), (level, place, hash) => nodes.set(`${level} ${place}`, hash))
    roots.push(rootOf(frontier))
  }
  return { roots, node: (level: number, at: number) => nodes.get(`${level} ${at}`)! }
}

/** The root as RFC 6962 defines it. */
function defined(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return EMPTY
  if (leaves.length === 1) return leaves[0]!
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  return innerHash(defined(leaves.slice(0, half)), defined(leaves.slice(half)))
}

test('roots are those of the RFC, and of the tree that others test with', () => {
  const leaves = Array.from({ length: 70 }, (_, at) => leafHash(String(at)))
  const { roots } = tree(70)
  for (const [size, root] of roots.entries()) assert.deepEqual(root, defined(leaves.slice(0, size)))
  // Of the reference implementation of Certificate Transparency.
  const hex = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
  const known = hex.reduce<Frontier>((frontier, bytes, at) => grown(frontier, at, leafHash(Buffer.from(bytes, 'hex'))), [])
  assert.equal(rootOf(known).toString('hex'), '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
})

test('every line is proven in every tree that has it, and another line, place or root is not', async () => {
  const { roots, node } = tree(40)
  for (let size = 1; size <= 40; size++)
    for (let at = 0; at < size; at++) {
      const proof = await inclusionProof(at, size, node)
      assert.deepEqual(provenRoot(leafHash(String(at)), at, size, proof), roots[size])
      assert.notDeepEqual(provenRoot(leafHash('another'), at, size, proof), roots[size])
      if (size > 1) assert.notDeepEqual(provenRoot(leafHash(String(at)), (at + 1) % size, size, proof), roots[size])
      assert.equal(provenRoot(leafHash(String(at)), at, size, [...proof, EMPTY]), undefined)
    }
  assert.equal(provenRoot(EMPTY, 1, 1, []), undefined)
  assert.equal(provenRoot(EMPTY, -1, 1, []), undefined)
})

test('every later tree is shown to go on from every earlier one, and from no other', async () => {
  const { roots, node } = tree(40)
  const other = tree(40, (at) => (at === 3 ? 'changed' : String(at)))
  for (let size = 0; size <= 40; size++)
    for (let from = 0; from <= size; from++) {
      const proof = await consistencyProof(from, size, node)
      const now = { size, root: roots[size]! }
      assert.equal(goesOn({ size: from, root: roots[from]! }, now, proof), true, `${from} ${size}`)
      if (from > 3) assert.equal(goesOn({ size: from, root: other.roots[from]! }, now, proof), false)
      if (from > 0 && from < size) assert.equal(goesOn({ size: from, root: roots[from]! }, now, proof.slice(1)), false)
    }
  assert.equal(goesOn({ size: 2, root: roots[2]! }, { size: 1, root: roots[1]! }, []), false)
})

test('a proof with anything changed in it proves nothing', async () => {
  const { roots, node } = tree(100)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 100 }), fc.nat(), fc.nat(), fc.nat(255), async (size, seed, place, bits) => {
      const at = seed % size
      const proof = await inclusionProof(at, size, node)
      const changed = proof.map((hash) => Buffer.from(hash))
      const hash = changed[place % changed.length]!
      hash[place % 32]! ^= bits
      assert.equal(provenRoot(leafHash(String(at)), at, size, changed)?.equals(roots[size]!), bits === 0)
    }),
  )
})
