import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { describeThrown } from '../../contract/internal.ts'
import { COPY, FIRST_SOCKET, SOCKETS, SUPERVISED, type FromProcess, type Supervised, type ToProcess } from './channel.ts'
import { joinSystemd } from './systemd.ts'

/**
 * The supervisor of this process, or of this thread: one of Dure's, or a unit of systemd, which hands over sockets and credentials and is
 * told when the process is ready (`Type=notify`). Undefined when nobody supervises it.
 *
 * @example
 * ```ts
 * import { joinSupervisor } from 'dure/supervisor'
 *
 * const supervised = joinSupervisor()
 * console.log(supervised) // → undefined
 * // In a process that a supervisor has started:
 * if (await supervised?.loaded()) {
 *   supervised?.ready({ urls: [] })
 *   await supervised?.stopped
 *   supervised?.leave()
 * }
 * ```
 */
export function joinSupervisor(): Supervised | undefined {
  const channel = isMainThread ? channelOfProcess() : channelOfThread()
  if (channel === undefined) return isMainThread ? joinSystemd(process.env) : undefined
  const go = Promise.withResolvers<void>()
  const stopped = Promise.withResolvers<string>()
  let manner = { everything: false, replaced: false }
  const stop = (reason: string, how: Partial<typeof manner> = {}): void => {
    manner = { ...manner, ...how }
    stopped.resolve(reason)
  }
  let place: Parameters<Supervised['placing']>[0] = async (part, where) => {
    throw new Error(`This process cannot move "${part}" ${where} while it works`)
  }
  channel.listen((message) => {
    if (message?.dure === 'place') {
      const { id, part, where } = message
      place(part, where).then(
        () => channel.say({ dure: 'placed', id, error: undefined }),
        (error: unknown) => channel.say({ dure: 'placed', id, error: describeThrown(error).message }),
      )
    }
    if (message?.dure === 'go') go.resolve()
    if (message?.dure === 'stop') {
      if (message.replaced) stop('another takes its place', { replaced: true })
      else stop('asked by its supervisor')
    }
    if (message?.dure === 'pulse') channel.say({ dure: 'pulse' })
  })
  // Who read what this process writes may be gone with its supervisor: it still finishes what is under way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  process.on('disconnect', () => stop('its supervisor is gone', { everything: true }))
  // Somebody wants this one process to stop: it does so cleanly, and its supervisor starts another.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop(signal))
  return {
    loaded: () => {
      channel.say({ dure: 'loaded' })
      return Promise.race([go.promise.then(() => true), stopped.promise.then(() => false)])
    },
    ready: (info) => channel.say({ dure: 'ready', info }),
    stopped: stopped.promise,
    manner: () => manner,
    sockets: socketsHanded(),
    copy: Number(process.env[COPY] ?? 1),
    placing: (how) => {
      place = how
    },
    leave: channel.leave,
  }
}

type Channel = {
  readonly say: (message: FromProcess) => void
  readonly listen: (told: (message: ToProcess) => void) => void
  readonly leave: () => void
}

function channelOfProcess(): Channel | undefined {
  if (process.env[SUPERVISED] === undefined || process.send === undefined || !process.connected) return undefined
  return {
    say: (message) => {
      if (process.connected) process.send!(message, () => {})
    },
    listen: (told) => void process.on('message', told),
    leave: () => {
      if (process.connected) process.disconnect!()
    },
  }
}

/** A thread that somebody else started, in a program that is supervised, has none: its data tell. */
function channelOfThread(): Channel | undefined {
  const port = parentPort
  const data = workerData as Readonly<Record<string, unknown>> | null
  if (port === null || data?.[SUPERVISED] !== true) return undefined
  return {
    say: (message) => port.postMessage(message),
    listen: (told) => void port.on('message', told),
    leave: () => port.close(),
  }
}

function socketsHanded(): ReadonlyMap<string, number> {
  const names = JSON.parse(process.env[SOCKETS] ?? '[]') as readonly string[]
  return new Map(names.map((name, i) => [name, FIRST_SOCKET + i]))
}
