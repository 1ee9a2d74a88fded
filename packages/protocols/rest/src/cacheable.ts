/** Answers that others may give again, as the contract says: RFC 9111. */
import { hash } from 'node:crypto'
import type { AnyOperation, HttpMapping } from 'dure/contract'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendJson, sendNothing, type DoorState } from './reply.ts'

/** What `Cache-Control` says of an operation's answers; undefined: its contract says nothing. */
export function cacheControlOf({ bindings, scope }: AnyOperation): string | undefined {
  const cache = bindings.http?.cache
  if (cache === undefined) return undefined
  const { fresh, stale = 0, shared = scope === undefined ? undefined : false } = cache
  const whose = shared === undefined ? [] : [shared ? 'public' : 'private']
  const onError = stale === 0 ? [] : [`stale-if-error=${stale / 1_000}`]
  return [...whose, `max-age=${fresh / 1_000}`, ...onError].join(', ')
}

/** Sends one with what tells it from others, or says that the client has it already. */
export function sendCacheable(
  reply: FastifyReply,
  state: DoorState,
  answer: { readonly text: string; readonly caching: string; readonly request: FastifyRequest; readonly http: HttpMapping },
): void {
  const { text, caching, request, http } = answer
  const tag = `"${hash('sha1', text, 'base64url')}"`
  reply.header('cache-control', caching).header('etag', tag)
  const known = request.headers['if-none-match']
  const tags = known === undefined ? [] : known.split(',').map((each) => each.trim().replace(/^W\//, ''))
  if (tags.includes(tag) || known === '*') sendNothing(reply, state, 304)
  else sendJson(reply, state, http.status, text)
}
