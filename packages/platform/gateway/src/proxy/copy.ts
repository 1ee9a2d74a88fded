/** The buffer that bytes were read into is used again at once: what is written later is a copy. */
export function copyOf(bytes: Buffer, ranges: readonly number[], before: string, after: string): Buffer {
  let size = before.length + after.length
  for (let i = 0; i < ranges.length; i += 2) size += ranges[i + 1]! - ranges[i]!
  const copy = Buffer.allocUnsafe(size)
  let at = before === '' ? 0 : copy.write(before, 0, 'latin1')
  for (let i = 0; i < ranges.length; i += 2) at += bytes.copy(copy, at, ranges[i], ranges[i + 1])
  if (after !== '') copy.write(after, at, 'latin1')
  return copy
}
