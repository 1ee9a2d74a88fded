/** Where the lines of the access log go. */
import { createWriteStream } from 'node:fs'
import type { World } from 'dure/service'
import { createAccessLog, type AccessLog } from './seen.ts'

/** A file, or who takes lines. */
export function logTo(
  to: string | ((lines: string) => boolean | void),
  { runtime, log }: Pick<World, 'runtime' | 'log'>,
): { readonly log: AccessLog; readonly end: () => Promise<void> } {
  if (typeof to === 'function') {
    const made = createAccessLog(runtime, (lines, done) => {
      const text = lines.toString()
      done()
      return to(text)
    })
    return { log: made, end: async (): Promise<void> => made.flush() }
  }
  const stream = createWriteStream(to, { flags: 'a', highWaterMark: 4_194_304 })
  let failed = false
  stream.on('error', (error) => {
    if (!failed) log.error('Cannot write the access log; its lines are dropped', { file: to, error })
    failed = true
  })
  const made = createAccessLog(runtime, (lines, done) => !failed && stream.write(lines, done), true)
  stream.on('drain', made.drained)
  const end = async (): Promise<void> => {
    made.flush()
    await new Promise<void>((resolve) => (failed ? resolve() : stream.end(resolve)))
  }
  return { log: made, end }
}
