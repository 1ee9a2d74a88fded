import { type OnStarted, type Started, type Where } from './channel.ts'
import { startProcess } from './child-process.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import type { ProcessOptions, SupervisorOptions } from './options.ts'
import { startThread } from './thread.ts'

/** One process or thread, from its start to its end. */
export type Launched = Pick<Started, 'pid' | 'thread' | 'kill'> & {
  /** Resolves when its program is loaded and only waits to be told `go`; rejects when it ends instead. */
  readonly loaded: Promise<void>
  /** Resolves with what it said when it got ready; rejects when it ends instead. */
  readonly ready: Promise<unknown>
  /** Resolves when it has ended, with how: `ended with code 1`, `was killed by SIGKILL`. */
  readonly ended: Promise<string>
  /** Lets it begin its work. */
  readonly go: () => void
  /** Asks it to finish what is under way and end; kills it when that takes too long. */
  readonly stop: (options?: { readonly replaced?: boolean }) => Promise<void>
  readonly kill: () => void
  /** Has it take a part of the system in, or give one out; rejects when it says that it cannot. */
  readonly place: (part: string, where: Where) => Promise<Placed>
}

/** Whether it did so, or has ended and holds nothing any more. */
export type Placed = 'done' | 'ended'

const LAST_WORDS = 20

export function launch(
  options: Pick<SupervisorOptions, 'directory' | 'onLine' | 'shutdownTimeout' | 'silence' | 'runtime'> & {
    readonly process: ProcessOptions
    readonly sockets: ListeningSockets | undefined
    readonly onSilence: () => void
  },
): Launched {
  const { process: what, sockets, runtime, onLine, shutdownTimeout = 20_000, silence = 30_000 } = options
  const { clock, timers } = runtime
  const { name } = what
  const said: string[] = []
  const loaded = Promise.withResolvers<void>()
  const ready = Promise.withResolvers<unknown>()
  const ended = Promise.withResolvers<string>()
  let asks = 0
  let gone = false
  const placing = new Map<number, PromiseWithResolvers<Placed>>()
  // Whoever waits for neither must not fall over them.
  loaded.promise.catch(() => {})
  ready.promise.catch(() => {})
  const over = (how: string): void => {
    pulse.cancel()
    gone = true
    const kind = started.thread === undefined ? 'Process' : 'Thread'
    const error = new Error(`${kind} "${name}" ${how}; the last it said: ${said.join('\n').trim() || 'nothing'}`)
    loaded.reject(error)
    ready.reject(error)
    for (const one of placing.values()) one.resolve('ended')
    ended.resolve(how)
  }
  /** When it was last heard of; a program that is still being loaded cannot speak yet. */
  let heard = Number.POSITIVE_INFINITY
  // A process that stands still long enough is as good as dead. One that this process could not listen to is not.
  let looked = clock.monotonic()
  const feel = (): void => {
    const now = clock.monotonic()
    if (now - looked > silence / 3 && heard < now) heard = now
    looked = now
    if (now - heard > silence) {
      // Said once: a thread that computes may take a while to end.
      options.onSilence()
      started.kill()
      return
    }
    pulse = timers.after(silence / 10, feel)
    started.tell({ dure: 'pulse' })
  }
  let pulse = timers.after(silence / 10, feel)
  const on: OnStarted = {
    message: (message) => {
      heard = clock.monotonic()
      if (message?.dure === 'loaded') loaded.resolve()
      if (message?.dure === 'ready') ready.resolve(message.info)
      if (message?.dure === 'placed') {
        const asked = placing.get(message.id)
        placing.delete(message.id)
        if (message.error === undefined) asked?.resolve('done')
        else asked?.reject(new Error(message.error))
      }
    },
    line: (stream, text) => {
      said.push(text)
      if (said.length > LAST_WORDS) said.shift()
      onLine({ name, stream, text })
    },
    over,
  }
  const started =
    what.thread === undefined || what.thread === false
      ? startProcess(what, sockets, on)
      : startThread(what, options.directory, on)

  return {
    pid: started.pid,
    thread: started.thread,
    loaded: loaded.promise,
    ready: ready.promise,
    ended: ended.promise,
    go: () => started.tell({ dure: 'go' }),
    kill: started.kill,
    place: (part, where) => {
      const asked = Promise.withResolvers<Placed>()
      const id = ++asks
      if (gone) asked.resolve('ended')
      else placing.set(id, asked)
      started.tell({ dure: 'place', id, part, where })
      return asked.promise
    },
    stop: async ({ replaced = false } = {}) => {
      const timer = timers.after(shutdownTimeout, started.kill)
      started.tell({ dure: 'stop', replaced })
      await ended.promise
      timer.cancel()
    },
  }
}
