/**
 * The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: codes of one length follow each other in the order of
 * their bytes, and lengths in order of size; so the lengths say it all. The last is that of the end of text, which is never sent.
 */
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22,
  23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22,
  21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26,
  27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26,
  26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
]
const END = 256

/** By byte. */
const CODES = new Uint32Array(LENGTHS.length)
/**
 * One step of decoding takes half a byte. By state and half byte: the next state, in the upper bits; that a byte is done, and
 * that what has come may end here; and the byte. A state is a place in the tree of codes; 0 is the root.
 */
const DONE = 0x100
const MAY_END = 0x200
const STATE = 10
const STEPS = buildSteps()

function buildSteps(): Int32Array {
  // A node is two places: where 0 leads, and where 1 does. Up from LEAF a place is a byte.
  const LEAF = 1_000
  const tree: [number, number][] = [[0, 0]]
  // What ends a text early is the beginning of END: ones alone, fewer than eight.
  const mayEnd = new Set([0])
  let code = 0
  let length = 0
  for (const byte of LENGTHS.keys()
    .toArray()
    .sort((a, b) => LENGTHS[a]! - LENGTHS[b]! || a - b)) {
    code *= 2 ** (LENGTHS[byte]! - length)
    length = LENGTHS[byte]!
    CODES[byte] = code
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const way = (code >>> bit) & 1
      if (tree[node]![way] === 0) tree[node]![way] = tree.push([0, 0]) - 1
      node = tree[node]![way]!
      if (byte === END && length - bit < 8) mayEnd.add(node)
    }
    tree[node]![code & 1] = LEAF + byte
    code++
  }
  const steps = new Int32Array(tree.length * 16)
  for (let state = 0; state < tree.length; state++) {
    for (let half = 0; half < 16; half++) {
      let node = state
      let done = 0
      for (let bit = 3; bit >= 0; bit--) {
        node = tree[node]![(half >>> bit) & 1]!
        if (node < LEAF) continue
        // The end of text inside of one is an error (section 5.2).
        if (node === LEAF + END) done = -1
        else done = DONE | (node - LEAF)
        node = 0
      }
      steps[state * 16 + half] = done === -1 ? -1 : (node << STATE) | done | (mayEnd.has(node) ? MAY_END : 0)
    }
  }
  return steps
}

/**
 * @param into at least 8/5 of the bytes long
 * @returns how many bytes were written; -1: it is no such code, or is padded wrongly
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number, into: Uint8Array): number {
  let [state, at, step] = [0, 0, MAY_END]
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    step = STEPS[state * 16 + (byte >>> 4)]!
    if (step === -1) return -1
    if ((step & DONE) !== 0) into[at++] = step & 0xff
    step = STEPS[(step >>> STATE) * 16 + (byte & 15)]!
    if (step === -1) return -1
    if ((step & DONE) !== 0) into[at++] = step & 0xff
    state = step >>> STATE
  }
  return (step & MAY_END) === 0 ? -1 : at
}

/** Bytes that it takes. */
export function huffmanLength(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i)]!
  return Math.ceil(bits / 8)
}

/** @param text of characters up to 255 @returns where it ends */
export function encodeHuffman(text: string, into: Uint8Array, from: number): number {
  let at = from
  // Of the bits that wait there are fewer than eight, and a code has at most 30: more than an integer of 32 bits takes.
  let [waiting, count] = [0, 0]
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i)
    let left = LENGTHS[byte]!
    while (left > 0) {
      const taken = Math.min(8 - count, left)
      left -= taken
      waiting = (waiting << taken) | ((CODES[byte]! >>> left) & ((1 << taken) - 1))
      count += taken
      if (count < 8) continue
      into[at++] = waiting
      ;[waiting, count] = [0, 0]
    }
  }
  if (count > 0) into[at++] = (waiting << (8 - count)) | (0xff >>> count)
  return at
}
