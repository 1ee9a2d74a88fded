/** One connection to a service: calls go out, and their answers come in the same order. */
import type { Socket } from 'node:net'
import { CallError } from 'dure/contract'
import { NOT_BEGUN } from 'dure/call/internal'
import type { Timer, Timers } from 'dure/runtime'
import { readException } from '../methods.ts'
import { BinaryReader, CompactReader, Frames, EXCEPTION, Malformed, MESSAGE } from '../wire/wire.ts'
import type { Asked } from './asked.ts'
import { declaredError, exceptionError } from './failure.ts'

export type Connection = {
  readonly send: (asked: Asked) => void
  /** Calls that wait for their answers here. */
  readonly load: () => number
  readonly end: () => void
}

export type ConnectionOptions = {
  readonly socket: Socket
  /** The event that says that it can be used. */
  readonly ready: 'connect' | 'secureConnect'
  readonly where: string
  readonly limits: { readonly answer: number; readonly idle: number }
  readonly timers: Timers
  /** It has room for another call. */
  readonly onFree: () => void
  readonly onUp: () => void
  /** `wasUp`: whether it was ever connected. */
  readonly onGone: (connection: Connection, why: { readonly wasUp: boolean; readonly why: string }) => void
}

export function createConnection(options: ConnectionOptions): Connection {
  const { socket, ready, where, limits, timers, onFree, onUp, onGone } = options
  const frames = new Frames(limits.answer)
  const under: Asked[] = []
  let [up, why]: [boolean, string] = [false, 'it was closed by the other side']
  let idle: Timer | undefined

  const rest = (): void => {
    idle?.cancel()
    idle = undefined
    if (under.length > 0) return void socket.ref()
    // Nobody waits for it: it does not keep the process alive.
    socket.unref()
    idle = timers.after(limits.idle, () => socket.destroy())
  }

  const answered = (message: Buffer): void => {
    const asked = under[0]
    if (asked === undefined) throw new Malformed('an answer that nobody waits for')
    const from = message[0] === 0x82 ? new CompactReader(message) : new BinaryReader(message)
    const head = from.message()
    if (head.sequence !== asked.sequence) throw new Malformed(`an answer to call ${head.sequence}, and not to ${asked.sequence}`)
    if (head.type === MESSAGE.exception) {
      const exception = readException(from)
      under.shift()
      return asked.fail(exceptionError(asked.place, exception))
    }
    if (head.type !== MESSAGE.reply) throw new Malformed(`a message of type ${head.type}, which is no answer`)
    const result = asked.codec.readResult(from)
    under.shift()
    if (result.kind === 'value') asked.succeed(result.value)
    else if (result.kind === 'error') asked.fail(declaredError(asked.codec, result))
    else asked.fail(exceptionError(asked.place, { message: '', type: EXCEPTION.missingResult }))
  }

  const lost = ({ place }: Asked): CallError => {
    const words = up ? `the connection to ${where} was lost: ${why}` : `no connection to ${where}: ${why}`
    const details = up ? {} : { details: NOT_BEGUN }
    return new CallError('UNAVAILABLE', `Call to ${place} failed: ${words}`, { inside: true, ...details })
  }

  socket.setNoDelay(true)
  socket.once(ready, () => {
    up = true
    onUp()
  })
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk)
    try {
      for (let message = frames.next(); message !== undefined; message = frames.next()) answered(message)
    } catch (error) {
      // What follows it cannot be told from it.
      why = `its answer could not be read: ${(error as Error).message}`
      for (const asked of under.splice(0, 1)) asked.fail(new CallError('INTERNAL', `Call to ${asked.place} failed: ${why}`))
      return void socket.destroy()
    }
    rest()
    onFree()
  })
  socket.on('error', (error) => void (why = error.message))
  const connection: Connection = {
    load: () => under.length,
    end: () => void socket.destroy(),
    send: (asked) => {
      if (asked.oneway) {
        socket.ref()
        return void socket.write(asked.message, (error) => {
          if (error) return asked.fail(lost(asked))
          rest()
          asked.succeed(undefined)
        })
      }
      under.push(asked)
      rest()
      // What nobody waits for any more is still answered, unless it is all that there is.
      asked.onEnd = () => {
        if (under.includes(asked) && under.every(({ isOver }) => isOver)) socket.destroy()
      }
      socket.write(asked.message)
    },
  }
  socket.once('close', () => {
    idle?.cancel()
    onGone(connection, { wasUp: up, why })
    for (const asked of under.splice(0)) asked.fail(lost(asked))
  })
  return connection
}
