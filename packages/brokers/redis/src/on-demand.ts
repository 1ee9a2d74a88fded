import { connect, type Address, type Connection, type ConnectionWorld } from './connection.ts'
import { refusalOf } from './errors.ts'

/** A connection that is opened when it is first asked for. A server that has not answered is not asked for a while. */
export type OnDemand = {
  /** @throws {CallError} when the server does not answer, or has not just now */
  readonly run: <Reply>(...asked: Parameters<Connection['run']>) => Promise<Reply>
  readonly close: () => void
  readonly isClosed: () => boolean
}

/** @param pause milliseconds for which a server that has not answered is not asked */
export function connectOnDemand(address: Address, pause: number, world: ConnectionWorld): OnDemand {
  const { clock } = world.runtime
  let connecting: Promise<Connection> | undefined
  let closed = false
  let trouble: { readonly error: unknown; readonly until: number } | undefined

  const open = (): Promise<Connection> =>
    (connecting ??= connect(address, world).then((connection) => {
      if (closed) connection.close()
      return connection
    }))
  const begin = (): Promise<Connection> => {
    const mine = open()
    // The next one tries anew.
    mine.catch(() => {
      if (connecting === mine) connecting = undefined
    })
    return mine
  }

  return {
    run: async (...asked) => {
      if (trouble !== undefined && clock.monotonic() < trouble.until) throw trouble.error
      try {
        const reply = await (await begin()).run(...asked)
        trouble = undefined
        return reply as never
      } catch (error) {
        // A refusal is an answer.
        if (refusalOf(error) === '') trouble = { error, until: clock.monotonic() + pause }
        throw error
      }
    },
    close: () => {
      closed = true
      connecting?.then(
        (connection) => connection.close(),
        () => {},
      )
    },
    isClosed: () => closed,
  }
}
