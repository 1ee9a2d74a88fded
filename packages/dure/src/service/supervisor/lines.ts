import type { Readable } from 'node:stream'

/** A line longer than this comes in pieces: nobody may fill the memory by never ending one. */
const LONGEST = 64 * 1024

/** Tells every line of a stream, the last one also when it does not end. */
export function lines(stream: Readable, onLine: (text: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop()!
    for (const part of parts) onLine(part)
    while (rest.length > LONGEST) {
      onLine(rest.slice(0, LONGEST))
      rest = rest.slice(LONGEST)
    }
  })
  stream.on('end', () => {
    if (rest !== '') onLine(rest)
    rest = ''
  })
}
