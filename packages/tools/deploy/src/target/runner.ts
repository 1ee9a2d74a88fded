/** A program: supervises another one until it is told to end, and writes down how it is. Started by `detached.ts`. */
import { appendFileSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { realRuntime } from 'dure/runtime'
import { supervise } from 'dure/supervisor'
import { writeAtomically, type DetachedOptions, type DetachedState } from './detached.ts'

/** Bytes of a log before it becomes the old one, whose place it takes. */
const LONGEST_LOG = 8 * 1024 * 1024

const { folder, process: what, shutdownTimeout } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as DetachedOptions
const given = new AbortController()
const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      given.abort()
      resolve()
    })
})
let state: DetachedState = { ready: false, restarts: 0 }
const become = (change: Partial<DetachedState>): void => {
  state = { ...state, ...change }
  writeAtomically(join(folder, 'state.json'), JSON.stringify(state))
}

const log = join(folder, 'log')
let bytes = statSync(log, { throwIfNoEntry: false })?.size ?? 0
const write = (text: string): void => {
  bytes += Buffer.byteLength(text) + 1
  if (bytes > LONGEST_LOG) {
    renameSync(log, `${log}.old`)
    bytes = Buffer.byteLength(text) + 1
  }
  appendFileSync(log, `${text}\n`, { mode: 0o600 })
}

try {
  const supervisor = await supervise({
    ...{ directory: folder, runtime: realRuntime(), processes: [what], shutdownTimeout, signal: given.signal },
    onLine: ({ text }) => write(text),
    onEvent: (event) => {
      if (event.kind === 'ended') become({ ready: false, restarts: state.restarts + 1, reason: `it ${event.how}` })
      if (event.kind === 'back') become({ ready: true })
    },
  })
  become({ ready: true })
  await stopped
  await supervisor.stop()
} catch (error) {
  become({ reason: (error as Error).message })
  process.exitCode = 1
}
