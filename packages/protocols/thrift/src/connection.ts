/** One connection of a client: its messages are served side by side, and answered in the order in which they came. */
import type { Socket } from 'node:net'
import { Cancellation, type TcpConnection } from 'dure/door/internal'
import type { ThriftState, Asker } from './serve.ts'
import { Frames } from './wire/wire.ts'

type Slot = { frame: Buffer | undefined; done: boolean }

export function serveConnection(
  socket: Socket,
  options: { readonly state: ThriftState; readonly serve: (message: Buffer, asker: Asker) => void },
): TcpConnection {
  const { state, serve } = options
  const { limits, world } = state
  const frames = new Frames(limits.message)
  const slots: Slot[] = []
  const gone = new Cancellation()
  let [reading, writing, finishing, served] = [false, false, false, 0]

  const take = (): void => {
    // An answer at once would lead here again.
    if (reading) return
    reading = true
    try {
      while (!finishing && slots.length < limits.pipeline && !socket.writableNeedDrain) {
        const message = frames.next()
        if (message === undefined) break
        const slot: Slot = { frame: undefined, done: false }
        slots.push(slot)
        served++
        serve(message, {
          gone,
          answer: (frame) => {
            slot.frame = frame
            slot.done = true
            flushSoon()
          },
        })
      }
    } catch (error) {
      // What follows it cannot be told from it.
      world.log.debug('Ended a connection of Thrift', { why: (error as Error).message })
      return void socket.destroy()
    } finally {
      reading = false
    }
    if (slots.length >= limits.pipeline || socket.writableNeedDrain) socket.pause()
    else socket.resume()
  }

  const flushSoon = (): void => {
    if (writing) return
    writing = true
    world.runtime.timers.soon(flush)
  }

  const flush = (): void => {
    writing = false
    if (socket.destroyed) return
    const ready: Buffer[] = []
    while (slots[0]?.done === true) {
      const { frame } = slots.shift()!
      if (frame !== undefined) ready.push(frame)
    }
    if (ready.length > 0) socket.write(ready.length === 1 ? ready[0]! : Buffer.concat(ready))
    if (finishing && slots.length === 0) return void socket.end()
    take()
  }

  // One timer for all that may stall.
  let [seen, unsent, silent] = [0, 0, 0]
  const watch = (): void => {
    const stuck = socket.writableLength > 0 && socket.bytesWritten === unsent
    if (stuck || (frames.isPartial && slots.length === 0 && served === seen)) return void socket.destroy()
    silent = slots.length === 0 && served === seen ? silent + limits.stalled : 0
    if (silent >= limits.idle) return void socket.destroy()
    seen = served
    unsent = socket.bytesWritten
    timer = world.runtime.timers.after(Math.min(limits.stalled, limits.idle), watch)
  }
  let timer = world.runtime.timers.after(Math.min(limits.stalled, limits.idle), watch)

  socket.setNoDelay(true)
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk)
    take()
  })
  socket.on('drain', take)
  socket.on('error', () => {})
  socket.once('close', () => {
    timer.cancel()
    gone.cancel('caller')
  })
  return {
    finish: () => {
      finishing = true
      if (slots.length === 0) socket.end()
    },
    cut: () => void socket.destroy(),
  }
}
