import type { Runtime } from 'dure/runtime'
import { backoff } from 'dure/runtime/internal'
import type { Connection } from './connection.ts'

/** Tells readers that something has come: one blocking read for all of them, on a connection of its own. */
export type WakeUps = {
  /** Calls `wake` once, when a stream has something after an id. Answers how to want it no more. */
  readonly watch: (key: string, after: string, wake: () => void) => () => void
  readonly stop: () => void
}

type Watch = { readonly key: string; readonly after: string; readonly wake: () => void }

/** Milliseconds of one read: news of what is watched is told to the server at the latest then. */
const BLOCK = 2_000
const RETRY = { first: 50, max: 2_000 }

export function createWakeUps({
  waiting,
  asking,
  runtime,
}: {
  readonly waiting: Connection
  readonly asking: Connection
  readonly runtime: Runtime
}): WakeUps {
  const watches = new Set<Watch>()
  let reading = false
  let stopped = false
  /** Ends the read under way. */
  let interrupt = (): void => {}

  const read = async (): Promise<void> => {
    reading = true
    for (let failed = 0; watches.size > 0 && !stopped;) {
      try {
        await readOnce()
        failed = 0
      } catch {
        // Who watches keeps its own time as well; the connection tells of its loss itself.
        await runtime.timers.sleep(backoff(RETRY, ++failed, runtime.random))
      }
    }
    reading = false
  }

  const readOnce = async (): Promise<void> => {
    const asked = [...watches]
    let ended = false
    const id = waiting.command<number>('be woken', ['CLIENT', 'ID'])
    interrupt = () => {
      interrupt = () => {}
      void unblock()
    }
    const unblock = async (): Promise<void> => {
      try {
        // It may not be waiting yet.
        while (!ended && Number(await asking.command('be woken', ['CLIENT', 'UNBLOCK', String(await id)])) === 0)
          await new Promise<void>((resolve) => void runtime.timers.after(2, resolve))
      } catch {
        // Where that is not allowed the read ends by itself.
      }
    }
    try {
      const words = [
        'XREAD',
        'COUNT',
        '1',
        'BLOCK',
        String(BLOCK),
        'STREAMS',
        ...asked.map(({ key }) => key),
        ...asked.map(({ after }) => after),
      ]
      const [found] = await Promise.all([
        waiting.command<[Buffer, unknown][] | null>('be woken', words, { longer: BLOCK, bytes: true }),
        id,
      ])
      const keys = new Set((found ?? []).map(([key]) => key.toString()))
      for (const watch of asked) if (keys.has(watch.key) && watches.delete(watch)) watch.wake()
    } finally {
      ended = true
      interrupt = () => {}
    }
  }

  return {
    watch: (key, after, wake) => {
      const watch: Watch = { key, after, wake }
      watches.add(watch)
      if (!reading && !stopped) void read()
      else interrupt()
      return () => void watches.delete(watch)
    },
    stop: () => {
      stopped = true
      watches.clear()
    },
  }
}
