/** The buffer that bytes were read into is used again at once: what is written later is a copy. */
export function copyOf(bytes: Buffer, ranges: readonly number[], before = '', after = ''): Buffer {
  const copy = Buffer.allocUnsafe(sizeOf(ranges) + before.length + after.length)
  copyInto(copy, bytes, ranges, before, after)
  return copy
}

export function copyInto(copy: Buffer, bytes: Buffer, ranges: readonly number[], before: string, after: string): void {
  let at = before === '' ? 0 : copy.write(before, 0, 'latin1')
  for (let i = 0; i < ranges.length; i += 2) at += bytes.copy(copy, at, ranges[i], ranges[i + 1])
  if (after !== '') copy.write(after, at, 'latin1')
}

/** @param ranges pairs of where a part begins and ends */
export function sizeOf(ranges: readonly number[]): number {
  let size = 0
  for (let i = 0; i < ranges.length; i += 2) size += ranges[i + 1]! - ranges[i]!
  return size
}
