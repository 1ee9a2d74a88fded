import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { hystrixCommand } from 'dure/call/internal'
import { problem } from './problem.ts'
import { sendProblem, type DoorState } from './reply.ts'

/** Who watches at once. */
const WATCHERS = 10
/** Milliseconds between samples, as Hystrix has them. */
const INTERVAL = 500
/** Samples that a watcher may leave unread before its connection is cut. */
const UNREAD = 60

/**
 * How calls under policies stand, twice a second, as server-sent events: what Netflix' Hystrix dashboard reads. All watchers see the same
 * samples; one that reads slowly misses some, and none are taken while nobody watches.
 */
export function hystrixStream(state: DoorState): (reply: FastifyReply, instance: string) => void {
  const { host, world } = state
  const { timers, clock } = world.runtime
  const watchers = new Map<ServerResponse, { unread: number }>()
  let sampling = false

  const sample = async (): Promise<string> => {
    const commands = (await host.callsEverywhere()).map((one) => hystrixCommand(one, clock.now()))
    // As Hystrix does, where there is nothing to tell.
    return commands.length === 0 ? 'ping: \n\n' : commands.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
  }
  const tell = (text: string): void => {
    for (const [raw, watcher] of watchers) {
      if (!raw.writableNeedDrain) {
        watcher.unread = 0
        raw.write(text)
      } else if (++watcher.unread > UNREAD) raw.destroy()
    }
  }
  const again = async (): Promise<void> => {
    if (watchers.size === 0) {
      sampling = false
      return
    }
    try {
      tell(await sample())
    } catch (error) {
      world.log.error('Cannot tell how calls stand', { error })
    }
    timers.after(INTERVAL, () => void again())
  }

  return (reply, instance) => {
    if (watchers.size >= WATCHERS || state.closing) {
      const why = state.closing ? 'it is stopping' : `${WATCHERS} watch already`
      return sendProblem(reply, state, problem(503, 'UNAVAILABLE', `Cannot show how calls stand: ${why}`, instance))
    }
    const { raw } = reply
    reply.hijack()
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    const end = (): void => void raw.end()
    watchers.set(raw, { unread: 0 })
    state.streams.add(end)
    raw.once('close', () => {
      watchers.delete(raw)
      state.streams.delete(end)
    })
    raw.flushHeaders()
    if (sampling) return
    sampling = true
    void again()
  }
}
