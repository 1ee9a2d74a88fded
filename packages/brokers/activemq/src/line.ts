import { backoff, inTime } from 'dure/messaging/adapter'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { explain, lostError } from './errors.ts'
import { openWire, parse, type Address, type Wire } from './wire.ts'

/** A connection that is opened again by itself. */
export type Line = {
  /** Host and port, for words. */
  readonly where: string
  /** The one that is open; waited for as long as for an answer. */
  readonly wire: () => Promise<Wire>
  /** Undefined while there is none. */
  readonly now: () => Wire | undefined
  /** Told each time one is open, and when it is lost. Answers how to be told no more. */
  readonly listen: (listener: Listener) => () => void
  readonly close: () => Promise<void>
}

export type Listener = { readonly opened?: (wire: Wire) => void; readonly lost?: () => void }

const RETRY = { first: 50, max: 5_000 }

/** Opens the first one. @throws {CallError} what is wrong with the server, or the way to it */
export async function openLine(
  address: Address,
  { runtime, log }: { readonly runtime: Runtime; readonly log: Logger },
): Promise<Line> {
  const { where } = parse(address)
  const { timers, random } = runtime
  const listeners = new Set<Listener>()
  const closing = new AbortController()
  let current: Wire | undefined
  let opened = Promise.withResolvers<Wire>()

  const use = (wire: Wire): void => {
    current = wire
    opened.resolve(wire)
    for (const listener of listeners) listener.opened?.(wire)
    void wire.lost.then((error) => {
      current = undefined
      opened = Promise.withResolvers()
      for (const listener of listeners) listener.lost?.()
      if (closing.signal.aborted) return
      log.warn(`The connection to ActiveMQ at ${where} is lost; it is opened again`, {
        error: explain('go on', where, lostError(error, false)).message,
      })
      void open()
    })
  }
  const open = async (): Promise<void> => {
    for (let failures = 1; !closing.signal.aborted; failures++) {
      await timers.sleep(backoff(RETRY, failures, random), closing.signal)
      if (closing.signal.aborted) return
      try {
        const wire = await openWire(address, runtime)
        if (closing.signal.aborted) return wire.close()
        return use(wire)
      } catch (error) {
        if (failures === 1)
          log.warn(`ActiveMQ at ${where} cannot be reached; trying again`, { error: explain('connect', where, error).message })
      }
    }
  }
  try {
    use(await openWire(address, runtime))
  } catch (error) {
    throw explain('connect', where, error)
  }

  const gone = (): never => {
    throw lostError(new Error('it cannot be opened again yet'), false)
  }
  return {
    where,
    now: () => current,
    wire: async () => current ?? inTime(timers, address.timeout, opened.promise, gone),
    listen: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: async () => {
      closing.abort()
      await current?.close()
    },
  }
}
