import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from 'dure/runtime'
import type { DoorClient } from '../workload/door.ts'
import { createWaits, type Waited } from './waits.ts'

/** What those saw who came beside the workload. */
export type Visited = { readonly fresh: Waited; readonly slow: Waited; readonly busy: Waited }

/**
 * Clients that meet a door where its replacement is hardest: some make a new connection for every call, others keep one
 * and call so seldom that it stands idle in between; and `readers`, none by default, call again as soon as they are answered. None of
 * them asks twice.
 */
export function beginVisits(options: {
  readonly url: string
  readonly paths: readonly string[]
  readonly random: Random
  readonly readers?: number
}): {
  readonly end: () => Promise<Visited>
} {
  const { url, paths, random, readers = 0 } = options
  const [fresh, slow, busy] = [createWaits(), createWaits(), createWaits()]
  const over = new AbortController()
  const visit = async (door: DoorClient, pause: () => number): Promise<void> => {
    while (!over.signal.aborted) {
      await door.send('GET', paths[random.integer(paths.length)]!)
      await sleep(pause(), undefined, { signal: over.signal }).catch(() => {})
    }
    await door.close()
  }
  const many = (count: number, one: () => Promise<void>): Promise<void>[] => Array.from({ length: count }, one)
  const visits = [
    ...many(FRESH, () => visit(fresh.watch(simpleDoor(url, false)), () => random.number() * 20)),
    ...many(SLOW, () => visit(slow.watch(simpleDoor(url, true)), () => random.number() * 4_000)),
    ...many(readers, () => visit(busy.watch(simpleDoor(url, true)), () => 0)),
  ]
  return {
    end: async () => {
      over.abort()
      await Promise.all(visits)
      return { fresh: fresh.end(), slow: slow.end(), busy: busy.end() }
    },
  }
}

const FRESH = 4
const SLOW = 24
/** Milliseconds after which a call has failed. */
const PATIENCE = 20_000

/** Node's own client, which tells of a connection that broke under a request and never sends that again by itself. */
function simpleDoor(url: string, keepAlive: boolean): DoorClient {
  const agent = new Agent({ keepAlive, maxSockets: 1 })
  const fail = (): never => {
    throw new Error('A visitor only sends')
  }
  return {
    url,
    get: fail,
    lines: fail,
    close: async () => agent.destroy(),
    send: (method, path) =>
      new Promise((resolve) => {
        const lost = (error: Error): void => resolve({ kind: 'unknown', error })
        const asked = request(`${url}${path}`, { method, agent, timeout: PATIENCE }, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.once('end', () => resolve({ kind: 'answer', status: response.statusCode!, text }))
          response.once('error', lost)
        })
        asked.once('timeout', () => asked.destroy(new Error('No answer in time')))
        asked.once('error', lost)
        asked.end()
      }),
  }
}
