/** Follows files that lines are written to, over their rotation. */
import { open, type FileHandle } from 'node:fs/promises'
import type { Runtime, Timer } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import type { Intake } from '../intake.ts'
import type { LogRecord } from '../record.ts'
import { lineOf } from './lines.ts'

export type FollowedFile = {
  readonly path: string
  /** Whose lines they are, where they do not say. */
  readonly service: string
  /** Milliseconds between two looks. Default 1,000. */
  readonly interval?: number
}

/** Bytes that are read at once; of a line, more is cut off. */
const [CHUNK, LONGEST] = [256 * 1024, 1024 * 1024]

/** What was in a file before is not read: it may be old, and long. @returns how it ends */
export function follow(
  files: readonly FollowedFile[],
  world: { readonly runtime: Runtime; readonly log: Logger; readonly intake: Intake },
): () => Promise<void> {
  const each = files.map((file) => followOne(file, world))
  return async () => void (await Promise.all(each.map((stop) => stop())))
}

function followOne(
  { path, service, interval = 1_000 }: FollowedFile,
  { runtime, log, intake }: { readonly runtime: Runtime; readonly log: Logger; readonly intake: Intake },
): () => Promise<void> {
  let file: { readonly handle: FileHandle; readonly inode: number } | undefined
  let [at, rest, isFirst, stopped, troubled] = [0, '', true, false, false]
  let timer: Timer | undefined
  let looking: Promise<void> = Promise.resolve()

  const take = async (text: string): Promise<void> => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!.slice(0, LONGEST)
    const logs: LogRecord[] = []
    for (const line of lines) {
      if (line.trim() === '') continue
      const record = lineOf(line.slice(0, LONGEST), { service, now: intake.now() })
      if ('error' in record) intake.refuse('file', 1)
      else logs.push(record)
    }
    if (logs.length > 0) await intake.take('file', { logs, spans: [], metrics: [], exceptions: [] })
  }
  const readOn = async (handle: FileHandle): Promise<void> => {
    const { size } = await handle.stat()
    // It was emptied, and is written to from its beginning.
    if (size < at) at = 0
    const buffer = Buffer.alloc(CHUNK)
    const decoder = new TextDecoder()
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, at)
      if (bytesRead === 0) return
      // Whole lines only: a character may be cut in two.
      const end = buffer.lastIndexOf(10, bytesRead - 1) + 1
      const taken = end === 0 ? bytesRead : end
      if (end === 0 && bytesRead < CHUNK) return
      at += taken
      await take(decoder.decode(buffer.subarray(0, taken)))
    }
  }
  const look = async (): Promise<void> => {
    const handle = await open(path, 'r')
    const { ino: inode, size } = await handle.stat()
    if (file !== undefined && file.inode !== inode) {
      // Another file has its name now: what is left of the old one first.
      await readOn(file.handle)
      await file.handle.close()
      file = undefined
      at = 0
    }
    if (file === undefined) {
      if (isFirst) at = size
      file = { handle, inode }
    } else await handle.close()
    isFirst = false
    await readOn(file.handle)
  }
  const next = async (): Promise<void> => {
    try {
      await look()
      troubled = false
    } catch (error) {
      // A file that comes later is read from its beginning.
      isFirst = false
      if (!troubled) log.warn('A file cannot be followed; it is tried again', { path, error })
      troubled = true
    }
    if (!stopped) timer = runtime.timers.after(interval, () => (looking = next()))
  }
  looking = next()
  return async () => {
    stopped = true
    timer?.cancel()
    await looking
    await file?.handle.close()
  }
}
