import type { CallContext } from 'dure/call'
import type { ConnectPeer, Peer, Route, Target } from 'dure/call/internal'
import { CallError } from 'dure/contract'
import type { Address } from 'dure/discovery'
import type { Deadlines } from 'dure/runtime'
import { backoff } from 'dure/runtime/internal'
import type { Process } from '../kernel/kernel.ts'
import { createLink, type Host, type Link } from './link.ts'
import { sentCall } from './sent-call.ts'
import { sentStream } from './sent-stream.ts'
import type { Reach, Waiting } from './way.ts'
import { HANDSHAKE, type NetworkWorld } from './wire.ts'

/** Peers of one process over the simulated network: connecting, coming back and giving up as the socket's peers do. */
export function simulatedPeers(options: {
  readonly world: NetworkWorld
  readonly process: Process
  readonly deadlines: Deadlines
  readonly hostAt: (address: Address) => Host | undefined
}): ConnectPeer {
  return (address) => createPeer(address, options)
}

const BACKOFF = { first: 50, max: 2_000 }

function createPeer(address: Address, options: Parameters<typeof simulatedPeers>[0]): Peer {
  const { world, process, deadlines, hostAt } = options
  const { runtime } = process
  const where = address.kind === 'unix' ? address.path : `${address.host}:${address.port}`
  const routes = new Map<string, Route>()
  let state: ReturnType<Peer['state']> = 'idle'
  let stopped = false
  let failures = 0
  let link: Link | undefined
  let lastReason = 'it has not been tried'
  let waiting = new Set<Waiting>()

  const unreached = (place: string): CallError =>
    new CallError('UNAVAILABLE', `Call to ${place} failed: no connection to ${where}: ${lastReason}`, {
      details: { begun: false },
      inside: true,
    })

  const lost = (reason: string): void => {
    link = undefined
    state = 'down'
    lastReason = reason
    const all = waiting
    waiting = new Set()
    for (const one of all) one.fail(unreached(one.place))
    if (stopped) return
    failures++
    runtime.timers.after(backoff(BACKOFF, failures, runtime.random), () => {
      if (!stopped && link === undefined && state === 'down') connect()
    })
  }

  const up = (host: Host): void => {
    if (stopped) return
    if (host.closed || host.leaving || host.process.state === 'dead') return lost('connection refused')
    failures = 0
    state = 'up'
    const mine: Link = createLink({
      world,
      client: process,
      host,
      onClose: (reason) => void (link === mine && lost(reason)),
      onLeave: () => {
        if (link !== mine) return
        // What is under way there is still answered; nothing more is sent.
        state = 'down'
        lastReason = 'the other side is stopping'
      },
    })
    link = mine
    const all = waiting
    waiting = new Set()
    for (const one of all) one.start(mine)
  }

  const connect = (): void => {
    state = 'connecting'
    const host = hostAt(address)
    const now = world.now()
    if (host === undefined || host.process.state === 'dead' || host.closed) {
      world.at(now + 0.2, process, () => void (state === 'connecting' && lost('connection refused')))
      return
    }
    const begin = Math.max(now, world.cutUntil(process, host.process), world.cutUntil(host.process, process))
    const arrival = begin + world.latency(process, host.process) + world.latency(host.process, process)
    if (arrival - now > HANDSHAKE || host.process.state === 'frozen') {
      world.at(now + HANDSHAKE, process, () => void (state === 'connecting' && lost(`no greeting within ${HANDSHAKE} ms`)))
    } else world.at(arrival, process, () => void (state === 'connecting' && up(host)))
  }

  const reach: Reach = (place) => {
    if (state === 'up') return link!
    if (state === 'idle' && !stopped) connect()
    if (state === 'connecting') return 'connecting'
    return stopped
      ? new CallError('UNAVAILABLE', `Call to ${place} failed: this side has stopped`, {
          details: { begun: false },
          inside: true,
        })
      : unreached(place)
  }

  const makeRoute = (target: Target): Route => {
    const place = `${target.service}.${target.operation}`
    const way = {
      target,
      place,
      deadlines,
      soon: runtime.timers.soon,
      reach,
      wait: (one: Waiting) => void waiting.add(one),
      unwait: (one: Waiting) => void waiting.delete(one),
    }
    return {
      call: (input: unknown, context: CallContext) => sentCall(way, input, context),
      stream: (input: unknown, context: CallContext, incoming?: AsyncIterable<unknown>) => ({
        [Symbol.asyncIterator]: () => sentStream(way, input, context, incoming),
      }),
    }
  }

  return {
    address,
    route: (target) => {
      const key = `${target.service}.${target.operation}`
      let route = routes.get(key)
      if (route === undefined) routes.set(key, (route = makeRoute(target)))
      return route
    },
    state: () => state,
    pending: () => link?.pending() ?? 0,
    stop: async () => {
      stopped = true
      state = 'down'
      link?.close('this side has stopped')
    },
  }
}
