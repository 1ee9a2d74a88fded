/** The lines of an answer that goes on. @throws {RangeError} when one is longer than so many bytes */
export async function* readLines(bytes: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<string> {
  let begun: Uint8Array[] = []
  let size = 0
  for await (const chunk of bytes) {
    let from = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...begun, chunk.subarray(from, end)]).toString('utf8')
      begun = []
      size = 0
      from = end + 1
      if (line !== '') yield line
    }
    size += chunk.length - from
    if (size > most) throw new RangeError(`a line of its answer is longer than ${most} bytes`)
    if (from < chunk.length) begun.push(chunk.subarray(from))
  }
}
