/** About how many bytes a value holds, counted up to `most`; more than that is `Infinity`. Whatever refers to itself has no end. */
export function sizeOf(value: unknown, most: number): number {
  let size = 0
  const left: unknown[] = [value]
  while (left.length > 0) {
    const one = left.pop()
    size += 8
    if (typeof one === 'string') size += Buffer.byteLength(one)
    else if (ArrayBuffer.isView(one)) size += one.byteLength
    else if (one instanceof Map || one instanceof Set) for (const entry of one as Iterable<unknown>) left.push(entry)
    else if (typeof one === 'object' && one !== null)
      for (const [name, member] of Object.entries(one)) {
        if (!Array.isArray(one)) size += name.length
        left.push(member)
      }
    if (size + 8 * left.length > most) return Infinity
  }
  return size
}
