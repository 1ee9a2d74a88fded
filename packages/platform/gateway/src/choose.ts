import type { Ids, Random } from 'dure/runtime'
import type { Route } from './compiled.ts'
import { addField, createEdits, type ProxiedRequest } from './proxy/proxy.ts'
import { hashOf, type Upstream } from './upstreams/upstreams.ts'
import { fieldOf } from './wire/wire.ts'

export type Chosen = {
  readonly upstream: Upstream
  /** Whoever has it comes to the same instance again. */
  readonly key: string | undefined
}

/** Which of a route's upstreams a request goes to: by their weights, or by what a cookie says. */
export function chooseTarget(client: ProxiedRequest, route: Route, { random, ids }: { random: Random; ids: Ids }): Chosen {
  const { targets, total, options } = route
  const key = options.sticky === undefined ? undefined : stickyKey(client, options.sticky, ids)
  if (targets.length === 1) return { upstream: targets[0]!.upstream, key }
  let left = key === undefined ? random.integer(total) : hashOf(key) % total
  for (const { upstream, weight } of targets) {
    if (left < weight) return { upstream, key }
    left -= weight
  }
  return { upstream: targets.at(-1)!.upstream, key }
}

function stickyKey(client: ProxiedRequest, cookie: string, ids: Ids): string {
  const given = fieldOf(client.head, 'cookie')
  const found = given === undefined ? undefined : new RegExp(`(?:^|;\\s*)${cookie}=([\\w-]{1,64})(?:;|$)`).exec(given)?.[1]
  if (found !== undefined) return found
  const made = ids.hex(16)
  client.answerEdits ??= createEdits()
  addField(client.answerEdits, 'set-cookie', `${cookie}=${made}; Path=/; HttpOnly; SameSite=Lax`)
  return made
}
